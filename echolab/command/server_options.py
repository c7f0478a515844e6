"""The options of the server, for twistd and the command."""

from __future__ import annotations

from typing import ClassVar

from twisted.python import usage
from typing_extensions import override

from echolab.addresses import ANY_IPV4
from echolab.command.option_making import SettingsOptions
from echolab.command.options import UNITS_HELP, port_value
from echolab.command.printing_options import check_printing
from echolab.near_misses import (
    address_and_port_of,
    did_you_mean,
    host_and_port_of,
    is_endpoint,
)
from echolab.server.checking import check_together, does_tls
from echolab.server.settings import ServerSettings
from echolab.sockets.endpoint_strings import kind_of

__all__ = ["ServerOptions"]


class ServerOptions(SettingsOptions, of=ServerSettings):
    """``twistd echolab`` and ``echolab server``."""

    synopsis = "[PORT] [options]"
    topics = (
        "units",
        "framings",
        "formats",
        "outputs",
        "endpoints",
        "answers",
        "behaviours",
        "twistd",
        "exit-status",
        "environment",
    )
    longdesc = (
        "Receives on many connections at once and prints what arrives. It began as a "
        "lecture's server.c. Example: echolab server 8888, or "
        "twistd -n echolab --port 8888; then, elsewhere: nc 127.0.0.1 8888."
        + UNITS_HELP
    )
    habits: ClassVar[dict[str, str]] = {
        "connect": "echolab client has it",
        "k": "the server always takes many connections",
        "l": "the server always listens",
        "u": "the server has no UDP",
        "v": "the default format and log show who connects",
    }

    @override
    def parseArgs(self, *words: str) -> None:
        where = host_and_port_of(":".join(words))
        endpoint = words and is_endpoint(words[0])
        if len(words) > 1 or where or endpoint:
            meant = did_you_mean(_meant(words))
            raise usage.UsageError(f"Usage: echolab server [port]{meant}")
        if words and self["port"] is not None:
            twice = f"{words[0]} and --port {self['port']}"
            raise usage.UsageError(f"the port is given twice: {twice}")
        if words:
            self["port"] = words[0]

    @override
    def postOptions(self) -> None:
        self._check_place()
        self._check_tls()
        check_printing(self)
        self._check_acknowledge()
        given = self.given()
        if self["port"] is not None:
            where = given.get("interface") or ANY_IPV4
            given["port"] = port_value("bind", where, self["port"], 0)
        if self["cert"]:
            given["tls"] = True
        self.settings = ServerSettings(**given)
        try:
            check_together(self.settings)
        except ValueError as why:
            raise usage.UsageError(str(why)) from None

    def _check_place(self) -> None:
        if self.get("listen"):
            for name, instead in (
                ("port", ""),
                ("interface", "; write tcp:8888:interface=127.0.0.1"),
                ("reuse-port", ""),
            ):
                if self[name]:
                    raise usage.UsageError(f"--{name}: not with --listen{instead}")

    def _check_tls(self) -> None:
        listen = self.get("listen", ())
        if self["key"] and not self["cert"]:
            raise usage.UsageError("--key: there is no --cert")
        tls = self["tls"] or self["cert"]
        if tls and listen:
            option = "--tls" if self["tls"] else "--cert"
            raise usage.UsageError(f"{option}: goes with --port; --listen has ssl:")
        everywhere = listen and all(map(does_tls, listen))
        if self["client-ca"] and not (tls or everywhere):
            why = "there is no --tls, and not every --listen is ssl:"
            raise usage.UsageError(f"--client-ca: {why}")
        behind = any(kind_of(text) == "haproxy" for text in listen)
        if "proxy-from" in self and not behind:
            raise usage.UsageError("--proxy-from: no --listen is haproxy:")

    def _check_acknowledge(self) -> None:
        places = [path for _, path in self.get("output", ())]
        if self["acknowledge"] and {*places, self["record"]} <= {"-", None}:
            raise usage.UsageError(
                "--acknowledge: stdout does not last: name another --output"
            )


def _meant(words: tuple[str, ...]) -> str | None:
    """Return the options that were meant by these words, if they make sense."""
    if len(words) == 1 and is_endpoint(words[0]):
        return f"--listen {words[0]}"
    where = address_and_port_of(":".join(words))
    return where and f"--interface {where[0]} --port {where[1]}"
