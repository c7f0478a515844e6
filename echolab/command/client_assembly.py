"""Assemble the client: turn settings into a service to run."""

from __future__ import annotations

import os
import secrets
from functools import partial
from typing import TYPE_CHECKING

from echolab.choices import decide
from echolab.client.connecting import Connector
from echolab.client.dialogue import Dialogue
from echolab.client.endpoints import client_endpoint
from echolab.client.files import FilesReader, open_inputs
from echolab.client.replay import Recorded, Replayer
from echolab.client.service import SenderService
from echolab.client.stages.base import join
from echolab.client.stages.commands import Commands
from echolab.client.stages.counting import Counting
from echolab.client.stages.crlf import CRLF
from echolab.client.stages.dot import DotQuit
from echolab.client.stages.pacing import Pacer
from echolab.client.steps import parts_of
from echolab.command.line_editing import (
    line_editor,
    messages_go_above,
    restore_at_end,
)
from echolab.command.saying import say
from echolab.formats.drawn import can_draw
from echolab.formats.hex import Hex
from echolab.sinks.printing import ConversationPrinter, Printer, Replies
from echolab.sinks.tee import tee
from echolab.terminal.commands import FOR_ONE
from echolab.terminal.completing import Completer
from echolab.terminal.keyboard import drop_pasted
from echolab.terminal.screen import Screen
from echolab.terminal.stdin import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.defer import Deferred

    from echolab.client.acknowledged import AcknowledgedService
    from echolab.client.progress import Progress
    from echolab.client.settings import ClientSettings
    from echolab.errors import InputError
    from echolab.interfaces import Done, IReactor, Output, Producer, Taker
    from echolab.terminal.screen import Display

__all__ = ["client_service", "is_typed"]

STDOUT = 1
STDERR = 2


def is_typed(settings: ClientSettings, stdin: int | None) -> bool:
    """Whether the input is typed on a terminal."""
    by_hand = settings.files in ((), ("-",)) and not settings.replay
    return by_hand and not settings.dialogue and stdin is not None and os.isatty(stdin)


def client_service(
    reactor: IReactor, settings: ClientSettings, *, stdin: int | None, done: Done
) -> SenderService | AcknowledgedService:
    """Return the line-sending client.

    Args:
        reactor: runs it.
        settings: the user's settings.
        stdin: the descriptor to read; None if there is none.
        done: called at its end.

    Raises:
        ConnectError: the endpoint string is wrong.
        InputError: a file to send cannot be opened, or is not a recording.
        OutputError: there is no stdout.
    """
    typing = is_typed(settings, stdin)
    dot = typing if settings.dot is None else settings.dot
    files = [] if typing else open_inputs(settings.files)
    recorded = None
    if settings.replay:
        any_gap = settings.speed is not None  # If set, gaps may have any length.
        recorded = Recorded(settings.replay, settings.peer, any_gap=any_gap)
    prompt = f"Input message({'.' if dot else 'Ctrl-D'}:quit): " if typing else ""
    screen = Screen.of_process(reactor, lambda why: service.output_lost(why))
    record, recorder = _recorder(reactor, settings.record)
    ledger = [recorder] if recorder else []
    if settings.format == "flow":
        ledger.append(_drawing(lambda drawn: printer.show(drawn)))
    observer = tee(*ledger) if ledger else None
    name, endpoint = client_endpoint(reactor, settings, observer)
    dialogue = Dialogue(
        parts_of(settings.dialogue, crlf=settings.crlf),
        clock=reactor,
        name=name,
        wait_seconds=5.0 if settings.wait_seconds is None else settings.wait_seconds,
        is_held=lambda: service.is_held,
        failed=lambda why: service.fail(why),
    )
    bar = _progress(files, screen)
    editor = None
    if typing and settings.edit:
        # Without replies, the history cannot know which answers are secret.
        kept = settings.history and not settings.quiet
        editor = line_editor(
            reactor,
            prompt,
            screen,
            complete=Completer(names=FOR_ONE),
            history="history" if kept else None,
        )
    display: Display = editor or bar or screen
    printer = ConversationPrinter(
        display.write,
        say=display.say,
        replies=screen.replies,
        # A drawing would have a prompt between every two rows.
        prompt=b"" if editor or settings.format == "flow" else prompt.encode(),
        echoed=typing,
        show_replies=not settings.quiet and settings.format == "classic",
        escape=decide(settings.escape, screen.replies is Replies.HERE),
        form=Hex() if settings.hex else None,
        clock=reactor,
    )
    make_source: Callable[[Taker], Producer]
    if settings.dialogue:
        make_source = dialogue.source
    elif editor:
        make_source = editor.reader
    else:
        make_source = partial(_source, reactor, settings, stdin, files, recorded, done)
    crlf = settings.crlf and not (files or recorded or settings.dialogue)
    rate = settings.lines_per_second

    if editor and stdin is not None:
        messages_go_above(editor, screen)
        restore_at_end(stdin, screen)

    def close() -> Deferred[None] | None:
        say.show_by(None)
        return display.close()

    commands = Commands(
        reactor,
        send=lambda data: service.send(data),
        reset=lambda: service.reset(),
        say=lambda text: display.say(f"{text}\n".encode()),
        typed=printer.typed,
        ask=printer.ask,
    )

    def quits() -> None:
        printer.typed()
        if typing and not editor and stdin is not None:
            drop_pasted(stdin, display.say)

    stages = (  # In the order in which the input passes them.
        DotQuit(quits) if dot else None,
        commands if typing else None,  # They may send a line that begins with a dot.
        CRLF() if crlf else None,
        Pacer(reactor, rate) if rate else None,
        Counting(bar.count) if bar else None,
    )
    make_connector = partial(
        Connector,
        endpoint,
        name,
        clock=reactor,
        timeout_seconds=settings.timeout_seconds,
    )
    make_reader = partial(join, make_source, list(filter(None, stages)))
    service: SenderService | AcknowledgedService
    if settings.acknowledged:
        # Imported here, because few clients do that.
        from echolab.client.acknowledged import AcknowledgedService
        from echolab.client.resending import Resending

        service = AcknowledgedService(
            make_connector,
            name,
            printer,
            [*screen.outputs, *record],
            clock=reactor,
            done=done,
            make_reader=make_reader,
            resending=Resending(
                settings.client_id or secrets.token_hex(16),
                is_named=settings.client_id is not None,
            ),
            patience_seconds=settings.retry_seconds,
            timeout_seconds=settings.timeout_seconds,
            observer=observer,
            encrypted=settings.tls_keys is not None,
            close=close,
        )
        return service
    service = SenderService(
        make_connector(retry_seconds=settings.retry_seconds),
        name,
        printer,
        [*screen.outputs, *record],
        clock=reactor,
        done=done,
        make_reader=make_reader,
        no_delay=recorded is not None,
        wait_seconds=settings.wait_seconds,
        half_open_seconds=_half_open_seconds(settings, typing=typing),
        observer=observer,
        listener=dialogue if settings.dialogue else None,
        encrypted=settings.tls_keys is not None,
        behaviour=settings.behave,
        close=close,
        close_outputs=True,
    )
    return service


