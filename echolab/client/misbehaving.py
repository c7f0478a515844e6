"""The sending side of one connection, which misbehaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import connectionDone
from typing_extensions import override

from echolab.behaviour.detour import DetouredConnection
from echolab.behaviour.strikes import Strikes
from echolab.client.protocol import SenderProtocol
from echolab.connection.core import Connection
from echolab.connection.states import State, Verdict
from echolab.ends import EndCause

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from echolab.behaviour.values import Behaviour, Fault
    from echolab.framing import Framer

__all__ = ["MisbehavingProtocol"]


class MisbehavingProtocol(SenderProtocol):
    """One connection to a server that reads and sends wrongly, and cuts.

    Args:
        framer: turns bytes into messages.
        behaviour: what to do wrong, and on which connections.
    """

    def __init__(self, framer: Framer, behaviour: Behaviour) -> None:
        super().__init__(framer)
        self._behaviour = behaviour

    @override
    def make_connection(self) -> Connection:
        terms = self.connections.terms
        make = DetouredConnection if self._behaviour.is_of_sending else Connection
        connection = make(terms, self._framer, self.transport)
        self._strikes = Strikes(
            connection,
            terms,
            take=super().dataReceived,
            close=self._close_as_told,
            half_close=lambda _: self.finish(),
            abandon=lambda: None,
        )
        connection.released = self._strikes.go_on
        return connection

    @override
    def handshakeCompleted(self) -> None:
        arriving = self.connection.state is State.ARRIVING
        super().handshakeCompleted()
        peer = self.connection.peer
        if arriving and peer is not None:
            self._strikes.begin(self._behaviour.towards(peer.number))
            self._strikes.go_on()

    @override
    def dataReceived(self, data: bytes) -> None:
        self.handshakeCompleted()
        self._strikes.add(data)
        self._strikes.go_on()

    def _close_as_told(self, fault: Fault) -> None:
        self.connection.verdict = Verdict(EndCause.STOPPED, str(fault))
        if self.connected:
            self.ending.hear_no_more(0.0)

    @override
    def stop(self, seconds: float) -> None:
        self._strikes.stop_sending()
        super().stop(seconds)

    @override
    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        self._strikes.stop()
        super().connectionLost(reason)

    @override
    def unread_bytes(self) -> int:
        return super().unread_bytes() + self._strikes.waiting_bytes
