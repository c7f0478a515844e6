"""How patient a server is with each connection."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How patient a server is with each connection; 0 is for ever.

    Attributes:
        partial_seconds: after so long a silence, what there is of a message is
            given out, marked ``partial``.
        partial_alone: only while its connection is the only one, since nothing
            would part it from what others send.
        idle_seconds: after so long a silence the connection is ended.
        handshake_seconds: how long a TLS handshake may take, not counting the time
            in which the sink is full; and how long a peer may read nothing of
            what TLS sends it.
        keepalive_seconds: after so long without a sign of life from the peer's
            machine the connection is lost.
    """

    partial_seconds: float = 1.0
    partial_alone: bool = False
    idle_seconds: float = 0.0
    handshake_seconds: float = 10.0
    keepalive_seconds: float = 60.0
