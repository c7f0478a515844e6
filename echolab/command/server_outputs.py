"""A server's outputs and their formats: turn settings into printers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from echolab.choices import decide
from echolab.descriptors import check_standard_output
from echolab.errors import OutputError
from echolab.formats import FORMATS, Style
from echolab.formats.recording import Recording
from echolab.formats.style import needs_of
from echolab.outputs.descriptor import DescriptorOutput
from echolab.outputs.file import FileOutput
from echolab.outputs.log import LogOutput
from echolab.outputs.open_files import OpenFiles
from echolab.sinks.printing import Printer

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.formats import Form
    from echolab.formats.style import Needs
    from echolab.interfaces import Done, IOutput, IReactor
    from echolab.server.settings import ServerSettings

__all__ = ["Printed", "server_outputs"]

STDOUT = 1
STANDARD = "-"


class Printed(NamedTuple):
    """One output of a server.

    Attributes:
        printer: the sink that prints.
        output: where it prints.
        needs: what its format needs.
    """

    printer: Printer
    output: IOutput
    needs: Needs


def server_outputs(
    reactor: IReactor, settings: ServerSettings, *, done: Done, foreground: bool
) -> list[Printed]:
    """Open the outputs that the user wants.

    Args:
        reactor: watches them.
        settings: the user's settings.
        done: called when stdout is lost.
        foreground: whether there is a stdout; without one its lines go to the log.

    Raises:
        OutputError: an output cannot be opened, or two are the same file; all are
            closed again.
    """
    wanted = _wanted_outputs(settings)
    printed: list[Printed] = []
    files = OpenFiles()
    try:
        for make_form, path in wanted:
            printed.append(
                _printed(reactor, settings, make_form, path, done, foreground, files)
            )
    except OutputError:
        for each in printed:
            each.output.close()
        raise
    return printed


def _wanted_outputs(
    settings: ServerSettings,
) -> list[tuple[Callable[[Style], Form], str]]:
    """Return (factory, path) for each output."""
    outputs = settings.outputs
    if not outputs and settings.record != STANDARD:
        outputs = ((None, STANDARD),)
    wanted = [(FORMATS[form or settings.format], path) for form, path in outputs]
    if settings.record is not None:
        wanted.append((Recording, settings.record))
    return wanted


def _printed(
    reactor: IReactor,
    settings: ServerSettings,
    make_form: Callable[[Style], Form],
    path: str,
    done: Done,
    foreground: bool,
    files: OpenFiles,
) -> Printed:
    to_stdout = path == STANDARD and foreground
    if to_stdout:
        check_standard_output()
        files.claim(STDOUT, "stdout")
    terminal = to_stdout and os.isatty(STDOUT)
    # A log is read on a terminal, sooner or later: it is escaped too.
    seen = terminal or (path == STANDARD and not foreground)
    colors = terminal and os.environ.get("NO_COLOR", "") == ""
    form = make_form(
        Style(
            label=settings.label,
            escape=decide(settings.escape, seen),
            color=decide(settings.color, colors),
            sent=settings.show == "sent",
        )
    )
    needs = needs_of(form)
    output: IOutput
    if to_stdout:
        output = DescriptorOutput(
            reactor, STDOUT, "stdout", clock=reactor, lost=done, patient=True
        )
    elif path == STANDARD:
        output = LogOutput(reactor)
    else:
        output = FileOutput(
            path,
            clock=reactor,
            sync=settings.fsync,
            whole_lines=needs.whole_lines,
            files=files,
        )
    return Printed(Printer(output, form), output, needs)
