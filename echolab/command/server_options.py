"""The options of the server, declared once for twistd and the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from twisted.python import usage
from typing_extensions import override

from echolab.choices import When
from echolab.command.option_values import (
    address_value,
    choice_value,
    endpoint_value,
    framing_value,
    keepalive_value,
    network_value,
    number_or_zero,
    number_value,
    port_value,
    reply_value,
)
from echolab.command.options import ESCAPE_HELP, UNITS_HELP, BaseOptions
from echolab.formats import FORMATS, Label
from echolab.framing import Overlong
from echolab.near_misses import did_you_mean, host_and_port_of, is_endpoint, nearest
from echolab.quantities import byte_size, seconds, whole_number
from echolab.server.behaviour import Behaviour
from echolab.server.endpoints import ANY_IPV4
from echolab.server.settings import ServerSettings
from echolab.sockets.endpoint_strings import TLS_KINDS, kind_of, parsed

if TYPE_CHECKING:
    from echolab.server.admission import Network

__all__ = ["ServerOptions"]

FORMAT_HELP = "How events are printed: classic, log, raw, hex, json."
REPLY_HELP = (
    "Send back: none, echo (what came), or TEXT for each message, framed likewise."
)
PARTIAL_HELP = "Show an unfinished message after so many silent seconds; 0: never."
RECORD_HELP = "Append all that happens to FILE (-: to stdout), for client --replay."
LABEL_HELP = "Say whose each message is: auto (while there are several), always, never."
FRAMING_HELP = (
    "How bytes become messages: line, chunk, netstring, int16, int32, "
    "delimiter:TEXT (with escapes, as delimiter:\\0)."
)


class ServerOptions(BaseOptions):
    """``twistd echolab`` and ``echolab server``."""

    synopsis = "[PORT] [options]"
    longdesc = (
        "Receives on many connections at once and prints what arrives, as the "
        "lecture's server.c does. Example: echolab server 8888, or "
        "twistd -n echolab --port 8888; then, elsewhere: nc 127.0.0.1 8888."
        + UNITS_HELP
    )
    optFlags = [
        ["once", None, "Serve one connection, then exit."],
        ["fsync", None, "Make every write to a file durable (slow)."],
        ["tls", None, "Do TLS, by --cert or by a certificate made for this run."],
        ["reuse-port", None, "Share the port with other processes (SO_REUSEPORT)."],
    ]
    optParameters = [
        ["port", "p", None, "TCP port to listen on; 0 takes a free one. [8888]"],
        ["interface", "i", None, "IP address to listen on. [default: all of IPv4]"],
        ["backlog", None, "1024", "Connections that may wait to be accepted."],
        ["framing", "f", "line", FRAMING_HELP],
        ["max-message", None, "65536", "Longest message, in bytes."],
        ["overlong", None, "split", "A longer one: split (into pieces) or close."],
        ["format", None, "classic", FORMAT_HELP],
        ["partial-after", None, "1", PARTIAL_HELP],
        ["reply", None, "none", REPLY_HELP],
        ["max-connections", None, None, "Connections at a time. [as open files allow]"],
        ["max-per-host", None, "0", "Connections of one IP address; 0: any number."],
        ["idle-timeout", None, "0", "End a connection after so many silent seconds."],
        [
            "handshake-timeout",
            None,
            "10",
            "Seconds for a TLS handshake or PROXY header.",
        ],
        ["keepalive", None, "60", "Seconds to notice that a peer vanished; 0: never."],
        ["drain", None, "5", "Seconds the end may take."],
        ["cert", None, None, "PEM file of the certificate, with its chain, for TLS."],
        ["key", None, None, "PEM file of its key. [the same file]"],
        [
            "client-ca",
            None,
            None,
            "PEM file that must have signed clients' certificates.",
        ],
        ["record", None, None, RECORD_HELP],
        ["label", None, "auto", LABEL_HELP],
        ["escape", None, "auto", ESCAPE_HELP],
        [
            "color",
            None,
            "auto",
            "Colours for peers: auto (on a terminal), always, never.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self._listen: list[str] = []
        self._outputs: list[tuple[str | None, str]] = []
        self._behave = Behaviour()
        self._networks: dict[str, tuple[Network, ...]] = {
            "allow": (),
            "deny": (),
            "proxy_from": (),
        }

    def opt_listen(self, endpoint: str) -> None:
        """Endpoint to listen on instead, as unix:/tmp/lab.sock; may be repeated."""
        self._listen.append(endpoint_value("listen", endpoint))

    def opt_output(self, where: str) -> None:
        """Append to FILE or FORMAT:FILE instead of stdout (-); may be repeated."""
        output: tuple[str | None, str]
        form, colon, path = where.partition(":")
        known = form.lower() in FORMATS
        output = (form.lower(), path) if colon and known else (None, where)
        if colon and output[0] is None and "/" not in form:
            names = ", ".join(FORMATS)
            meant = nearest(form, FORMATS)
            raise usage.UsageError(
                f"--output {where}: {form} is no format ({names})"
                f"{did_you_mean(meant and f'{meant}:{path}')}; "
                f"for a file of that name write ./{where}"
            )
        if not output[1]:
            raise usage.UsageError(f"--output {where}: the file has no name")
        if output[1] in [path for _, path in self._outputs]:
            raise usage.UsageError(f"--output {where}: that file is given twice")
        self._outputs.append(output)

    opt_o = opt_output

    def opt_behave(self, behaviour: str) -> None:
        """Misbehave, as reset:after-messages=2+read-bytewise; may be repeated."""
        try:
            self._behave += Behaviour.parse(behaviour)
        except ValueError as why:
            raise usage.UsageError(f"--behave {behaviour}: {why}") from None

    def opt_allow(self, cidr: str) -> None:
        """Only these addresses may connect, as 192.0.2.0/24; may be repeated."""
        self._networks["allow"] += (network_value("allow", cidr),)

    def opt_deny(self, cidr: str) -> None:
        """These addresses may not, even if allowed; may be repeated."""
        self._networks["deny"] += (network_value("deny", cidr),)

    def opt_proxy_from(self, cidr: str) -> None:
        """Balancers that haproxy: endpoints believe; may be repeated."""
        self._networks["proxy_from"] += (network_value("proxy-from", cidr),)

    @override
    def parseArgs(self, *words: str) -> None:
        where = host_and_port_of(":".join(words))
        endpoint = words and is_endpoint(words[0])
        if len(words) > 1 or where or endpoint:
            meant = where and f"--interface {where[0]} --port {where[1]}"
            if endpoint:
                meant = f"--listen {words[0]}"
            raise usage.UsageError(f"Usage: echolab server [port]{did_you_mean(meant)}")
        if words and self["port"] is not None:
            raise usage.UsageError("the port is given twice")
        if words:
            self["port"] = words[0]

    @override
    def postOptions(self) -> None:
        if self["interface"] == "":  # As a variable of a script that is not set.
            raise usage.UsageError("--interface: the address is empty")
        interface = address_value(self["interface"] or "")
        port = "8888" if self["port"] is None else self["port"]
        self._check_tls()
        if self._networks["proxy_from"] and not any(
            kind_of(text) == "haproxy" for text in self._listen
        ):
            raise usage.UsageError("--proxy-from: no --listen is haproxy:")
        self.settings = ServerSettings(
            port=port_value("bind", interface or ANY_IPV4, port, 0),
            interface=interface,
            listen=tuple(self._listen),
            backlog=int(number_value("backlog", self["backlog"], whole_number)),
            once=bool(self["once"]),
            fsync=bool(self["fsync"]),
            framing=(framing := framing_value(self["framing"])),
            max_message_bytes=int(
                number_value("max-message", self["max-message"], byte_size)
            ),
            overlong=choice_value("overlong", self["overlong"], get_args(Overlong)),
            partial_seconds=number_or_zero(
                "partial-after", self["partial-after"], seconds
            ),
            reply=reply_value(self["reply"], framing),
            behave=self._checked_behaviour(),
            reuse_port=bool(self["reuse-port"]),
            tls=bool(self["tls"] or self["cert"]),
            certificate=self["cert"],
            private_key=self["key"],
            client_ca=self["client-ca"],
            **self._networks,
            max_connections=(
                0
                if self["max-connections"] is None
                else int(
                    number_value(
                        "max-connections", self["max-connections"], whole_number
                    )
                )
            ),
            max_per_host=int(
                number_or_zero("max-per-host", self["max-per-host"], whole_number)
            ),
            idle_seconds=number_or_zero("idle-timeout", self["idle-timeout"], seconds),
            handshake_seconds=number_value(
                "handshake-timeout", self["handshake-timeout"], seconds
            ),
            keepalive_seconds=keepalive_value(self["keepalive"]),
            drain_seconds=number_or_zero("drain", self["drain"], seconds),
            format=choice_value("format", self["format"], tuple(FORMATS)),
            label=choice_value("label", self["label"], get_args(Label)),
            escape=choice_value("escape", self["escape"], get_args(When)),
            color=choice_value("color", self["color"], get_args(When)),
            record=self._record(),
            outputs=tuple(self._outputs),
        )

    def _check_tls(self) -> None:
        for name in ("cert", "key", "client-ca"):
            if self[name] == "":
                raise usage.UsageError(f"--{name}: the file has no name")
        if self["key"] and not self["cert"]:
            raise usage.UsageError("--key: there is no --cert")
        tls = self["tls"] or self["cert"]
        if tls and self._listen:
            option = "--tls" if self["tls"] else "--cert"
            raise usage.UsageError(f"{option}: goes with --port; --listen has ssl:")
        everywhere = self._listen and all(map(_has_tls, self._listen))
        if self["client-ca"] and not (tls or everywhere):
            why = "there is no --tls, and not every --listen is ssl:"
            raise usage.UsageError(f"--client-ca: {why}")

    def _checked_behaviour(self) -> Behaviour:
        kinds = {fault.kind for fault in self._behave}
        tls = self["tls"] or self["cert"]
        if "refuse" in kinds and (self._listen or tls):
            raise usage.UsageError(
                "--behave refuse: goes with --port, not --listen or --tls"
            )
        if "half-close" in kinds and (tls or any(map(_has_tls, self._listen))):
            raise usage.UsageError("--behave half-close: TLS ends both sides at once")
        return self._behave

    def _record(self) -> str | None:
        path: str | None = self["record"]
        if path in [path for _, path in self._outputs]:
            raise usage.UsageError(f"--record {path}: that file is an --output too")
        if path == "":
            raise usage.UsageError("--record: the file has no name")
        return path


def _has_tls(endpoint: str) -> bool:
    kind, arguments, _ = parsed(endpoint)
    if kind == "haproxy" and arguments:
        kind = arguments[0].lower()
    return kind in TLS_KINDS
