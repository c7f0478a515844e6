"""The parts put together: settings in, a service to run out.

What is not said in the settings is handed in: the reactor, whether anybody sees
the terminal, and whom to tell of the end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from twisted.internet.endpoints import (
    HostnameEndpoint,
    StandardIOEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.logger import Logger

from echolab.errors import ConnectError, ListenError, reason_of
from echolab.events import Accepted, Finished, tee
from echolab.formats import FORMATS, Label, Style
from echolab.framing import DEFAULT_MAX_MESSAGE_BYTES, Overlong, framing
from echolab.output import DescriptorOutput, LogOutput, open_append
from echolab.printing import ConversationPrinter, Printer
from echolab.server import ReceiverFactory
from echolab.service import ReceiverService, SenderService
from echolab.stdin import StdinReader

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IPushProducer,
        IStreamClientEndpoint,
        IStreamServerEndpoint,
    )

    from echolab.events import Event
    from echolab.interfaces import IOutput, IReactor
    from echolab.service import Done

__all__ = [
    "ANY_IPV4",
    "ClientSettings",
    "ServerSettings",
    "When",
    "client_service",
    "host_and_port",
    "server_service",
]

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - the lecture's INADDR_ANY
STDOUT = 1
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")

UNIX_PATH_BYTES = 107
"""The longest path that fits into Linux's ``sockaddr_un``; see unix(7)."""

When: TypeAlias = Literal["auto", "always", "never"]

_log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a user can say about a server.

    Attributes:
        port: TCP port; 0 takes a free one.
        interface: IP address of the interface; empty for all of IPv4.
        listen: endpoint strings; if there are any, they replace the two.
        backlog: how many connections may wait to be accepted.
        once: serve one connection, then end, as the lecture's program does.
        framing: how bytes become messages; see `echolab.framing.framing`.
        max_message_bytes: the longest message.
        overlong: what becomes of a longer one: ``split`` or ``close``.
        format: how events are printed; see `echolab.formats.FORMATS`.
        label: whether to say whose each message is; see `echolab.formats.Style`.
        escape: whether to make what came from the network harmless for a
            terminal; ``auto`` where the output is one.
        color: whether to give peers colours; ``auto`` where the output is a
            terminal and NO_COLOR is not set.
        output: a file to append to instead of stdout (also ``-``).
    """

    port: int = 8888
    interface: str = ""
    listen: tuple[str, ...] = ()
    backlog: int = 1024
    once: bool = False
    framing: str = "line"
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    overlong: Overlong = "split"
    format: str = "classic"
    label: Label = "never"
    escape: When = "auto"
    color: When = "auto"
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What a user can say about a client.

    Attributes:
        host: name or IP address of the server.
        port: its TCP port.
        connect: an endpoint string that replaces the two.
        timeout: seconds to wait for the connection.
        dot: whether a line that begins with ``.`` quits.
        quiet: whether to show no replies.
        escape: whether to make replies harmless for a terminal; ``auto`` where
            the output is one.
    """

    host: str = "127.0.0.1"
    port: int = 8888
    connect: str | None = None
    timeout: float = 30.0
    dot: bool = True
    quiet: bool = False
    escape: When = "auto"


