"""The options of ``echolab export``."""

from __future__ import annotations

from twisted.python import usage
from typing_extensions import override

from echolab.command.option_making import SettingsOptions
from echolab.lab.export_settings import ExportSettings

__all__ = ["ExportOptions"]

USAGE = "Usage: echolab export RECORDING FILE"


class ExportOptions(SettingsOptions, of=ExportSettings):
    """``echolab export``."""

    synopsis = "RECORDING FILE [options]"
    topics = ("exit-status",)
    longdesc = (
        "Makes a capture for Wireshark (pcapng) of a recording (--record): the bytes "
        "and times are true, the headers of the packets are made up. FILE is "
        "overwritten; - is stdout. Example: echolab export lab.jsonl lab.pcapng."
    )

    @override
    def parseArgs(self, *words: str) -> None:
        if len(words) != 2 or not all(words):
            raise usage.UsageError(USAGE)
        self._words = words

    @override
    def postOptions(self) -> None:
        recording, file = self._words
        self.settings = ExportSettings(recording=recording, file=file, **self.given())
