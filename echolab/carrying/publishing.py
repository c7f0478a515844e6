"""What a carrier and its engine tell each other, and the messages between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from echolab.carrying.address import token
from echolab.hosts import unmapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.addresses import Peer

__all__ = ["Engine", "Listener", "Message", "subject_of"]


def subject_of(subject: str, receiver: str, peer: Peer) -> str:
    """Return the subject of a peer's messages: ``lab.web1.10_0_0_7``."""
    if peer.host is not None:
        host = token(unmapped(peer.host))
    else:
        host = "unix" if peer.family == "UNIX" else "-"
    return f"{subject}.{receiver}.{host}"


@dataclass(slots=True, eq=False)
class Message:
    """One message on its way.

    Attributes:
        number: its number.
        subject: what it is published under.
        id: the text by which the engine drops a duplicate.
        content_type: what its payload is.
        payload: the payload.
        first: the number of its first piece.
        size: how many bytes its pieces have.
    """

    number: int
    subject: str
    id: str
    content_type: str
    payload: bytes
    first: int
    size: int


class Engine(Protocol):
    """Publishes messages; tells a `Listener` what becomes of them."""

    listener: Listener

    def publish(self, messages: Iterable[Message]) -> None:
        """Publish messages, if the engine is there; each will be answered, or not."""

    def doubt(self) -> None:
        """Test whether the engine is there: it tells `up` or `down`."""


class Listener(Protocol):
    """Is told by an `Engine` what happens."""

    def up(self) -> None:
        """The engine is there: what was published before may be lost."""

    def down(self, reason: str) -> None:
        """The engine is not there; it will be tried until it is."""

    def acknowledged(self, number: int) -> None:
        """The engine has a message durably, by its own rules."""

    def rejected(self, number: int, reason: str | None) -> None:
        """The engine has refused a message; without a reason only for this moment."""

    def failed(self, reason: str) -> None:
        """The engine cannot be used at all; it is not tried again."""
