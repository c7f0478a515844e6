"""The options of ``echolab tail``."""

from __future__ import annotations

from twisted.python import usage
from typing_extensions import override

from echolab.carrying.address import parse_address, without_secrets
from echolab.command.option_making import SettingsOptions
from echolab.command.printing_options import check_printing
from echolab.command.tail_settings import TailSettings

__all__ = ["TailOptions"]

USAGE = "Usage: echolab tail nats://HOST/SUBJECT"


class TailOptions(SettingsOptions, of=TailSettings):
    """``echolab tail``."""

    synopsis = "nats://HOST[:PORT][,HOST…]/SUBJECT[?stream=NAME&…] [options]"
    longdesc = (
        "Prints what servers have carried into a stream of NATS JetStream (server "
        "--output nats://…), as they would have printed it, in any format. Example: "
        "echolab tail --follow nats://127.0.0.1/lab."
    )

    @override
    def parseArgs(self, *words: str) -> None:
        if len(words) != 1 or not all(words):
            raise usage.UsageError(USAGE)
        try:
            self._address = parse_address(words[0])
        except ValueError as why:
            where = without_secrets(words[0])
            raise usage.UsageError(f"{where}: {why}") from None

    @override
    def postOptions(self) -> None:
        check_printing(self)
        self.settings = TailSettings(address=self._address, **self.given())
