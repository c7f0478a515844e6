"""Where a server prints, and in which formats: settings in, printers out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from echolab.choices import decide
from echolab.descriptors import check_standard_output
from echolab.errors import OutputError
from echolab.formats import FORMATS, Style
from echolab.formats.recording import Recording
from echolab.outputs.descriptor import DescriptorOutput
from echolab.outputs.file import FileOutput
from echolab.outputs.log import LogOutput
from echolab.outputs.open_files import OpenFiles
from echolab.sinks.printing import Printer

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.formats import Form
    from echolab.interfaces import Done, IOutput, IReactor
    from echolab.server.settings import ServerSettings

__all__ = ["Printed", "server_outputs"]

STDOUT = 1
STANDARD = "-"


class Printed(NamedTuple):
    """One place where a server prints.

    Attributes:
        form: the name of the format.
        printer: the sink that prints.
        output: where it prints.
    """

    form: str
    printer: Printer
    output: IOutput


def server_outputs(
    reactor: IReactor, settings: ServerSettings, *, done: Done, foreground: bool
) -> list[Printed]:
    """Open the outputs that the user wants.

    Args:
        reactor: watches them.
        settings: what the user said.
        done: called when stdout is lost.
        foreground: whether there is a stdout; without one its lines go to the log.

    Raises:
        OutputError: one cannot be opened, or two are the same file; none is left
            open.
    """
    wanted = _wanted_outputs(settings)
    printed: list[Printed] = []
    files = OpenFiles()
    try:
        for form, make_form, path in wanted:
            printer, output = _printer_and_output(
                reactor, settings, make_form, path, done, foreground, files
            )
            printed.append(Printed(form, printer, output))
    except OutputError:
        for each in printed:
            each.output.close()
        raise
    return printed


def _wanted_outputs(
    settings: ServerSettings,
) -> list[tuple[str, Callable[[Style], Form], str]]:
    """Return (format name, factory, path) for each output."""
    outputs = settings.outputs
    if not outputs and settings.record != STANDARD:
        outputs = ((None, STANDARD),)
    names = [(form or settings.format, path) for form, path in outputs]
    wanted = [(name, FORMATS[name], path) for name, path in names]
    if settings.record is not None:
        wanted.append(("recording", Recording, settings.record))
    return wanted


def _printer_and_output(
    reactor: IReactor,
    settings: ServerSettings,
    make_form: Callable[[Style], Form],
    path: str,
    done: Done,
    foreground: bool,
    files: OpenFiles,
) -> tuple[Printer, IOutput]:
    output: IOutput
    terminal = False
    if path != STANDARD:
        output = FileOutput(
            path,
            clock=reactor,
            sync=settings.fsync,
            whole_lines=make_form is Recording,
            files=files,
        )
    elif foreground:
        check_standard_output()
        files.claim(STDOUT, "stdout")
        output = DescriptorOutput(
            reactor, STDOUT, "stdout", clock=reactor, lost=done, patient=True
        )
        terminal = os.isatty(STDOUT)
    else:
        output = LogOutput(reactor)
    colors = terminal and os.environ.get("NO_COLOR", "") == ""
    style = Style(
        label=settings.label,
        # A log is read on a terminal, sooner or later.
        escape=decide(settings.escape, terminal or isinstance(output, LogOutput)),
        color=decide(settings.color, colors),
    )
    return Printer(output.write, make_form(style)), output
