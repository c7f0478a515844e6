"""The parts of the client put together: settings in, a service to run out."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from echolab.choices import decide
from echolab.client.connecting import Connector
from echolab.client.endpoints import client_endpoint
from echolab.client.history import HistoryFile, history_path
from echolab.client.input import CRLF, DotQuit, FilesReader, Pacer, open_inputs
from echolab.client.replay import Recorded, Replayer
from echolab.client.screen import Screen
from echolab.client.service import SenderService
from echolab.client.stdin import StdinReader
from echolab.sinks.printing import ConversationPrinter, Replies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IPushProducer

    from echolab.client.editing import LineEditor
    from echolab.client.progress import Progress
    from echolab.client.settings import ClientSettings
    from echolab.client.terminal_stream import TerminalStream
    from echolab.errors import InputError
    from echolab.interfaces import Done, IReactor

__all__ = ["client_service", "is_typed"]

STDERR = 2


def is_typed(settings: ClientSettings, stdin: int | None) -> bool:
    """Whether a person types what is sent, on a terminal."""
    by_hand = settings.files in ((), ("-",)) and settings.replay is None
    return by_hand and stdin is not None and os.isatty(stdin)


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
        InputError: a file to send cannot be opened, or is no recording.
        OutputError: there is no stdout.
    """
    typing = is_typed(settings, stdin)
    dot = typing if settings.dot is None else settings.dot
    files = [] if typing else open_inputs(settings.files)
    recorded = None
    if settings.replay:
        any_gap = settings.speed is not None  # It says how long one may be.
        recorded = Recorded(settings.replay, settings.peer, any_gap=any_gap)
    prompt = f"Input message({'.' if dot else 'Ctrl-D'}:quit): " if typing else ""
    name, endpoint = client_endpoint(reactor, settings)
    screen = Screen.of_process(reactor, lambda why: service.output_lost(why))

    def received(chunk: bytes) -> None:
        service.received(chunk)

    def ended() -> None:
        service.ended()

    write: Callable[[bytes], None] = screen.output.write
    say: Callable[[bytes], None] = screen.say
    close: Callable[[], Deferred[None] | None] = _nothing
    take: Callable[[bytes], None] = received
    if bar := _progress(files, screen.stream):
        write, say, close = bar.around(write), bar.around(say), bar.close
        take = bar.counting(received)
    pacer = None
    if settings.lines_per_second:
        rate = settings.lines_per_second
        pacer = Pacer(reactor, rate, received=take, ended=ended)
        take, ended = pacer.take, pacer.end
    if settings.crlf and not (files or recorded):
        take = CRLF(take)
    source: IPushProducer

    def quits() -> None:
        printer.typed()
        source.stopProducing()
        ended()

    def failed(why: InputError) -> None:
        service.input_failed(why)
        ended()

    if dot:
        take = DotQuit(received=take, quits=quits)
    make_editor = _editor(reactor, settings, screen) if typing else None
    if make_editor:
        source = make_editor(prompt, received=take, ended=ended)
        write, close = source.print, source.close
        if screen.replies is Replies.HERE:
            say = write
    elif recorded:
        source = Replayer(
            reactor,
            recorded,
            speed=1.0 if settings.speed is None else settings.speed,
            received=take,
            ended=ended,
            failed=done,
        )
    elif files:
        named = [
            (name, fd) for name, (fd, _) in zip(settings.files, files, strict=True)
        ]
        source = FilesReader(reactor, named, received=take, ended=ended, failed=failed)
    else:
        source = StdinReader(reactor, stdin, received=take, ended=ended, failed=failed)
    reader: IPushProducer = source
    if pacer is not None:
        pacer.source, reader = source, pacer
    printer = ConversationPrinter(
        write,
        say=say,
        replies=screen.replies,
        prompt=b"" if make_editor else prompt.encode(),
        echoed=typing,
        show_replies=not settings.quiet,
        escape=decide(settings.escape, screen.replies is Replies.HERE),
        clock=reactor,
    )
    service = SenderService(
        Connector(
            endpoint,
            name,
            clock=reactor,
            timeout_seconds=settings.timeout_seconds,
            retry_seconds=settings.retry_seconds,
        ),
        name,
        printer,
        screen.outputs,
        clock=reactor,
        done=done,
        make_reader=lambda _: reader,
        no_delay=recorded is not None,
        wait_seconds=settings.wait_seconds,
        half_open_seconds=_half_open_seconds(settings, typing=typing),
        close=close,
        close_outputs=True,
    )
    return service


def _half_open_seconds(settings: ClientSettings, *, typing: bool) -> float | None:
    """How long a server that has ended its sending side may be still reading."""
    if typing:
        return 0.0
    if settings.quiet:
        return None
    if settings.replay:
        return 0.0  # Its gaps may be long: that nothing is sent says nothing.
    # Nor may a pause between two lines that is wanted.
    return max(1.0, 2 / settings.lines_per_second) if settings.lines_per_second else 1.0


def _progress(
    files: Sequence[tuple[int, int]], stream: TerminalStream | None
) -> Progress | None:
    """A progress bar, if files are sent, somebody sees it and it is installed."""
    if not files or stream is None or not os.isatty(STDERR):
        return None
    try:
        from echolab.client.progress import Progress
    except ImportError:
        return None
    return Progress(sum(size for _, size in files), stream)


def _editor(
    reactor: IReactor, settings: ClientSettings, screen: Screen
) -> Callable[..., LineEditor] | None:
    """What makes a line editor, if it is wanted, and there is all that it needs."""
    if not settings.edit or screen.stream is None or _is_dumb():
        return None
    # Here, because it imports asyncio, which is slow.
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor

    if not isinstance(reactor, AsyncioSelectorReactor):
        return None
    try:
        from echolab.client.editing import LineEditor
    except ImportError:
        return None
    # Who sees no replies is not asked, but may well know what to answer.
    kept = settings.history and not settings.quiet
    path = history_path() if kept else None
    return partial(
        LineEditor,
        terminal=screen.stream,
        history=HistoryFile(path) if path else None,
        write=screen.output.write,
        replies=screen.replies,
    )


def _is_dumb() -> bool:
    """Whether the terminal cannot move its cursor."""
    return os.environ.get("TERM", "dumb") in ("dumb", "unknown", "")


def _nothing() -> None:
    """Close nothing."""