def host_and_port(host: str, port: object) -> str:
    """``127.0.0.1:8888``, ``[::1]:8888``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def server_service(
    reactor: IReactor, settings: ServerSettings, *, done: Done, foreground: bool = True
) -> ReceiverService:
    """The receive-and-print server.

    Args:
        reactor: runs it.
        settings: what the user said.
        done: called when it ends by itself.
        foreground: whether there is a stdout; without one, and without an
            output file, the lines go to the log.

    Raises:
        OutputError: the output file cannot be opened.
        ListenError: an endpoint string cannot be understood.
    """
    endpoints = _server_endpoints(reactor, settings)
    output: IOutput
    terminal = False
    if settings.output not in (None, "-"):
        fd = open_append(settings.output)
        output = DescriptorOutput(
            reactor, fd, settings.output, clock=reactor, lost=done, owned=True
        )
    elif foreground:
        terminal = os.isatty(STDOUT)
        output = DescriptorOutput(reactor, STDOUT, "stdout", clock=reactor, lost=done)
    else:
        output = LogOutput()
        terminal = True  # A log is read on one.

    def serve_once(event: Event) -> None:
        match event:
            case Accepted():
                service.stop_listening()
            case Finished():
                done(None)

    style = Style(
        label=settings.label,
        escape=_decide(settings.escape, terminal),
        color=_decide(
            settings.color,
            foreground and terminal and not os.environ.get("NO_COLOR"),
        ),
    )
    printer = Printer(output.write, FORMATS[settings.format](style))
    sink = tee(printer, serve_once) if settings.once else printer
    factory = ReceiverFactory(
        sink,
        clock=reactor,
        make_framer=framing(
            settings.framing, settings.max_message_bytes, settings.overlong
        ),
    )
    output.registerProducer(factory, True)
    service = ReceiverService(endpoints, factory, output, clock=reactor, done=done)
    _check_backlog(settings.backlog)
    return service


def client_service(
    reactor: IReactor, settings: ClientSettings, *, stdin: int | None, done: Done
) -> SenderService:
    """The line-sending client.

    Args:
        reactor: runs it.
        settings: what the user said.
        stdin: the descriptor to read; None if there is none.
        done: called at its end.

    Raises:
        ConnectError: the endpoint string cannot be understood.
    """
    typing = stdin is not None and os.isatty(stdin)
    prompt = b""
    if typing:
        prompt = b"Input message(%b:quit): " % (b"." if settings.dot else b"Ctrl-D")
    name, endpoint = _client_endpoint(reactor, settings)
    half_open_seconds = 0.0 if typing else None if settings.quiet else 1.0

    def make_reader(service: SenderService) -> IPushProducer:
        return StdinReader(
            reactor, stdin, received=service.received, ended=service.ended
        )

    output = DescriptorOutput(
        reactor,
        STDOUT,
        "stdout",
        clock=reactor,
        lost=lambda why: service.output_lost(why),
    )
    service = SenderService(
        endpoint,
        name,
        ConversationPrinter(
            output.write,
            prompt=prompt,
            show_replies=not settings.quiet,
            escape=_decide(settings.escape, os.isatty(STDOUT)),
        ),
        output,
        clock=reactor,
        done=done,
        make_reader=make_reader,
        quit_on_dot=settings.dot,
        timeout_seconds=settings.timeout,
        half_open_seconds=half_open_seconds,
    )
    return service


def _decide(when: When, auto: bool) -> bool:
    return auto if when == "auto" else when == "always"


def _server_endpoints(
    reactor: IReactor, settings: ServerSettings
) -> list[tuple[str, IStreamServerEndpoint]]:
    if settings.listen:
        return [
            (text, _server_from_string(reactor, text, settings.backlog))
            for text in settings.listen
        ]
    interface, port = settings.interface, settings.port
    kind = TCP6ServerEndpoint if ":" in interface else TCP4ServerEndpoint
    endpoint = kind(reactor, port, settings.backlog, interface)
    return [(host_and_port(interface or ANY_IPV4, port), endpoint)]


def _server_from_string(
    reactor: IReactor, text: str, backlog: int
) -> IStreamServerEndpoint:
    described = _with_argument(text, "backlog", backlog, {"tcp", "tcp6", "unix", "ssl"})
    described = _with_argument(described, "mode", 600, {"unix"})
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, described)
    except Exception as error:
        raise ListenError("listen", text, _parse_reason(error)) from error
    if isinstance(endpoint, StandardIOEndpoint):
        # It would leave the user's terminal non-blocking.
        raise ListenError("listen", text, "stdin and stdout are no place to listen")
    return endpoint


def _client_endpoint(
    reactor: IReactor, settings: ClientSettings
) -> tuple[str, IStreamClientEndpoint]:
    text = settings.connect
    if text is None:
        name = host_and_port(settings.host, settings.port)
        return name, HostnameEndpoint(
            reactor, settings.host, settings.port, settings.timeout + 1
        )
    seconds = max(1, round(settings.timeout))
    described = _with_argument(text, "timeout", seconds, {"tcp", "unix", "ssl", "tls"})
    if text.startswith("unix:") and len(_first_argument(text)) > UNIX_PATH_BYTES:
        raise ConnectError("connect", text, "AF_UNIX path too long")
    try:
        return text, clientFromString(reactor, described)
    except Exception as error:
        raise ConnectError("connect", text, _parse_reason(error)) from error


def _first_argument(text: str) -> bytes:
    """The address in an endpoint string such as ``unix:/path:timeout=1``."""
    address = text.partition(":")[2].replace(r"\:", "\0").partition(":")[0]
    return os.fsencode(address.removeprefix("path="))


def _with_argument(text: str, key: str, value: int, kinds: set[str]) -> str:
    """Give an endpoint string an argument it can take and does not have."""
    if text.partition(":")[0] in kinds and f":{key}=" not in text:
        return f"{text}:{key}={value}"
    return text


def _parse_reason(error: Exception) -> str:
    """Say what is wrong with an endpoint string.

    Twisted's parsers, and those of its plugins, raise whatever comes to hand.
    """
    match error:
        case NameError() | ImportError():
            return "TLS is missing: python3 -m pip install 'echolab[tls]'"
        case IndexError() | KeyError():
            return "no such socket was handed over by systemd"
        case TypeError():
            return "missing or unknown argument in the endpoint string"
        case ValueError() if str(error).startswith("invalid literal"):
            return "not a number in the endpoint string"
        case _:
            return reason_of(error)


def _check_backlog(backlog: int) -> None:
    """Warn of what listen(2) says: a larger value is silently cut."""
    try:
        most = int(SOMAXCONN.read_text())
    except (OSError, ValueError):
        return  # Not Linux: unknown.
    if backlog > most:
        _log.warn(
            "backlog {backlog} is more than this machine's net.core.somaxconn: "
            "the kernel makes it {most}",
            backlog=backlog,
            most=most,
        )
