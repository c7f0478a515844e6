"""The parts of the client put together: settings in, a service to run out."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from echolab.client_endpoints import client_endpoint
from echolab.client_service import SenderService
from echolab.connecting import Connector
from echolab.input import CRLF, FilesReader, Pacer, open_inputs
from echolab.output import DescriptorOutput
from echolab.printing import ConversationPrinter
from echolab.replay import Recorded, Replayer
from echolab.settings import decide
from echolab.stdin import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IPushProducer

    from echolab.editing import LineEditor
    from echolab.interfaces import IReactor
    from echolab.progress import Progress
    from echolab.service import Done
    from echolab.settings import ClientSettings

__all__ = ["client_service"]

STDOUT = 1
STDERR = 2


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
    """
    files = open_inputs(settings.files)
    recorded = None
    if settings.replay:
        any_gap = settings.speed is not None  # It says how long one may be.
        recorded = Recorded(settings.replay, settings.peer, any_gap=any_gap)
    by_hand = not (files or recorded)
    typing = by_hand and stdin is not None and os.isatty(stdin)
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
    close: Callable[[], Deferred[None] | None] = _nothing
    take: Callable[[bytes], None] = received
    if progress := _progress(sum(size for _, size in files)) if files else None:
        write, close = progress.around(write), progress.close
        take = progress.counting(received)
    pacer = None
    if settings.lines_per_second:
        rate = settings.lines_per_second
        pacer = Pacer(reactor, rate, received=take, ended=ended)
        take, ended = pacer.take, pacer.end
    if settings.crlf and by_hand:
        take = CRLF(take)
    reader: IPushProducer
    if typing and settings.edit and (editor := _editor(reactor, prompt)):
        reader = editor(received=take, ended=ended, write=write)
        write, close, prompt = reader.print, reader.close, ""
    elif recorded:
        reader = Replayer(
            reactor,
            recorded,
            speed=1.0 if settings.speed is None else settings.speed,
            received=take,
            ended=ended,
            failed=done,
        )
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
            escape=decide(settings.escape, os.isatty(STDOUT)),
        ),
        output,
        clock=reactor,
        done=done,
        make_reader=lambda _: reader,
        # What is in a file is sent as it is.
        quit_on_dot=settings.dot and by_hand,
        no_delay=recorded is not None,
        wait_seconds=settings.wait_seconds,
        half_open_seconds=_half_open_seconds(settings, typing=typing),
        close=close,
        close_output=True,
    )
    return service


def _half_open_seconds(settings: ClientSettings, *, typing: bool) -> float | None:
    """How long a server that has ended its sending side may be still reading."""
    if typing:
        return 0.0
    if settings.quiet:
        return None
    # A recording's gaps may be long: that nothing is sent says nothing.
    return 0.0 if settings.replay else 1.0


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


def _nothing() -> None:
    """Close nothing."""
