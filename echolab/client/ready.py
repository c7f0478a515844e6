"""Connect and wait until the connection can be used: over TLS, for the handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from typing_extensions import override
from zope.interface import alsoProvides, directlyProvides, providedBy

from echolab.errors import reason_of
from echolab.sockets.transports import complete
from echolab.sockets.wrapped import hear, pass_on

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IAddress,
        IStreamClientEndpoint,
        ITransport,
    )

    from echolab.interfaces import AnyClock, AnyFactory

__all__ = ["connect_ready"]

HANDSHAKE = "during the TLS handshake"
"""What a connection that cannot be used yet waits for."""


def connect_ready(
    endpoint: IStreamClientEndpoint,
    factory: AnyFactory,
    *,
    clock: AnyClock,
    seconds: float,
) -> Deferred[Any]:
    """Connect once, and wait for the handshake.

    Args:
        endpoint: where to connect.
        factory: makes the protocol. If the protocol has a method ``when_ready``, as
            `echolab.SenderProtocol` has, it is called; any other protocol is wrapped.
        clock: tells the time.
        seconds: how long all this may take.

    Returns:
        A Deferred that fires with the protocol. If it fails or is cancelled, the
        connection is closed.
    """
    found: list[Any] = []

    def wait(protocol: Any) -> Deferred[Any]:
        found.append(protocol)
        ready: Deferred[Any] = protocol.when_ready()
        return ready.addCallback(lambda _: protocol)

    def unwrap(protocol: Any) -> Any:
        awaited = isinstance(protocol, _AwaitedProtocol)
        return protocol.wrappedProtocol if awaited else protocol

    def hang_up(failure: Failure) -> Failure:
        for protocol in found:
            complete(protocol.transport).abortConnection()
            if failure.check(error.ConnectionDone, error.ConnectionLost):
                text = f"closed by the server {HANDSHAKE}"
                return Failure(ConnectionError(text))
            if reason_of(failure.value) == "wrong version number":
                return Failure(ConnectionError("the server does not speak TLS"))
        return failure

    def timed_out(_result: object, _seconds: float) -> Failure:
        text = f"timed out after {seconds:.3g} s"
        return Failure(TimeoutError(f"{text} {HANDSHAKE}" if found else text))

    connecting: Deferred[Any] = endpoint.connect(_AwaitingFactory(factory))
    connecting.addCallback(wait)
    connecting.addTimeout(seconds, clock, timed_out)
    return connecting.addCallbacks(unwrap, hang_up)


class _AwaitedProtocol(ProtocolWrapper):
    """Learns when the connection of the wrapped protocol can be used."""

    def __init__(self, factory: _AwaitingFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self._ready = False
        self._waiting: Deferred[None] | None = None

    @override
    def makeConnection(self, transport: ITransport) -> None:
        directlyProvides(self, providedBy(transport))
        Protocol.makeConnection(self, transport)
        self.factory.registerProtocol(self)
        over_tls = ISSLTransport.providedBy(transport)
        if over_tls:
            # Before the protocol, which may be a handshake listener itself.
            alsoProvides(self, IHandshakeListener)
            hear(self)
        # By its ``__getattr__`` a wrapper is a transport, which types do not tell.
        self.wrappedProtocol.makeConnection(self)  # type: ignore[arg-type]
        pass_on(self.wrappedProtocol, self)
        hear(self)
        if not over_tls:
            self._be_ready()

    def when_ready(self) -> Deferred[None]:
        """Wait until the connection can be used."""
        if self._ready:
            return succeed(None)
        self._waiting = Deferred()
        return self._waiting

    def handshakeCompleted(self) -> None:
        """The server has proved its name."""
        if IHandshakeListener.providedBy(self.wrappedProtocol):
            self.wrappedProtocol.handshakeCompleted()
        self._be_ready()

    def _be_ready(self) -> None:
        self._ready = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    @override
    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.errback(reason)


class _AwaitingFactory(WrappingFactory[Any]):
    """Makes protocols with a method ``when_ready``."""

    noisy = False

    @override
    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol = self.wrappedFactory.buildProtocol(addr)
        if protocol is None or hasattr(protocol, "when_ready"):
            return protocol
        return _AwaitedProtocol(self, protocol)
