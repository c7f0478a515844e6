"""Two protocols joined without a socket, on a clock that the test advances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from typing_extensions import Unpack

from echolab.client.factory import SenderFactory
from echolab.framing import framing_named
from echolab.server.assembly import receiver_factory
from echolab.server.maker import Maker, build
from echolab.testing.memory_transport import MemoryTransport
from echolab.testing.place import ServerKeywords, checked, settings_of
from echolab.testing.transcript import Transcript
from echolab.testing.wording import in_words, raise_first

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from echolab.server.settings import ServerSettings

__all__ = ["Conversation", "Maker", "connected"]

MOST_STEPS = 100_000

_OF_SOCKETS = {"host", "unix", "tls", "handshake_timeout", "backlog"}

SERVER = IPv4Address("TCP", "127.0.0.1", 8888)
CLIENT = IPv4Address("TCP", "127.0.0.1", 60612)


class Conversation:
    """A connection in memory; made by `connected`.

    Attributes:
        server: the server's protocol.
        client: the client's protocol.
        clock: the time, which only the test advances.
        transcript: what echolab's side received, if one side is echolab's own.
        from_server: the server's transport; ``deliver`` makes the client read from it.
        from_client: the client's transport; ``deliver`` makes the server read from it.
    """

    def __init__(
        self,
        server: Any,
        client: Any,
        *,
        clock: Clock,
        transcript: Transcript,
        from_server: MemoryTransport,
        from_client: MemoryTransport,
        failures: list[Failure],
    ) -> None:
        self.server = server
        self.client = client
        self.clock = clock
        self.transcript = transcript
        self.from_server = from_server
        self.from_client = from_client
        self._failures = failures

    def flush(self, size: int | None = None) -> None:
        """Deliver all waiting bytes, in both directions, until no more come.

        Args:
            size: how many bytes each read returns at most; None for all.

        Raises:
            AssertionError: a reply failed; the message has its traceback.
            RuntimeError: the protocols send without end.
        """
        ends = (self.from_client, self.from_server)
        for _ in range(MOST_STEPS if size is None else 10 * MOST_STEPS):
            self.clock.advance(0)
            delivered = [end.deliver(size) for end in ends]
            stepped = [end.step() for end in ends]
            raise_first(self._failures)
            if not any(delivered) and not any(stepped):
                return
        raise RuntimeError("the two never stop talking")

    def advance(self, seconds: float, size: int | None = None) -> None:
        """Let time pass, and deliver all waiting bytes at each due time.

        Raises:
            RuntimeError: the protocols send or schedule calls without end.
        """
        end = self.clock.seconds() + seconds
        for _ in range(MOST_STEPS):
            due = [call.getTime() for call in self.clock.getDelayedCalls()]
            now = min([end, *due])
            self.clock.advance(max(0.0, now - self.clock.seconds()))
            self.flush(size)
            if now >= end:
                return
        raise RuntimeError("the two never have done")


def connected(
    server_factory: Maker | None = None,
    client_factory: Maker | None = None,
    *,
    clock: Clock | None = None,
    **keywords: Unpack[ServerKeywords],
) -> Conversation:
    """Join two protocols without a socket.

    Args:
        server_factory: makes the server's protocol; None for echolab's receiver.
        client_factory: makes the client's; None for echolab's sender.
        clock: tells both sides the time; a new ``Clock`` if none is given.
        keywords: the options of echolab's receiver; see `ServerKeywords`. Those that
            need a socket are not allowed. Its sender takes ``framing`` too.

    Returns:
        The conversation: both protocols are connected, nothing is delivered.

    Raises:
        ConnectionError: a factory has made no protocol.
        TypeError: a maker does not make protocols; or there are keywords that
            cannot be used: the server is not echolab's, or they need a socket.
        ValueError: the behaviour is ``refuse`` or ``hold-accept``: only the
            kernel can do that.
    """
    others = sorted(set(keywords) - {"framing"})
    if server_factory is not None and others:
        raise TypeError(f"only echolab's own receiver takes {', '.join(others)}")
    if server_factory is not None and client_factory is not None and keywords:
        raise TypeError("only echolab's own sides take framing: neither is")
    clock = clock or Clock()
    transcript = Transcript(clock=clock)
    transcript.framing = keywords.get("framing")
    transcript.options = in_words((), keywords)
    failures: list[Failure] = []
    if server_factory is None:
        settings = _settings(keywords)
        server_factory = receiver_factory(
            settings, transcript, clock=clock, failed=failures.append
        )
        client_sink = Transcript(clock=clock)
    else:
        client_sink = transcript
    if client_factory is None:
        client_factory = SenderFactory(
            client_sink,
            clock=clock,
            half_open_seconds=0.0,
            wait_seconds=None,
            make_framer=framing_named(keywords.get("framing") or "line"),
            report_chunks=True,
            report_sent=True,
        )
    from_server = MemoryTransport(SERVER, CLIENT)
    from_client = MemoryTransport(CLIENT, SERVER)
    from_server.join(from_client)
    server = build(server_factory, CLIENT)
    client = build(client_factory, SERVER)
    for protocol, transport in ((server, from_server), (client, from_client)):
        transport.protocol = protocol
    for protocol, transport in ((server, from_server), (client, from_client)):
        protocol.makeConnection(transport)
    return Conversation(
        server,
        client,
        clock=clock,
        transcript=transcript,
        from_server=from_server,
        from_client=from_client,
        failures=failures,
    )


def _settings(keywords: ServerKeywords) -> ServerSettings:
    """Return the settings of a receiver without a socket."""
    for name, value in keywords.items():
        if name in _OF_SOCKETS and value is not None and value is not False:
            raise TypeError(f"{name} needs a socket: in memory there is none")
    settings = checked(settings_of(keywords))
    if any(fault.kind == "refuse" for fault in settings.behave):
        raise ValueError(
            "behave: it is the kernel that refuses: in memory there is none"
        )
    if any(fault.kind == "hold-accept" for fault in settings.behave):
        raise ValueError(
            "behave: it is the kernel that queues: in memory there is none"
        )
    return settings