def _recorder(
    reactor: IReactor, path: str | None
) -> tuple[Sequence[Output], Printer | None]:
    """Return the output of a recording, and what prints there, if there is a path.

    Raises:
        OutputError: the file cannot be opened, or the replies go there.
    """
    if path is None:
        return (), None
    # Imported here, because few clients record.
    from echolab.formats.recording import Recording
    from echolab.formats.reframing import RecordedFraming
    from echolab.outputs.file import FileOutput
    from echolab.outputs.open_files import OpenFiles

    files = OpenFiles()
    files.claim(STDOUT, "stdout")
    output = FileOutput(path, clock=reactor, whole_lines=True, files=files)
    return (output,), Printer(output, Recording(framing=RecordedFraming("chunk")))


def _drawing(show: Callable[[bytes], None]) -> Printer:
    """Return what draws all that happens."""
    # Imported here, because few clients draw.
    from echolab.formats import Style
    from echolab.formats.flow import Flow

    return Printer(show, Flow(Style(unicode=can_draw(STDOUT))))


def _half_open_seconds(settings: ClientSettings, *, typing: bool) -> float | None:
    """Return how long a server that has ended its sending side may still read."""
    if typing:
        return 0.0
    if settings.quiet:
        return None
    if settings.replay:
        return 0.0  # Gaps in a recording may be long, so a pause means nothing.
        # Nor does the pause between two lines that --rate makes.
    return max(1.0, 2 / settings.lines_per_second) if settings.lines_per_second else 1.0


def _source(
    reactor: IReactor,
    settings: ClientSettings,
    stdin: int | None,
    files: Sequence[tuple[int, int]],
    recorded: Recorded | None,
    failed: Done,
    taker: Taker,
) -> Producer:
    """Return the source of input that is not typed in an editor."""
    if recorded:
        return Replayer(
            reactor,
            recorded,
            speed=1.0 if settings.speed is None else settings.speed,
            received=taker.received,
            ended=taker.ended,
            failed=failed,
        )

    def end(why: InputError) -> None:
        taker.input_failed(why)
        taker.ended()

    received, ended = taker.received, taker.ended
    if not files:
        return StdinReader(reactor, stdin, received=received, ended=ended, failed=end)
    named = [(name, fd) for name, (fd, _) in zip(settings.files, files, strict=True)]
    return FilesReader(reactor, named, received=received, ended=ended, failed=end)


def _progress(files: Sequence[tuple[int, int]], screen: Screen) -> Progress | None:
    """Return a progress bar, if files are sent, a user sees it and it is installed."""
    if not files or screen.stream is None or not os.isatty(STDERR):
        return None
    try:
        from echolab.client.progress import Progress
    except ImportError:
        return None
    return Progress(sum(size for _, size in files), screen.stream, screen)
