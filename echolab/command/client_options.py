"""The options of the client, declared once for twistd and the command."""

from __future__ import annotations

from typing import get_args

from twisted.python import usage
from typing_extensions import override

from echolab.choices import When
from echolab.client.settings import ClientSettings
from echolab.command.option_values import (
    address_value,
    choice_value,
    endpoint_value,
    number_or_zero,
    number_value,
    port_value,
    speed_value,
)
from echolab.command.options import ESCAPE_HELP, UNITS_HELP, BaseOptions
from echolab.near_misses import (
    did_you_mean,
    host_and_port_of,
    is_endpoint,
    is_number,
)
from echolab.quantities import number, seconds, whole_number
from echolab.sockets.endpoint_strings import TLS_KINDS, kind_of

__all__ = ["ClientOptions"]

USAGE = "Usage: echolab client <ipaddr> <port>"


class ClientOptions(BaseOptions):
    """``twistd echolab-client`` and ``echolab client``."""

    synopsis = "HOST PORT [options]"
    longdesc = (
        "Sends each line that is typed or piped, as the lecture's client.c does, "
        "and shows what comes back. Example: echolab client 127.0.0.1 8888, or "
        "twistd -n echolab-client --host 127.0.0.1 --port 8888." + UNITS_HELP
    )
    optFlags = [
        ["dot", None, "Quit at a line that begins with '.', from a pipe too."],
        ["no-dot", None, "Send lines that begin with '.', from a terminal too."],
        ["quiet", "q", "Do not show the server's replies."],
        ["crlf", None, "Send each line with a carriage return and a newline."],
        ["no-edit", None, "Leave the terminal alone: no editing, no history."],
        ["no-history", None, "Forget what was typed when the client ends."],
        ["tls", None, "Do TLS; the server must prove that it is HOST."],
        ["insecure", None, "Do TLS with whoever answers, unverified."],
    ]
    optParameters = [
        ["host", None, None, "Name or IP address of the server. [127.0.0.1]"],
        ["port", "p", None, "TCP port of the server. [8888]"],
        ["connect", "c", None, "Twisted client endpoint string, instead of both."],
        ["timeout", "t", "30", "Seconds to wait for the connection."],
        ["retry", None, "0", "Seconds to go on trying to connect."],
        ["wait", None, None, "Silent seconds to wait for replies at last. [5; TLS 1]"],
        ["replay", None, None, "Send a recording (server --record) as it came."],
        ["speed", None, None, "How many times as fast; max: as fast as it goes. [1]"],
        ["peer", None, None, "Number of the peer whose side to send. [the only one]"],
        ["rate", None, "0", "Lines a second to send at most; 0: any number."],
        ["escape", None, "auto", ESCAPE_HELP],
    ]

    def __init__(self) -> None:
        super().__init__()
        self._files: list[str] = []

    def opt_file(self, path: str) -> None:
        """Send this file as it is (- for stdin), then end; may be repeated."""
        self._files.append(path)

    opt_f = opt_file

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
            self["host"], self["port"] = words

    @override
    def postOptions(self) -> None:
        tls = self["tls"] or kind_of(self["connect"] or "") in TLS_KINDS
        if self["tls"] and self["connect"] is not None:
            raise usage.UsageError("--tls: goes with HOST PORT; --connect has tls:")
        if self["insecure"] and not tls:
            raise usage.UsageError("--insecure: there is no TLS without --tls")
        host = "127.0.0.1" if self["host"] is None else address_value(self["host"])
        port = "8888" if self["port"] is None else self["port"]
        if not host:
            raise usage.UsageError(f"connect :{port}: the host is empty")
        if self["connect"] is not None:
            endpoint_value("connect", self["connect"], client=True)
        self._check_replay()
        self.settings = ClientSettings(
            host=host,
            port=port_value("connect", host, port, 1),
            connect=self["connect"],
            timeout_seconds=number_value("timeout", self["timeout"], seconds),
            retry_seconds=number_or_zero("retry", self["retry"], seconds),
            tls=bool(self["tls"]),
            insecure=bool(self["insecure"]),
            edit=not self["no-edit"],
            history=not self["no-history"],
            files=tuple(self._files),
            replay=self["replay"],
            speed=None if self["speed"] is None else speed_value(self["speed"]),
            peer=(
                None
                if self["peer"] is None
                else int(number_value("peer", self["peer"], whole_number))
            ),
            crlf=bool(self["crlf"]),
            lines_per_second=number_or_zero("rate", self["rate"], number),
            wait_seconds=(
                None
                if self["wait"] is None
                else number_or_zero("wait", self["wait"], seconds)
            ),
            dot=self._dot(),
            quiet=bool(self["quiet"]),
            escape=choice_value("escape", self["escape"], get_args(When)),
        )

    def _dot(self) -> bool | None:
        if self["dot"] and self["no-dot"]:
            raise usage.UsageError("--dot and --no-dot contradict each other")
        return True if self["dot"] else False if self["no-dot"] else None

    def _check_replay(self) -> None:
        if self["replay"] is None:
            for option in ("speed", "peer"):
                if self[option] is not None:
                    raise usage.UsageError(f"--{option}: there is no --replay")
        elif self["replay"] == "":
            raise usage.UsageError("--replay: the file has no name")
        elif self._files or self["crlf"] or self["dot"] or self["rate"] != "0":
            raise usage.UsageError(
                "--replay sends a recording as it came: "
                "not with --file, --crlf, --dot, --rate"
            )


def _host_and_port(word: str) -> tuple[str, ...]:
    """``HOST:PORT`` in two words; something else as it is."""
    if is_number(word):
        usual = f"127.0.0.1 {word}"
        raise usage.UsageError(f"{USAGE}{did_you_mean(usual)}")
    words = host_and_port_of(word) or (word,)
    if is_endpoint(word, client=True) and not words[-1].isdecimal():
        raise usage.UsageError(f"{word}: did you mean --connect {word}?")
    return words
