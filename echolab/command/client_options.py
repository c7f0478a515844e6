"""The options of the client, for twistd and the command."""

from __future__ import annotations

from typing import ClassVar

from twisted.python import usage
from typing_extensions import override

from echolab.client.settings import ClientSettings
from echolab.client.steps import Expect
from echolab.command.option_making import SettingsOptions
from echolab.command.options import UNITS_HELP, port_value
from echolab.near_misses import (
    did_you_mean,
    host_and_port_of,
    is_endpoint,
    is_number,
    is_port,
)
from echolab.option_values import address_value
from echolab.sockets.endpoint_strings import TLS_KINDS, kind_of

__all__ = ["ClientOptions"]

ACKNOWLEDGED_RETRY_SECONDS = 60.0
"""What --retry is with --acknowledged."""

_CERTIFICATE = (
    "a certificate of yours goes into "
    "--connect tls:HOST:PORT:certificate=FILE:privateKey=FILE"
)

USAGE = "Usage: echolab client <ipaddr> <port>"


class ClientOptions(SettingsOptions, of=ClientSettings):
    """``twistd echolab-client`` and ``echolab client``."""

    synopsis = "HOST PORT [options]"
    topics = (
        "units",
        "endpoints",
        "behaviours",
        "twistd",
        "exit-status",
        "environment",
    )
    longdesc = (
        "Sends each line that is typed or piped, and shows what comes back. It began "
        "as a lecture's client.c. Example: echolab client 127.0.0.1 8888, or "
        "twistd -n echolab-client --host 127.0.0.1 --port 8888. On a terminal, /send "
        "BYTES, /file PATH, /close and /reset are commands; // and /. begin a line "
        "that is sent without the first /." + UNITS_HELP
    )
    habits: ClassVar[dict[str, str]] = {
        "N": "the client always ends its side after the input",
        "u": "the client has no UDP",
        "w": "there are --timeout and --wait",
        "cert": _CERTIFICATE,
        "key": _CERTIFICATE,
        "listen": "echolab server has it",
    }

    @override
    def parseArgs(self, *words: str) -> None:
        if len(words) == 1:
            words = _host_and_port(words[0])
        given = [self["host"], self["port"], self["connect"]]
        if len(words) not in (0, 2) or not (
            words or any(each is not None for each in given)
        ):
            raise usage.UsageError(USAGE)
        if words and any(each is not None for each in given):
            raise usage.UsageError("the server is given twice")
        if words:
            self["host"], self["port"] = address_value(words[0]), words[1]

    @override
    def postOptions(self) -> None:
        self._check_tls()
        self._check_replay()
        self._check_dialogue()
        self._check_acknowledged()
        if self["hex"] and self["format"] == "flow":
            raise usage.UsageError("--hex: not with --format flow, which draws")
        if self["record"] == "-":
            raise usage.UsageError("--record: stdout has the replies; name a file")
        if self["dot"] and self["no-dot"]:
            raise usage.UsageError("--dot and --no-dot contradict each other")
        given = self.given()
        usual = ClientSettings()
        host = given.get("host", usual.host)
        port = given.get("port", str(usual.port))
        if not host:
            raise usage.UsageError(f"connect :{port}: the host is empty")
        given["port"] = port_value("connect", host, port, 1)
        if self["acknowledged"]:
            given.setdefault("retry_seconds", ACKNOWLEDGED_RETRY_SECONDS)
        self.settings = ClientSettings(**given)
        kinds = {fault.kind for fault in self.settings.behave or ()}
        if "half-close" in kinds and self._does_tls():
            raise usage.UsageError("--behave half-close: TLS ends both sides at once")

    def _does_tls(self) -> bool:
        return bool(self["tls"] or kind_of(self["connect"] or "") in TLS_KINDS)

    def _check_tls(self) -> None:
        if self["tls"] and self["connect"] is not None:
            raise usage.UsageError("--tls: goes with HOST PORT; --connect has tls:")
        tls = self._does_tls()
        if self["tls-keys"] is not None and not tls:
            raise usage.UsageError("--tls-keys: there is no TLS without --tls")
        if self["insecure"] and not tls:
            raise usage.UsageError("--insecure: there is no TLS without --tls")

    def _check_replay(self) -> None:
        if self["replay"] is None:
            for option in ("speed", "peer"):
                if self[option] is not None:
                    raise usage.UsageError(f"--{option}: there is no --replay")
        elif "file" in self or self["crlf"] or self["dot"] or self["rate"]:
            raise usage.UsageError(
                "--replay sends a recording as it came: "
                "not with --file, --crlf, --dot, --rate"
            )

    def _check_dialogue(self) -> None:
        steps = self.get("send", ())  # of --expect too
        if not steps:
            return
        if "file" in self or self["replay"] or self["dot"] or self["rate"]:
            raise usage.UsageError(
                "--send and --expect are all that is sent: "
                "not with --file, --replay, --dot, --rate"
            )
        if self["wait"] == 0 and any(isinstance(each, Expect) for each in steps):
            raise usage.UsageError("--wait 0: what is expected needs time to come")

    def _check_acknowledged(self) -> None:
        if not self["acknowledged"]:
            if self["client-id"] is not None:
                raise usage.UsageError("--client-id: there is no --acknowledged")
            return
        for name, key in (
            ("--send and --expect", "send"),
            ("--replay", "replay"),
            ("--behave", "behave"),
            ("--wait", "wait"),
            ("--hex", "hex"),
        ):
            if self.get(key) not in (None, (), False):
                raise usage.UsageError(f"--acknowledged: not with {name}")


def _host_and_port(word: str) -> tuple[str, ...]:
    """Split ``HOST:PORT`` into two words; return another word as it is."""
    if is_number(word):
        usual = f"127.0.0.1 {word}" if is_port(word) else None
        raise usage.UsageError(f"{USAGE}{did_you_mean(usual)}")
    words = host_and_port_of(word) or (word,)
    if is_endpoint(word, client=True) and not words[-1].isdecimal():
        raise usage.UsageError(f"{word}: did you mean --connect {word}?")
    return words
