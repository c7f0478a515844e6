"""The options of ``echolab draw``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.python import usage
from typing_extensions import override

from echolab.command.option_making import SettingsOptions
from echolab.lab.settings import FORMS, PAIR, DrawSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DrawOptions"]

USAGE = "Usage: echolab draw RECORDING..."
BETWEEN = "--between"


class DrawOptions(SettingsOptions, of=DrawSettings):
    """``echolab draw``."""

    synopsis = "RECORDING... [options]"
    topics = ("units", "exit-status")
    longdesc = (
        "Draws each connection of a recording (server --record). Two recordings, the "
        "server's and the client's, become one figure. A capture (pcap, pcapng) beside "
        "them puts the real packets into it. Example: echolab draw server.jsonl "
        "client.jsonl."
    )

    @override
    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        words = list(sys.argv[1:] if options is None else options)
        super().parseOptions(_times_joined(words))

    @override
    def parseArgs(self, *words: str) -> None:
        if not words:
            raise usage.UsageError(USAGE)
        self._recordings = words

    @override
    def postOptions(self) -> None:
        given = self.given()
        ending = Path(given.get("output", "")).suffix.removeprefix(".").lower()
        if ending in FORMS:
            given.setdefault("form", ending)
        self.settings = DrawSettings(recordings=self._recordings, **given)


def _times_joined(words: list[str]) -> list[str]:
    """Return a command line in which the two times of an option are one word."""
    if BETWEEN not in words:
        return words
    at = words.index(BETWEEN)
    times = words[at + 1 : at + 3]
    if len(times) < 2:
        raise usage.UsageError(f"{BETWEEN}: needs two times, as {BETWEEN} 1.5 3")
    return [*words[: at + 1], PAIR.join(times), *words[at + 3 :]]
