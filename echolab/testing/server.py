"""Servers and clients of a test, in its own reactor, for trial and pytest-twisted."""

from __future__ import annotations

from errno import EPIPE
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from typing_extensions import Unpack, override

from echolab.client.behaving import client_behaviour
from echolab.client.endpoints import endpoint_from_string
from echolab.client.factory import SenderFactory
from echolab.events import Finished
from echolab.framing import framing_named
from echolab.server.assembly import receiver_factory
from echolab.server.endpoints import server_endpoints
from echolab.server.service import ReceiverService
from echolab.sockets.endpoint_strings import quoted
from echolab.sockets.unix_connecting import UNIXClientEndpoint
from echolab.testing.place import Place, ServerKeywords
from echolab.testing.running import check_case, installed_reactor
from echolab.testing.showing import show
from echolab.testing.transcript import Transcript
from echolab.testing.wording import in_words, raise_first

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from echolab.behaviour.values import Behaviour
    from echolab.client.protocol import SenderProtocol
    from echolab.errors import EcholabError
    from echolab.events import Event
    from echolab.framing.base import AnyFraming

__all__ = ["Connect", "LabClient", "LabServer", "ListeningMixin", "connect", "listen"]

T = TypeVar("T")

DRAIN_SECONDS = 1.0

_log = Logger()


