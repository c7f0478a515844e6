"""``--acknowledge``: tell each peer which of its messages all outputs have durably."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from typing_extensions import override

from echolab.events import Introduced
from echolab.framing import framed
from echolab.server.clients import MOST_IDLE, Clients
from echolab.server.intake import Intake
from echolab.server.reply import no_reply
from echolab.server.replying import ReplyingProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from echolab.connection.terms import Terms
    from echolab.framing import Framer
    from echolab.framing.base import AnyFraming
    from echolab.server.clients import Introduction, Taken
    from echolab.server.steps import Piece

__all__ = ["Acknowledging", "AcknowledgingProtocol"]

RETRY_SECONDS = 1.0
"""How long to wait when an output has not taken all."""

_log = Logger()


class Acknowledging:
    """What the connections of one factory share to acknowledge messages.

    Whether messages are durable, the factory's sink tells when it is flushed. One flush
    is under way at a time; it answers for all that was reported before it began.

    Args:
        framing: frames the acknowledgements, as for `echolab.framing.framed`.
        most_idle: how many clients without a connection are remembered.

    Attributes:
        framing: frames the acknowledgements.
        clients: what was taken from each client that has introduced itself.
    """

    def __init__(
        self, framing: AnyFraming = "line", *, most_idle: int = MOST_IDLE
    ) -> None:
        self.framing = framing
        self.clients = Clients(most_idle)
        self._waiting: dict[Deferred[int], tuple[Taken, int]] = {}
        self._is_flushing = False
        self._soon: IDelayedCall | None = None
        self._is_over = False

    def make_protocol(self, framer: Framer) -> AcknowledgingProtocol:
        """Return the protocol of a connection; for `echolab.ReceiverFactory`."""
        return AcknowledgingProtocol(framer, self)

    def when_durable(self, taken: Taken, said: int, terms: Terms) -> Deferred[int]:
        """Wait until more of a client's messages are durable than it was told.

        Args:
            taken: what was taken from the client.
            said: what it was told.
            terms: has the sink and the clock.

        Returns:
            A Deferred that fires with the highest number that is durable.
        """
        if taken.durable > said:
            return succeed(taken.durable)
        waiting: Deferred[int] = Deferred(self._forget)
        self._waiting[waiting] = taken, said
        self._flush_in(0, terms)
        return waiting

    def _forget(self, waiting: Deferred[int]) -> None:
        self._waiting.pop(waiting, None)
        if not self._waiting and self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _flush_in(self, seconds: float, terms: Terms) -> None:
        if self._soon is None and not self._is_flushing:
            self._soon = terms.clock.callLater(seconds, self._flush, terms)

    def _flush(self, terms: Terms) -> None:
        self._soon = None
        self._is_flushing = True
        reported = {taken: taken.reported for taken, _ in self._waiting.values()}
        flushing = terms.sink.flush(None)
        flushing.addCallback(self._flushed, reported, terms)
        flushing.addErrback(lambda why: _log.failure("a flush failed", why))

    def _flushed(self, left: int, reported: dict[Taken, int], terms: Terms) -> None:
        self._is_flushing = False
        if terms.sink.has_lost:
            if not self._is_over:  # It is said once.
                self._is_over = True
                _log.error("nothing is acknowledged any more: a sink has failed")
            return
        if not left:
            for taken, number in reported.items():
                taken.durable = max(taken.durable, number)
            for waiting, (taken, said) in tuple(self._waiting.items()):
                if taken.durable > said and waiting in self._waiting:
                    del self._waiting[waiting]
                    waiting.callback(taken.durable)
        if self._waiting:
            self._flush_in(RETRY_SECONDS if left else 0, terms)


class AcknowledgingProtocol(ReplyingProtocol):
    """One accepted connection whose messages are acknowledged; see `Acknowledging`.

    The newest number is sent when the peer can take it, and no older one.
    """

    def __init__(self, framer: Framer, acknowledging: Acknowledging) -> None:
        self._acknowledging = acknowledging
        self._intake = Intake(
            framer,
            introduced=self._introduced,
            go_on=self._go_on,
            took=self._took,
        )
        super().__init__(self._intake, no_reply)
        self._client: tuple[str | None, str] | None = None
        self._begun = 0  # the number before the first message
        self._said = 0
        self._owes = False

    @override
    def arrive(self) -> None:
        super().arrive()
        self.connection.took = None  # No message has a reply of its own.

    def _introduced(self, introduction: Introduction) -> Taken:
        peer = self.connection.peer
        assert peer is not None
        # A name that a certificate proves is part of the id: nobody else has it.
        self._client = peer.name, introduction.client
        taken = self._acknowledging.clients.enter(self._client)
        # Its last connection may have ended before it was told all.
        owes = taken.durable < taken.reported
        taken.begin(introduction.first)
        self._begun = introduction.first - 1
        self._said = taken.durable
        self.replies.send(self._answer(), by_hand=True)
        if owes:
            self._tell(taken)
        return taken

    def _go_on(self, number: int) -> None:
        peer = self.connection.peer
        assert peer is not None
        assert self._client is not None
        event = Introduced(peer, self.connection.now(), self._client[1], number)
        self.connections.terms.sink(event)

    def _took(self) -> None:
        assert self._intake.taken is not None
        self._tell(self._intake.taken)

    def _tell(self, taken: Taken) -> None:
        if self._intake.last > self._said and not self._owes:
            self._owes = True
            self.replies.send(self._acknowledgements(taken), by_hand=True)

    def _acknowledgements(self, taken: Taken) -> Iterator[Piece]:
        while self._intake.last > self._said:
            yield self._durable(taken)
        self._owes = False

    async def _durable(self, taken: Taken) -> bytes:
        self._said = await self._acknowledging.when_durable(
            taken, self._said, self.connections.terms
        )
        return self._answer()

    def _answer(self) -> bytes:
        return framed(b"%d" % self._said, self._acknowledging.framing)

    @override
    def unanswered_messages(self) -> int:
        return max(0, self._intake.last - max(self._said, self._begun))

    @override
    def unread_bytes(self) -> int:
        return super().unread_bytes() + self._intake.cut_bytes

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        super().connectionLost(reason)
        self._intake.stop()
        client, self._client = self._client, None
        if client is not None:
            self._acknowledging.clients.leave(client)
