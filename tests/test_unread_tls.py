"""A transport that closes although its producer was paused."""

from __future__ import annotations

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import ReceiverFactory, ReplyingProtocol, echo
from echolab.testing import Transcript
from tests.support import FakeReactor

ADDRESS = IPv4Address("TCP", "127.0.0.1", 60612)


class Descriptor(FileDescriptor):
    """Twisted's own buffering, above a descriptor that takes all bytes."""

    def __init__(self, reactor: FakeReactor) -> None:
        super().__init__(reactor)
        self.connected = 1

    def writeSomeData(self, data: bytes) -> int:
        return len(data)

    def getPeer(self) -> IPv4Address:
        return ADDRESS

    getHost = getPeer


class CloseTests(SynchronousTestCase):
    def setUp(self) -> None:
        factory = ReceiverFactory(
            Transcript(),
            clock=Clock(),
            make_protocol=lambda framer: ReplyingProtocol(framer, echo),
        )
        self.reactor = FakeReactor()
        self.descriptor = Descriptor(self.reactor)
        protocol = factory.buildProtocol(ADDRESS)
        assert isinstance(protocol, ReplyingProtocol)
        self.protocol = protocol
        self.protocol.makeConnection(self.descriptor)
        # More than it holds; then TLS closes it.
        self.protocol.dataReceived(b"x" * (self.descriptor.bufferSize + 1))
        self.assertTrue(self.descriptor.producerPaused)
        self.descriptor.loseConnection()

    def test_closes_when_all_is_written(self) -> None:
        self.descriptor.doWrite()
        self.assertEqual(self.reactor.getWriters(), [self.descriptor])
        self.assertIs(self.descriptor.doWrite(), CONNECTION_DONE)

    def test_twisted_still_forgets(self) -> None:
        """If this fails, Twisted is fixed, and `renew` is not needed."""
        self.patch(self.protocol.replies, "resumeProducing", lambda: None)
        self.descriptor.doWrite()
        self.assertEqual(self.reactor.getWriters(), [])
