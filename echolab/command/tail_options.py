"""The options of ``echolab tail``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.python import usage
from typing_extensions import override

from echolab.carrying.address import parse_address, without_secrets
from echolab.command.option_making import SettingsOptions
from echolab.command.printing_options import check_printing
from echolab.command.tail_settings import TailSettings
from echolab.server.option_values import is_stream

if TYPE_CHECKING:
    from echolab.carrying.address import Address

__all__ = ["TailOptions"]

USAGE = "Usage: echolab tail nats://HOST/SUBJECT"


class TailOptions(SettingsOptions, of=TailSettings):
    """``echolab tail``."""

    synopsis = "nats://HOST[:PORT][,HOST…]/SUBJECT[?KEY=VALUE&…] [options]"
    topics = ("formats", "outputs", "exit-status", "environment")
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
        self._check_web()
        for output in self.get("output", ()):
            if is_stream(output):
                self._check_other(parse_address(output[1]))
        self.settings = TailSettings(address=self._address, **self.given())

    def _check_web(self) -> None:
        if self["web"] is not None and not self["follow"]:
            raise usage.UsageError("--web: without --follow, the page ends at once")
        if self["web-token"] is not None and self["web"] is None:
            raise usage.UsageError("--web-token: there is no --web")

    def _check_other(self, output: Address) -> None:
        """Check that a stream to write to is another: otherwise it would never end.

        Raises:
            UsageError: it is not.
        """
        same = {*output.servers} & {*self._address.servers}
        if same and output.stream == self._address.stream:
            raise usage.UsageError(f"--output {output}: that is the stream it reads")
