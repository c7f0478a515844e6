"""A server's outputs and their formats, and its sinks: turn settings into sinks."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from echolab.choices import decide
from echolab.descriptors import check_standard_output
from echolab.doors import DoorError
from echolab.errors import EcholabError, OutputError
from echolab.formats import Style
from echolab.formats.apart import Apart
from echolab.formats.drawn import can_draw
from echolab.formats.names import format_named
from echolab.formats.recording import Recording
from echolab.formats.reframing import recorded_framing
from echolab.formats.style import needs_of
from echolab.formats.times import writer_of_times
from echolab.outputs.descriptor import DescriptorOutput
from echolab.outputs.file import FileOutput
from echolab.outputs.log import LogOutput
from echolab.outputs.open_files import OpenFiles
from echolab.server.option_values import EVENTS, LEDGER, SINK, is_stream
from echolab.sinks.names import sink_named
from echolab.sinks.printing import Printer
from echolab.sinks.tee import tee
from echolab.timekeeping import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.carrying.engine import NatsEngine
    from echolab.events import Sink
    from echolab.formats import Form
    from echolab.formats.style import Needs
    from echolab.interfaces import Done, IOutput, IReactor, Output
    from echolab.server.settings import ServerSettings

__all__ = ["Printed", "prints_on_stdout", "server_outputs"]

STDOUT = 1
STANDARD = "-"


T = TypeVar("T")


class Printed(NamedTuple):
    """One output of a server, or one sink from outside echolab.

    Attributes:
        sink: takes the events.
        needs: what it needs, or its format.
        engine: the engine of its stream, which is to run beside the server.
        lasts: whether what it has written lasts, or nobody here knows.
    """

    sink: Sink
    needs: Needs
    engine: NatsEngine | None = None
    lasts: bool = True


def server_outputs(
    reactor: IReactor,
    settings: ServerSettings,
    *,
    done: Done,
    foreground: bool,
    stdout: Output | None = None,
    from_stream: bool = False,
) -> list[Printed]:
    """Open the outputs that the user wants, and make the sinks.

    Args:
        reactor: watches them.
        settings: the user's settings.
        done: called when stdout is lost.
        foreground: whether there is a stdout; without one its lines go to the log.
        stdout: takes what is printed there; None for an output of its own.
        from_stream: whether the events are read from a stream: nobody knows what has
            framed their messages, so recordings keep them, and any connection may show
            the start of one.

    Raises:
        EcholabError: an output cannot be opened, or two are the same file; all are
            closed again.
    """
    printed: list[Printed] = []
    files = OpenFiles()
    time = writer_of_times(settings.time, None if from_stream else monotonic(reactor))
    try:
        for form, path in _wanted_outputs(settings):
            if form == SINK:
                sink = _made(f"{SINK}:{path}", sink_named(path))
                printed.append(Printed(sink, needs_of(sink)))
                continue
            if is_stream((form, path)):
                printed.append(_carried(reactor, settings, form, path, done, time))
                continue
            if form is None:
                make_form: Callable[[Style], Form] | None
                make_form = Recording if from_stream else _recording(settings, path)
            else:
                make_form = format_named(form)
            assert make_form is not None
            printed.append(
                _printed(
                    *(reactor, settings, make_form, path),
                    done=done,
                    foreground=foreground,
                    stdout=stdout,
                    files=files,
                    from_stream=from_stream,
                    time=time,
                )
            )
        paths = [path for _, path in _wanted_outputs(settings)]
        lasts = STANDARD in paths or any(each.lasts for each in printed)
        if settings.acknowledge and not lasts:
            reason = "it does not last; --acknowledge needs a file or a stream"
            raise OutputError("open", paths[0], reason)
    except EcholabError:
        tee(*(each.sink for each in printed)).close()
        raise
    return printed


def prints_on_stdout(settings: ServerSettings) -> bool:
    """Whether the server prints on stdout."""
    return STANDARD in [
        path for form, path in _wanted_outputs(settings) if form != SINK
    ]


def _recording(settings: ServerSettings, path: str) -> Callable[[Style], Form]:
    """Return what makes the format of a recording; on stdout it has the messages."""
    framing = None
    # With acknowledgements, messages may be left out of what the reads returned.
    if path != STANDARD and not settings.acknowledge:
        framing = recorded_framing(
            settings.framing, settings.max_message_bytes, settings.overlong
        )
    return partial(Recording, framing=framing)


def _made(name: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except DoorError as why:
        raise OutputError("open", name, str(why)) from None


def _wanted_outputs(settings: ServerSettings) -> list[tuple[str | None, str]]:
    """Return (name of the format, path) for each output; None for a recording."""
    outputs = settings.outputs
    if not outputs and settings.record != STANDARD:
        outputs = ((None, STANDARD),)
    wanted: list[tuple[str | None, str]]
    wanted = [
        (form or (EVENTS if is_stream((form, path)) else settings.format), path)
        for form, path in outputs
    ]
    if settings.record is not None:
        wanted.append((None, settings.record))
    return wanted


def _carried(
    reactor: IReactor,
    settings: ServerSettings,
    form: str | None,
    text: str,
    done: Done,
    time: Callable[[float], bytes],
) -> Printed:
    """Open a stream."""
    # Imported here, since few outputs are streams.
    from echolab.carrying.address import parse_address
    from echolab.carrying.opening import open_stream
    from echolab.carrying.packing import EventPacker, Packer, TextPacker

    address = parse_address(text)
    packer: Packer
    if form in (EVENTS, LEDGER):
        packer = EventPacker(ledger=form == LEDGER)
    else:
        make_form = format_named(form or "")
        assert make_form is not None
        style = Style(
            label=settings.label,
            escape=decide(settings.escape, False),
            color=decide(settings.color, False),
            sent=settings.show == "sent",
            kernel=settings.kernel == "always",
            time=time,
        )
        printed = _made(str(address), partial(make_form, style))
        packer = TextPacker(printed, json=form == "json")
    carrier, engine = open_stream(reactor, address, packer, done)
    return Printed(carrier, packer.needs, engine)


def _printed(
    reactor: IReactor,
    settings: ServerSettings,
    make_form: Callable[[Style], Form],
    path: str,
    *,
    done: Done,
    foreground: bool,
    stdout: Output | None,
    files: OpenFiles,
    from_stream: bool,
    time: Callable[[float], bytes],
) -> Printed:
    to_stdout = path == STANDARD and foreground
    if to_stdout:
        check_standard_output()
        files.claim(STDOUT, "stdout")
    terminal = to_stdout and os.isatty(STDOUT)
    # A log is read on a terminal, sooner or later: it is escaped too.
    seen = terminal or (path == STANDARD and not foreground)
    plain = os.environ.get("NO_COLOR", "") != "" or os.environ.get("TERM") == "dumb"
    style = Style(
        label=settings.label,
        escape=decide(settings.escape, seen),
        color=decide(settings.color, terminal and not plain),
        sent=settings.show == "sent",
        kernel=settings.kernel == "always",
        unicode=not terminal or can_draw(STDOUT),
        time=time,
    )
    form = _made(path, partial(make_form, style))
    needs = needs_of(form)
    if from_stream and needs.alone:
        form = Apart(form)
    output: IOutput | Output
    if to_stdout and stdout is not None:
        output = stdout
    elif to_stdout:
        output = DescriptorOutput(
            reactor, STDOUT, "stdout", clock=reactor, lost=done, patient=True
        )
    elif path == STANDARD:
        output = LogOutput(reactor)
    else:
        output = FileOutput(
            path,
            clock=reactor,
            sync=settings.fsync or settings.acknowledge,
            # A line that a crash has cut off must not damage the next one.
            whole_lines=needs.whole_lines or settings.acknowledge,
            files=files,
        )
    lasts = isinstance(output, FileOutput) and output.is_durable
    return Printed(Printer(output, form), needs, lasts=lasts)