class LabServer(Place, Transcript):
    """A server that listens, and its transcript; made by `listen`.

    Attributes:
        others: the servers that `another` has made.
    """

    def __init__(self, reactor: Any, keywords: ServerKeywords) -> None:
        Transcript.__init__(self, clock=reactor)
        self.framing = keywords.get("framing")
        Place.__init__(self, keywords)
        self.options = in_words((), keywords)
        self._reactor = reactor
        self._failures: list[Failure] = []
        self.others: list[LabServer] = []
        try:
            settings = self._settings(keywords)
            self.factory = receiver_factory(
                settings, self, clock=reactor, failed=self._failures.append
            )
            self._service = ReceiverService(
                server_endpoints(reactor, settings),
                self.factory,
                clock=reactor,
                done=_raise,
                drain_seconds=DRAIN_SECONDS,
                behaviour=settings.behave,
            )
            self._service.startService()
        except BaseException:
            self.leave()
            raise
        self.forget_key()
        [here] = self._service.addresses()
        self.port = getattr(here, "port", 0)
        self.name = self.place
        show(self)

    def another(self, **keywords: Unpack[ServerKeywords]) -> LabServer:
        """Return another server on another address; it is stopped with this one."""
        self.others.append(LabServer(self._reactor, keywords))
        return self.others[-1]

    @override
    def assert_awaited(self) -> None:
        for other in self.others:
            other.assert_awaited()
        super().assert_awaited()

    def stop(self) -> Deferred[None]:
        """Read what has arrived, end every connection, and leave the reactor clean.

        This method can be called again.

        Returns:
            A Deferred that fires when that is done, or fails with an AssertionError if
            a reply has failed. That is the first failure here, or else in `others`.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        stopping = [other.stop() for other in self.others]
        if self._service.running:
            stopping.append(self._service.stopService())
        # Each one stops, also if another fails.
        ended = await DeferredList(stopping, consumeErrors=True)
        self.give_up("the server was stopped")
        self.leave()
        raise_first(self._failures)
        for _, result in ended:
            if isinstance(result, Failure):
                result.raiseException()


class LabClient(Transcript):
    """A client, and the transcript of its received data; made by `connect`.

    When the server ends its sending side, the client ends the connection.
    """

    def __init__(
        self, reactor: Any, framing: AnyFraming, behave: Behaviour | str = ""
    ) -> None:
        super().__init__(clock=reactor)
        self.framing = framing
        self.name = "a client"
        show(self)
        self._factory = SenderFactory(
            self,
            clock=reactor,
            half_open_seconds=0.0,
            wait_seconds=None,
            tls_wait_seconds=None,
            make_framer=framing_named(framing),
            report_chunks=True,
            report_sent=True,
            behaviour=client_behaviour(str(behave)) if behave else None,
        )
        self._protocol: SenderProtocol | None = None
        self._finished = False
        self._stopping: list[Deferred[Finished]] = []

    @override
    def __call__(self, event: Event) -> None:
        """Record an event; after the end, no more come."""
        if isinstance(event, Finished):
            self._over = "the connection has ended"
        super().__call__(event)
        if isinstance(event, Finished):
            self.give_up(self._over)
            stopping, self._stopping = self._stopping, []
            for each in stopping:
                each.callback(event)

    async def start(self, endpoint: IStreamClientEndpoint) -> Self:
        """Connect; over TLS, wait for the handshake too."""
        protocol: Any = await endpoint.connect(self._factory)
        self._protocol = await protocol.when_ready()
        return self

    def send(self, data: str | bytes) -> None:
        """Send bytes, or a str as UTF-8. Nothing is added.

        Raises:
            BrokenPipeError: `finish` was called, or the connection has ended.
        """
        assert self._protocol is not None
        if self._over or self._finished:
            raise BrokenPipeError(EPIPE, self._over or "the sending side is finished")
        self._protocol.write(data.encode() if isinstance(data, str) else data)

    def finish(self) -> None:
        """Shut down the sending side, and continue to receive.

        Over TLS, which has no half-close, the server is not told.
        """
        assert self._protocol is not None
        self._finished = True
        self._protocol.finish()

    def stop(self) -> Deferred[Finished]:
        """End the connection, if it is open.

        Returns:
            A Deferred that fires with the event `Finished`.
        """
        assert self._protocol is not None
        if self._over:
            return self.wait_for_end()
        # It fires after all others that wait for the end.
        stopped: Deferred[Finished] = Deferred()
        self._stopping.append(stopped)
        self._protocol.stop(DRAIN_SECONDS)
        return stopped


def listen(reactor: Any = None, **keywords: Unpack[ServerKeywords]) -> LabServer:
    """Listen on a free loopback port, or a UNIX path.

    Args:
        reactor: by default, the installed one.
        keywords: the options of the server.

    Returns:
        The server, which listens already. At the end, call its `LabServer.stop`
        and wait for the Deferred.

    Raises:
        UsageError: an option does not accept its value.
        ModuleNotFoundError: TLS needs the extra ``kit``.
        RuntimeError: an asyncio loop runs here, and no reactor.
    """
    return LabServer(reactor or installed_reactor(), keywords)


def connect(
    where: tuple[str, int] | str | IStreamClientEndpoint,
    *,
    framing: AnyFraming = "line",
    behave: Behaviour | str = "",
    reactor: Any = None,
) -> Deferred[LabClient]:
    """Connect.

    Args:
        where: host and port; or a UNIX path, an endpoint string or an endpoint.
        framing: the framing of received bytes; see ``--framing``; or an
            `echolab.IFraming`.
        behave: what to do wrong: an `echolab.Behaviour`, or a text for the client's
            ``--behave``; by default, nothing.
        reactor: by default, the installed one.

    Returns:
        A Deferred that fires with the client when it can be used; over TLS, after
        the handshake. At the end, call its `LabClient.stop` and wait for the
        Deferred.

    Raises:
        TypeError: ``where`` is not an address or an endpoint.
        ValueError: the endpoint string is wrong, or a client cannot behave so.
        UnverifiedError: a TLS server has not proved its name; from the Deferred.
        RuntimeError: an asyncio loop runs here, and no reactor.
    """
    reactor = reactor or installed_reactor()
    endpoint: IStreamClientEndpoint
    if isinstance(where, tuple):
        host, port = where
        endpoint = endpoint_from_string(reactor, f"tcp:{quoted(host)}:{port}")
    elif isinstance(where, str) and where.startswith("/"):
        endpoint = UNIXClientEndpoint(reactor, where)
    elif isinstance(where, str):
        endpoint = endpoint_from_string(reactor, where)
    elif IStreamClientEndpoint.providedBy(where):
        endpoint = where
    else:
        raise TypeError(
            f"connect to (host, port), a path or an endpoint, not {where!r}"
        )
    return Deferred.fromCoroutine(LabClient(reactor, framing, behave).start(endpoint))


def stopped(peer: LabServer | LabClient) -> Deferred[None]:
    """Stop a peer at the end of a test, and check that every wait was awaited."""
    return peer.stop().addCallback(lambda _: peer.assert_awaited())


class Connect(Protocol):
    """The type of the fixture ``echolab_client``: `connect` without a reactor."""

    def __call__(
        self,
        where: tuple[str, int] | str | IStreamClientEndpoint,
        *,
        framing: AnyFraming = "line",
        behave: Behaviour | str = "",
    ) -> Deferred[LabClient]:
        """Connect until the end of the test."""
        ...


class _Case(Protocol):
    """The class that `ListeningMixin` is mixed into."""

    def addCleanup(self, f: Callable[..., object], /, *args: Any) -> object:
        """Call a function after the test."""
        ...


class ListeningMixin:
    """For trial's ``TestCase``: servers and clients, stopped after each test."""

    def listen(self: _Case, **keywords: Unpack[ServerKeywords]) -> LabServer:
        """Listen until the end of the test; see `listen`."""
        check_case(self)
        server = listen(**keywords)
        self.addCleanup(_logged, server)
        return server

    def connect(
        self: _Case,
        where: tuple[str, int] | str | IStreamClientEndpoint,
        *,
        framing: AnyFraming = "line",
        behave: Behaviour | str = "",
    ) -> Deferred[LabClient]:
        """Connect until the end of the test; see `connect`."""
        check_case(self)

        def clean_up(client: LabClient) -> LabClient:
            self.addCleanup(_logged, client)
            return client

        connecting = connect(where, framing=framing, behave=behave)
        return connecting.addCallback(clean_up)


def _logged(peer: LabServer | LabClient) -> Deferred[None]:
    """Stop a peer, and leave its transcript in trial's ``test.log``."""

    def log(result: T) -> T:
        _log.info("echolab transcript:\n{report}", report=peer.report())
        return result

    return stopped(peer).addBoth(log)


def _raise(why: EcholabError | None) -> None:
    if why is not None:
        raise why
