"""The parts put together: settings in, a service to run out.

What is not said in the settings is handed in: the reactor, whether anybody sees
the terminal, and whom to tell of the end.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.admission import Admission
from echolab.client_endpoints import client_endpoint
from echolab.connecting import Connector
from echolab.endpoints import server_endpoints
from echolab.events import Accepted, Finished, tee
from echolab.file_output import FileOutput
from echolab.formats import FORMATS, Style
from echolab.framing import framing
from echolab.input import CRLF, FilesReader, Pacer, open_inputs
from echolab.kernel import open_files_left
from echolab.output import DescriptorOutput, LogOutput
from echolab.printing import ConversationPrinter, Printer
from echolab.replying import ReplyingProtocol, echo, reply_text
from echolab.reporting import Reporter
from echolab.server import Limits, ReceiverFactory, ReceiverProtocol
from echolab.service import ReceiverService, SenderService
from echolab.sharing import share
from echolab.stdin import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IPushProducer

    from echolab.editing import LineEditor
    from echolab.events import Event, Sink
    from echolab.framing import Framer
    from echolab.interfaces import IOutput, IReactor
    from echolab.progress import Progress
    from echolab.service import Done
    from echolab.settings import ClientSettings, ServerSettings, When

__all__ = [
    "client_service",
    "server_service",
]

STDOUT = 1
STDERR = 2
STANDARD = "-"
MOST_CONNECTIONS = 1_000_000
RESERVED_FILES = 16
"""What the program itself may still open: outputs, logs, a listening socket."""
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


_log = Logger()


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
    endpoints = server_endpoints(
        reactor, settings, lambda *who: service.factory.refuse(*who)
    )
    wanted = settings.outputs or ((None, STANDARD),)
    printed = [
        _printer_and_output(reactor, settings, form, path, done, foreground)
        for form, path in wanted
    ]

    def serve_once(event: Event) -> None:
        match event:
            case Accepted():
                service.stop_listening()
            case Finished():
                done(None)
            case _:
                pass

    forms = {form or settings.format for form, _ in wanted}
    sinks: list[Sink] = [printer for printer, _ in printed]
    sinks.append(Reporter())
    outputs = [output for _, output in printed]
    if settings.once:
        sinks.append(serve_once)
    factory = ReceiverFactory(
        tee(*sinks),
        clock=reactor,
        make_framer=framing(
            settings.framing, settings.max_message_bytes, settings.overlong
        ),
        make_protocol=_protocol_maker(settings.reply),
        limits=Limits(
            partial_seconds=settings.partial_seconds,
            partial_alone="raw" in forms and settings.label != "always",
            idle_seconds=settings.idle_seconds,
            handshake_seconds=settings.handshake_seconds,
            keepalive_seconds=settings.keepalive_seconds,
        ),
        admission=Admission(
            allow=settings.allow,
            deny=settings.deny,
            max_connections=_connections(settings.max_connections),
            max_per_host=settings.max_per_host,
        ),
        count_messages=forms != {"raw"},
    )
    share(factory, outputs)
    service = ReceiverService(
        endpoints,
        factory,
        outputs,
        clock=reactor,
        done=done,
        drain_seconds=settings.drain_seconds,
    )
    _check_backlog(settings.backlog)
    return service


def _protocol_maker(reply: str) -> Callable[[Framer], ReceiverProtocol]:
    if reply == "none":
        return ReceiverProtocol
    answer = echo if reply == "echo" else reply_text(reply)
    return lambda framer: ReplyingProtocol(framer, answer)


def _connections(wanted: int) -> int:
    """How many connections may be open: what is wanted, if there is room."""
    room = open_files_left() - RESERVED_FILES
    if wanted > room:
        _log.warn(
            "max-connections {wanted} is more than the limit of open files allows: "
            "it is {room}",
            wanted=wanted,
            room=room,
        )
    return max(1, min(wanted or MOST_CONNECTIONS, room))


def _printer_and_output(
    reactor: IReactor,
    settings: ServerSettings,
    form: str | None,
    path: str,
    done: Done,
    foreground: bool,
) -> tuple[Printer, IOutput]:
    output: IOutput
    terminal = False
    if path != STANDARD:
        output = FileOutput(path, clock=reactor, sync=settings.fsync)
    elif foreground:
        output = DescriptorOutput(reactor, STDOUT, "stdout", clock=reactor, lost=done)
        terminal = os.isatty(STDOUT)
    else:
        output = LogOutput()
    colors = terminal and os.environ.get("NO_COLOR", "") == ""
    style = Style(
        label=settings.label,
        # A log is read on a terminal, sooner or later.
        escape=_decide(settings.escape, terminal or isinstance(output, LogOutput)),
        color=_decide(settings.color, colors),
    )
    return Printer(output.write, FORMATS[form or settings.format](style)), output


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
        InputError: a file to send cannot be opened.
    """
    files = open_inputs(settings.files)
    typing = not files and stdin is not None and os.isatty(stdin)
    prompt = ""
    if typing:
        prompt = f"Input message({'.' if settings.dot else 'Ctrl-D'}:quit): "
    name, endpoint = client_endpoint(reactor, settings)
    output = DescriptorOutput(
        reactor,
        STDOUT,
        "stdout",
        clock=reactor,
        lost=lambda why: service.output_lost(why),
    )

    def received(chunk: bytes) -> None:
        service.received(chunk)

    def ended() -> None:
        service.ended()

    write: Callable[[bytes], None] = output.write
    close: Callable[[], Deferred[None] | None] = lambda: None  # noqa: E731
    take: Callable[[bytes], None] = received
    if progress := _progress(sum(size for _, size in files)) if files else None:
        write, close = progress.around(write), progress.close
        take = progress.counting(received)
    pacer = None
    if settings.lines_per_second:
        rate = settings.lines_per_second
        pacer = Pacer(reactor, rate, received=take, ended=ended)
        take, ended = pacer.take, pacer.end
    if settings.crlf and not files:
        take = CRLF(take)
    reader: IPushProducer
    if typing and settings.edit and (editor := _editor(reactor, prompt)):
        reader = editor(received=take, ended=ended, write=write)
        write, close, prompt = reader.print, reader.close, ""
    elif files:
        fds = [fd for fd, _ in files]
        reader = FilesReader(reactor, fds, received=take, ended=ended)
    else:
        reader = StdinReader(reactor, stdin, received=take, ended=ended)
    if pacer is not None:
        pacer.source = reader
        reader = pacer
    service = SenderService(
        Connector(
            endpoint,
            name,
            clock=reactor,
            timeout_seconds=settings.timeout_seconds,
            retry_seconds=settings.retry_seconds,
        ),
        name,
        ConversationPrinter(
            write,
            prompt=prompt.encode(),
            show_replies=not settings.quiet,
            escape=_decide(settings.escape, os.isatty(STDOUT)),
        ),
        output,
        clock=reactor,
        done=done,
        make_reader=lambda _: reader,
        # What is in a file is sent as it is.
        quit_on_dot=settings.dot and not files,
        wait_seconds=settings.wait_seconds,
        half_open_seconds=0.0 if typing else None if settings.quiet else 1.0,
        close=close,
    )
    return service


def _progress(total_bytes: int) -> Progress | None:
    """A progress bar, if somebody sees it and it is installed."""
    if not os.isatty(STDERR):
        return None
    try:
        from echolab.progress import Progress
    except ImportError:
        return None
    return Progress(total_bytes)


def _editor(reactor: IReactor, prompt: str) -> Callable[..., LineEditor] | None:
    """What makes a line editor, if there is a screen and a reactor for it."""
    # Here, because it imports asyncio, which is slow.
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor

    if not (isinstance(reactor, AsyncioSelectorReactor) and os.isatty(STDOUT)):
        return None
    try:
        from echolab.editing import LineEditor
    except ImportError:
        return None
    return partial(LineEditor, prompt)


def _decide(when: When, auto: bool) -> bool:
    return auto if when == "auto" else when == "always"


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
