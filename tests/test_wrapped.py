"""Protocols inside wrappers, with and without TLS, in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import trustme
from twisted.internet.endpoints import SSL4ClientEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from echolab import (
    Behaviour,
    EndCause,
    Event,
    Finished,
    ReceiverFactory,
    ReplyingProtocol,
    SenderFactory,
    echo,
)
from echolab.testing import connected

if TYPE_CHECKING:
    from echolab.testing import Conversation


class Peer(Protocol):
    """Records what it receives."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


@implementer(IHalfCloseableProtocol)
class HalfClosing(Peer):
    """Can close only its sending side, and ignores the other's end."""

    def readConnectionLost(self) -> None: ...

    def writeConnectionLost(self) -> None: ...


@implementer(IHandshakeListener)
class Mute(ProtocolWrapper):
    """A wrapper that is told of the end of the handshake, and does not pass it on."""

    def handshakeCompleted(self) -> None: ...


class MuteFactory(WrappingFactory[Mute]):
    protocol = Mute


def twice(factory: Any) -> WrappingFactory[Any]:
    return WrappingFactory(WrappingFactory(factory))


class WrappedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[Event] = []

    def receivers(self, make_protocol: Any = None) -> ReceiverFactory:
        more = {"make_protocol": make_protocol} if make_protocol else {}
        return ReceiverFactory(self.events.append, clock=self.clock, **more)

    def senders(self) -> SenderFactory:
        return SenderFactory(self.events.append, clock=self.clock)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def cause(self) -> EndCause:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last.cause


class WrappedTLSTests(WrappedCase):
    def setUp(self) -> None:
        super().setUp()
        ca = trustme.CA()
        own = ca.issue_cert("localhost").private_key_and_cert_chain_pem.bytes()
        authority = Certificate.loadPEM(ca.cert_pem.bytes())
        trust = trustRootFromCertificates([authority])
        self.server_options = PrivateCertificate.loadPEM(own).options()
        self.client_options = optionsForClientTLS("localhost", trustRoot=trust)

    def talk(self, server: Any, client: Any) -> Conversation:
        if isinstance(client, type):
            client = Factory.forProtocol(client)
        if isinstance(server, type):
            server = Factory.forProtocol(server)
        talk = connected(
            TLSMemoryBIOFactory(self.server_options, False, server, self.clock),
            TLSMemoryBIOFactory(self.client_options, True, client, self.clock),
            clock=self.clock,
        )
        talk.flush()
        return talk

    def test_client_that_is_silent_is_accepted(self) -> None:
        talk = self.talk(twice(self.receivers()), Peer)
        self.assertEqual(self.kinds(), ["Accepted"])
        talk.advance(60)
        talk.client.loseConnection()
        talk.flush()
        self.assertEqual(self.kinds(), ["Accepted", "Finished"])
        self.assertEqual(self.cause(), EndCause.EOF)

    def test_bytes_say_that_the_handshake_is_over(self) -> None:
        talk = self.talk(MuteFactory(self.receivers()), Peer)
        talk.client.write(b"hello\n")
        talk.flush()
        talk.client.loseConnection()
        talk.advance(60)
        self.assertEqual(self.kinds(), ["Accepted", "Received", "Finished"])

    def test_bytes_keep_their_order_when_they_say_so(self) -> None:
        behaviour = Behaviour.read_bytewise()
        make = partial(ReplyingProtocol, reply=echo, behaviour=behaviour)
        talk = self.talk(MuteFactory(self.receivers(make)), Peer)
        talk.client.write(b"hello\n")
        talk.flush()
        self.assertEqual(talk.client.wrappedProtocol.received, b"hello\n")

    def test_sender(self) -> None:
        talk = self.talk(Echo, twice(self.senders()))
        self.assertEqual(self.kinds(), ["Connected"])
        sender = talk.client.wrappedProtocol.wrappedProtocol.wrappedProtocol
        sender.write(b"hello\n")
        talk.flush()
        sender.finish()
        talk.flush()
        talk.advance(60)
        self.assertEqual(self.kinds(), ["Connected", "Received", "Finished"])
        self.assertFalse(self.clock.getDelayedCalls())

    def test_sender_that_hears_only_bytes(self) -> None:
        talk = self.talk(Echo, MuteFactory(self.senders()))
        sender = talk.client.wrappedProtocol.wrappedProtocol
        sender.write(b"hello\n")
        talk.flush()
        sender.close()
        talk.flush()
        self.assertEqual(self.kinds(), ["Connected", "Received", "Finished"])

    def test_sender_leaves_a_server_that_does_not_agree_to_the_end(self) -> None:
        talk = self.talk(Echo, twice(self.senders()))
        sender = talk.client.wrappedProtocol.wrappedProtocol.wrappedProtocol
        talk.server.dataReceived = lambda _data: None
        sender.close()
        talk.flush()
        talk.advance(60)
        self.assertEqual(self.kinds(), ["Connected", "Finished"])

    def test_sender_at_the_endpoint_of_twisted(self) -> None:
        reactor = MemoryReactorClock()
        endpoint = SSL4ClientEndpoint(reactor, "localhost", 1, self.client_options)
        for wrap in (lambda factory: factory, twice):
            self.events.clear()
            endpoint.connect(wrap(self.senders()))
            factory = reactor.sslClients[-1][2]
            server = Factory.forProtocol(Peer)
            talk = connected(
                TLSMemoryBIOFactory(self.server_options, False, server, self.clock),
                TLSMemoryBIOFactory(self.client_options, True, factory, self.clock),
                clock=self.clock,
            )
            talk.flush()
            self.assertEqual(self.kinds(), ["Connected"])


class WrappedTests(WrappedCase):
    def test_peer_that_ends_its_sending_side_gets_its_replies(self) -> None:
        late = Behaviour.answer_late(3)
        make = partial(ReplyingProtocol, reply=echo, behaviour=late)
        talk = connected(twice(self.receivers(make)), HalfClosing, clock=self.clock)
        talk.client.transport.write(b"hello\n")
        talk.client.transport.loseWriteConnection()
        talk.flush()
        talk.advance(3)
        self.assertEqual(talk.client.received, b"hello\n")
        self.assertEqual(self.cause(), EndCause.EOF)

    def test_sender_that_has_finished_waits_only_so_long(self) -> None:
        talk = connected(HalfClosing, twice(self.senders()), clock=self.clock)
        talk.client.wrappedProtocol.wrappedProtocol.finish()
        talk.flush()
        talk.advance(60)
        self.assertEqual(self.kinds(), ["Connected", "Finished"])
