"""A conversation with one peer, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.counting import count
from echolab.server.typed import Typed
from echolab.sockets.stall import Stall
from echolab.terminal.secret_answers import SecretAnswers

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.interfaces import AnyClock
    from echolab.server.replying import ReplyingProtocol

__all__ = ["Conversation"]

MOST_WAITING = 128
MOST_WAITING_BYTES = 1 << 16
"""So many texts and files may wait for a peer that does not read, or texts of so many
bytes."""

STUCK_SECONDS = 5.0
"""How long a peer may take no bytes before the user is told."""


class Conversation:
    """A conversation with one peer, by hand.

    Args:
        protocol: the peer's.
        clock: measures how long the peer takes nothing.
        say: shows a line to the user.

    Attributes:
        number: the peer's number.
        address: the peer's address, for the user.
        name: the number and the address.
        has_left: whether the connection has ended.
        secrets: tells whether what is typed may be a password.
    """

    def __init__(
        self,
        protocol: ReplyingProtocol,
        *,
        clock: AnyClock,
        say: Callable[[str], None],
    ) -> None:
        peer = protocol.connection.peer
        assert peer is not None
        self.number = peer.number
        self.address = str(peer)
        self.name = f"{peer.number} {peer}"
        self.has_left = False
        self.secrets = SecretAnswers()
        self._protocol = protocol
        self._say = say
        self._outgoing: list[Typed] = []
        self._texts_lost = 0
        self._stall = Stall(
            clock=clock,
            seconds=STUCK_SECONDS,
            sent_bytes=protocol.taken_bytes,
            call=self._stuck,
        )
        self._is_watched = False

    @property
    def is_open(self) -> bool:
        """Whether the peer can be sent something."""
        return not self.has_left and not self._protocol.replies.are_ending

    @property
    def totals(self) -> str:
        """How many bytes went to and fro, and whether its connection is ending."""
        connection = self._protocol.connection
        received = count(connection.received_bytes, "byte")
        totals = f"received {received}, sent {count(connection.sent_bytes, 'byte')}"
        return totals if self.is_open else f"{totals}, ending"

    @property
    def waiting(self) -> str:
        """What waits for the peer, in words; nothing if nothing does."""
        waiting = self._forget_what_is_sent()
        lines = sum(bool(each.held_bytes) for each in waiting)
        counts = (lines, "line"), (len(waiting) - lines, "file")
        return " and ".join(count(number, what) for number, what in counts if number)

    def refusal(self) -> str:
        """Return why nothing can be sent to the peer; nothing if something can."""
        if self.has_left:
            return "it has left"
        if self._protocol.replies.are_ending:
            return "its connection is ending"
        waiting = self._forget_what_is_sent()
        held_bytes = sum(each.held_bytes for each in waiting)
        if len(waiting) >= MOST_WAITING:
            return f"{MOST_WAITING} lines wait for it"
        if held_bytes >= MOST_WAITING_BYTES:
            return f"{MOST_WAITING_BYTES >> 10} KiB wait for it"
        return ""

    def send_text(self, data: bytes) -> None:
        """Send bytes."""

        def ended(sent_bytes: int, _why: str) -> None:
            self._texts_lost += sent_bytes < len(data)

        self.send(lambda at: data[at:], len(data), ended)

    def send(
        self,
        read: Callable[[int], bytes],
        held_bytes: int,
        ended: Callable[[int, str], None],
    ) -> None:
        """Send what a function reads.

        Args:
            read: see `Typed`.
            held_bytes: how many bytes are held for it.
            ended: see `Typed`.
        """
        outgoing = Typed(read, held_bytes, ended)
        self._forget_what_is_sent().append(outgoing)
        self._protocol.replies.send(outgoing, by_hand=True)
        if not self._is_watched and not self.has_left:
            self._is_watched = True
            self._stall.start()

    def _forget_what_is_sent(self) -> list[Typed]:
        """Return what waits."""
        self._outgoing = [each for each in self._outgoing if not each.is_over]
        return self._outgoing

    def close(self) -> None:
        """Send what waits, then end the connection."""
        self._protocol.close("closed by hand")

    def reset(self) -> None:
        """Reset the connection."""
        self._protocol.reset("reset by hand")

    def leave(self, why: str) -> None:
        """End: the connection has ended, for a reason in words."""
        self.has_left = True
        self._stall.stop()
        for each in self._outgoing:
            each.end(why)
        if self._texts_lost:
            lost = count(self._texts_lost, "line")
            self._say(f"not sent to {self.name}: the last {lost}: {why}")

    def _stuck(self) -> None:
        self._is_watched = False
        if not self._protocol.replies.are_paid or self._protocol.replies.is_full:
            seconds = f"{STUCK_SECONDS:g} seconds"
            self._say(f"{self.name} has taken nothing for {seconds}")
