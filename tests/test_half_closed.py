"""The end of the peer's side, where it is not the end of all."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Behaviour,
    Framer,
    HalfClosed,
    ReceiverFactory,
    ReplyingProtocol,
    SenderFactory,
    Sent,
    echo,
)
from echolab.testing import Transcript
from tests.support import FakeTransport

ADDRESS = IPv4Address("TCP", "127.0.0.1", 60612)
WELL = Behaviour()
LATE = Behaviour.parse("answer-late:seconds=2")


class HalfClosedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript(clock=self.clock)
        self.transport = FakeTransport()
        self.transport.peerAddr = ADDRESS

    def server(self, behaviour: Behaviour = WELL) -> ReplyingProtocol:
        def make(framer: Framer) -> ReplyingProtocol:
            return ReplyingProtocol(framer, echo, behaviour)

        factory = ReceiverFactory(
            self.transcript, clock=self.clock, make_protocol=make, report_sent=True
        )
        protocol = factory.buildProtocol(ADDRESS)
        assert isinstance(protocol, ReplyingProtocol)
        protocol.makeConnection(self.transport)
        return protocol

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.transcript.events]

    def test_a_server_that_owes_replies_tells_of_it(self) -> None:
        protocol = self.server(LATE)
        protocol.dataReceived(b"hello\n")
        self.clock.advance(0.5)
        protocol.readConnectionLost()
        self.clock.advance(2)
        [half] = [e for e in self.transcript.events if isinstance(e, HalfClosed)]
        self.assertEqual((half.peer.port, half.time), (60612, 0.5))
        kinds = self.kinds()
        self.assertLess(kinds.index("HalfClosed"), kinds.index(Sent.__name__))

    def test_for_a_server_that_owes_nothing_it_is_the_end_of_all(self) -> None:
        protocol = self.server()
        protocol.dataReceived(b"hello\n")
        protocol.readConnectionLost()
        self.assertNotIn("HalfClosed", self.kinds())

    def test_a_client_tells_of_it_while_it_may_still_send(self) -> None:
        factory = SenderFactory(self.transcript, clock=self.clock)
        protocol = factory.buildProtocol(ADDRESS)
        protocol.makeConnection(self.transport)
        protocol.readConnectionLost()
        self.assertEqual(self.kinds(), ["Connected", "HalfClosed"])

    def test_for_a_client_that_has_ended_too_it_is_the_end_of_all(self) -> None:
        factory = SenderFactory(self.transcript, clock=self.clock)
        protocol = factory.buildProtocol(ADDRESS)
        protocol.makeConnection(self.transport)
        protocol.finish()
        protocol.readConnectionLost()
        self.assertEqual(self.kinds(), ["Connected"])

    def test_a_golden_file_does_not_have_it(self) -> None:
        # Whether replies are still owed at that time depends on time.
        protocol = self.server(LATE)
        protocol.dataReceived(b"hello\n")
        protocol.readConnectionLost()
        self.assertNotIn("half-closed", self.transcript.render())
        self.assertIn("half-closed", str(self.transcript))
