"""A server's time limits for each connection."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A server's time limits for each connection; 0 means no limit.

    Attributes:
        partial_seconds: after so many seconds of silence, an unfinished message is
            reported, marked ``partial``.
        partial_alone: do that only while no other connection is open, since nothing
            would separate it from other peers' messages.
        idle_seconds: after so many seconds of silence, the connection is ended. The
            peer may be silent while it is not read or is owed an answer, unless it
            takes none of the bytes that wait for it.
        handshake_seconds: how long a TLS handshake may take, without the time in
            which the sink is full; and how long a peer may read nothing that TLS
            sends it.
        keepalive_seconds: after so many seconds without an answer from the peer's
            machine, the connection is lost.
    """

    partial_seconds: float = 1.0
    partial_alone: bool = False
    idle_seconds: float = 0.0
    handshake_seconds: float = 10.0
    keepalive_seconds: float = 60.0
