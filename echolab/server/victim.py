"""One connection, as it is handed to misbehaviour of other people's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.addresses import Peer
    from echolab.connection.core import Connection
    from echolab.framing import Framer
    from echolab.interfaces import AnyClock
    from echolab.server.replies import Replies
    from echolab.server.reply import Reply

__all__ = ["Victim"]


class Victim:
    """One connection, and what can be done to it.

    A fault that strikes is an event (`echolab.Misbehaved`), once for each connection:
    `hold`, `close` and `reset` report it, and whoever changes anything else calls
    `strike`. Set ``framer`` and ``reply`` when the connection is accepted: the other
    faults are put around them then. Once the connection has ended, nothing is done.

    Args:
        connection: the connection, which was accepted.
        replies: what its peer is owed.
        say: reports the fault.
        close: closes the connection when all is answered.
        reset: resets it.
        later: calls something later, unless the connection has ended.

    Attributes:
        peer: who is at the other end.
        clock: tells the time; see `later` too.
    """

    def __init__(
        self,
        connection: Connection,
        replies: Replies,
        *,
        clock: AnyClock,
        say: Callable[[], None],
        close: Callable[[], None],
        reset: Callable[[], None],
        later: Callable[[float, Callable[[], object]], None],
    ) -> None:
        assert connection.peer is not None
        self.peer: Peer = connection.peer
        self.clock = clock
        self._connection = connection
        self._replies = replies
        self._say = say
        self._close = close
        self._reset = reset
        self._later = later
        self._struck = False
        self._closing = False
        self._ended = False

    @property
    def framer(self) -> Framer:
        """What makes messages of what is read; put another around it."""
        return self._connection.framer

    @framer.setter
    def framer(self, framer: Framer) -> None:
        self._connection.framer = framer

    @property
    def reply(self) -> Reply:
        """The reply; wrap or replace it.

        A reply to reads, such as `echo`, can only be wrapped by another that is made
        with `of_chunks`.
        """
        return self._replies.reply

    @reply.setter
    def reply(self, reply: Reply) -> None:
        self._replies.reply = reply

    @property
    def received_bytes(self) -> int:
        """How many bytes were read."""
        return self._connection.received_bytes

    def strike(self) -> None:
        """Report that the fault strikes, unless that was done."""
        if not self._struck and not self._is_over():
            self._struck = True
            self._say()

    def send(self, data: bytes) -> None:
        """Send bytes now, before any answer that is still owed."""
        if not self._is_over():
            self._connection.write(data)

    def hold(self) -> None:
        """Read nothing more until `release`."""
        self.strike()
        if not self._is_over():
            self._connection.hold(self)

    def release(self) -> None:
        """Read again."""
        if not self._is_over():
            self._connection.release(self)

    def close(self) -> None:
        """Close the connection in order, when all that is owed is answered."""
        self.strike()
        if not self._closing and not self._is_over():
            self._closing = True
            self._close()

    def reset(self) -> None:
        """Reset the connection now; what was not sent yet is lost."""
        self.strike()
        if not self._is_over():
            self._reset()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call something later, unless the connection has ended by then."""
        if not self._is_over():
            self._later(seconds, call)

    def leave(self) -> None:
        """Do nothing any more: the connection has ended."""
        self._ended = True

    def _is_over(self) -> bool:
        return self._ended or self._connection.verdict is not None
