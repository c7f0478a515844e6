"""Rules between the options of printing, for all programs that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.python import usage

from echolab.server.option_values import EVENTS, SINK, is_stream

if TYPE_CHECKING:
    from echolab.command.option_making import SettingsOptions

__all__ = ["check_printing"]

_SHOW_NOT = {None, "classic", "raw", "flow"}
"""Formats that do not show what is sent; the first is the default."""


def check_printing(options: SettingsOptions) -> None:
    """Check that the options of printing go together.

    Raises:
        UsageError: they do not.
    """
    outputs = options.get("output", ())
    path = options["record"]
    if path is not None and is_stream((None, path)):
        why = "a stream has a recording with --output ledger:nats://HOST/SUBJECT"
        raise usage.UsageError(f"--record: {why}")
    if path in [path for form, path in outputs if form != SINK]:
        raise usage.UsageError(f"--record {path}: that file is an --output too")
    forms = [
        EVENTS if is_stream((form, path)) and not form else form or options["format"]
        for form, path in outputs
    ]
    wanted = {*(forms or [options["format"]])}
    if options["show"] == "sent" and wanted <= _SHOW_NOT:
        raise usage.UsageError("--show sent: goes with --format log, hex or json")
    if options["time"] is not None and "log" not in wanted:
        why = "no output has the format log"
        raise usage.UsageError(f"--time {options['time']}: {why}")
