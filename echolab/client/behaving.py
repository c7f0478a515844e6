"""What a client can be told to do wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.behaviour.values import Behaviour

__all__ = ["both", "checked", "client_behaviour", "client_offers"]

KINDS = {
    "read-bytewise",
    "read-slowly",
    "stop-reading",
    "reset",
    "close",
    "half-close",
    "send-in-pieces",
    "send-slowly",
    "send-corrupted",
    "jitter",
}


def checked(behaviour: Behaviour) -> Behaviour:
    """Return a behaviour that a client can have.

    Raises:
        ValueError: only a server can do that.
    """
    for fault in behaviour:
        if fault.kind not in KINDS:
            raise ValueError(f"{fault.kind}: only a server can do that")
        if fault.after_messages is not None:
            raise ValueError(f"{fault.kind}: a client counts bytes, not messages")
    return behaviour


def client_offers() -> Iterator[str]:
    """Yield what completes a text for `client_behaviour`."""
    # Imported here, since most clients behave well.
    from echolab.behaviour.parsing import fault_offers
    from echolab.behaviour.values import Behaviour

    for offer in fault_offers(Behaviour):
        kind, _, parameter = offer.partition(":")
        if kind in KINDS and parameter != "after-messages=":
            yield offer


def client_behaviour(text: str) -> Behaviour:
    """Read what a client's ``--behave`` takes.

    Raises:
        ValueError: it cannot be understood, or only a server can do that.
    """
    # Imported here, because few clients misbehave.
    from echolab.behaviour.values import Behaviour

    return checked(Behaviour.parse(text))


def both(before: Behaviour | None, more: Behaviour) -> Behaviour:
    """Add up behaviours, of which the first may be missing."""
    return before + more if before else more
