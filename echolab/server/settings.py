"""What a user can say about a server, checked and named; all of it has a default."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, get_args

from echolab.behaviour.fault import fault_text
from echolab.behaviour.values import Behaviour
from echolab.choices import When
from echolab.formats import FORMATS, Label, Show
from echolab.formats.times import Time
from echolab.framing import DEFAULT_MAX_MESSAGE_BYTES, Overlong
from echolab.option import flag, option
from echolab.option_values import (
    another,
    endpoint,
    from_zero,
    one_of,
    over_zero,
    path_value,
)
from echolab.quantities import byte_size, seconds, whole_number
from echolab.server.admission import network
from echolab.server.option_values import (
    another_output,
    answer_value,
    format_value,
    framing_value,
    interface_value,
    keepalive_value,
    output_text,
    output_value,
    reply_value,
    said,
    web_text,
    web_value,
)
from echolab.server.script import Script

if TYPE_CHECKING:
    from echolab.framing.base import AnyFraming
    from echolab.server.admission import Network
    from echolab.server.maker import Hosting
    from echolab.server.reply import Reply
    from echolab.server.script import Step

__all__ = ["ServerSettings"]

PRINTING = "what is printed, and how"
LISTENING = "where it listens, and who may connect"
ANSWERING = "how it answers and how it ends"
WATCHING = "how it is watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a user can say about a server; each field is what its option says."""

    framing: AnyFraming = option(
        "line",
        "-f, --framing NAME",
        "How bytes become messages: line, chunk, netstring, int16, int32, length "
        "(as length:offset=4,width=2), varint, octet-count, resp, crlf-dot, or "
        "delimiter:TEXT (with escapes, as delimiter:\\0).",
        group=PRINTING,
        read=framing_value,
        write=said,
    )
    max_message_bytes: int = option(
        DEFAULT_MAX_MESSAGE_BYTES,
        "--max-message BYTES",
        "Longest message.",
        group=PRINTING,
        read=over_zero(byte_size),
    )
    overlong: Overlong = option(
        "split",
        "--overlong split|close",
        "What a longer one does: it is printed in pieces, or ends the connection.",
        group=PRINTING,
        read=one_of(*get_args(Overlong)),
    )
    partial_seconds: float = option(
        1.0,
        "--partial-after SECONDS",
        "Show an unfinished message after so long a silence; 0 for never.",
        group=PRINTING,
        read=from_zero(seconds),
    )
    format: str = option(
        "classic",
        "--format NAME",
        f"How events are printed: {', '.join(FORMATS)}.",
        group=PRINTING,
        read=format_value,
    )
    show: Show = option(
        "received",
        "--show received|sent",
        "What is printed of the bytes; sent: what is sent too, in log, hex and json.",
        group=PRINTING,
        read=one_of(*get_args(Show)),
    )
    time: Time = option(
        "utc",
        "--time local|utc|elapsed",
        "Times in log: of this machine's zone, in UTC, or since the first event.",
        group=PRINTING,
        read=one_of(*get_args(Time)),
    )
    label: Label = option(
        "auto",
        "--label auto|always|never",
        "Say whose each message is; auto: while several connections are open.",
        group=PRINTING,
        read=one_of(*get_args(Label)),
    )
    escape: When = option(
        "auto",
        "--escape auto|always|never",
        "Show control characters as escapes; auto: on a terminal.",
        group=PRINTING,
        read=one_of(*get_args(When)),
    )
    color: When = option(
        "auto",
        "--color auto|always|never",
        "Give each peer a colour; auto: on a terminal without NO_COLOR.",
        group=PRINTING,
        read=one_of(*get_args(When)),
    )
    outputs: tuple[tuple[str | None, str], ...] = option(
        (),
        "-o, --output [FORMAT:]FILE",
        "Append to FILE (-: stdout; nats://HOST/SUBJECT: a stream of NATS JetStream) "
        "instead of stdout; may be repeated.",
        group=PRINTING,
        read=output_value,
        write=output_text,
        add=another_output,
    )
    """Where to print: format (None for the one above) and file of each."""
    record: str | None = option(
        None,
        "--record FILE",
        "Append all that happens to FILE, for client --replay (-: to stdout, "
        "instead of anything else).",
        group=PRINTING,
        read=path_value,
    )
    kernel: When = option(
        "auto",
        "--kernel auto|always|never",
        "Ask the kernel about each connection; auto: for --record and --web; always: "
        "for log and json too.",
        group=PRINTING,
        read=one_of(*get_args(When)),
    )
    fsync: bool = flag(
        False,
        "--fsync",
        "Make every write to a file durable before it counts as printed (slow).",
        group=PRINTING,
    )

    port: int = option(
        8888,
        "-p, --port PORT",
        "TCP port to listen on; 0 takes a free one.",
        group=LISTENING,
    )
    interface: str = option(
        "",
        "-i, --interface ADDRESS",
        "IP address to listen on.",
        group=LISTENING,
        shown="all of IPv4",
        read=interface_value,
    )
    listen: tuple[str, ...] = option(
        (),
        "--listen ENDPOINT",
        "Listen on a Twisted endpoint string instead of the two, as "
        "unix:/tmp/lab.sock; may be repeated.",
        group=LISTENING,
        read=endpoint("listen"),
        add=another,
    )
    reuse_port: bool = flag(
        False,
        "--reuse-port",
        "Let other processes listen on the same port too (SO_REUSEPORT).",
        group=LISTENING,
    )
    backlog: int = option(
        1024,
        "--backlog N",
        "Connections that may wait to be accepted.",
        group=LISTENING,
        read=over_zero(whole_number),
    )
    allow: tuple[Network, ...] = option(
        (),
        "--allow CIDR",
        "Only these addresses may connect, as 192.0.2.0/24; may be repeated.",
        group=LISTENING,
        read=network,
        add=another,
    )
    deny: tuple[Network, ...] = option(
        (),
        "--deny CIDR",
        "These addresses may not, even if allowed; may be repeated.",
        group=LISTENING,
        read=network,
        add=another,
    )
    max_connections: int = option(
        0,
        "--max-connections N",
        "Connections at a time.",
        group=LISTENING,
        shown="a million, or what the limit of open files leaves",
        read=over_zero(whole_number),
    )
    """0 for the default."""
    max_per_host: int = option(
        0,
        "--max-per-host N",
        "Connections of one IP address; 0 for any number.",
        group=LISTENING,
        read=from_zero(whole_number),
    )
    tls: bool = flag(
        False,
        "--tls",
        "Do TLS, with a certificate that is made for this run.",
        group=LISTENING,
    )
    """Whether to do TLS at the port, with either certificate; an endpoint string says
    so itself."""
    certificate: str | None = option(
        None,
        "--cert FILE",
        "Do TLS with this certificate (PEM, with its chain) instead.",
        group=LISTENING,
        read=path_value,
    )
    private_key: str | None = option(
        None,
        "--key FILE",
        "Key of the certificate (PEM).",
        group=LISTENING,
        shown="in the same file",
        read=path_value,
    )
    client_ca: str | None = option(
        None,
        "--client-ca FILE",
        "TLS clients need a certificate that one of these (PEM) has signed.",
        group=LISTENING,
        read=path_value,
    )
    tls_keys: str | None = option(
        None,
        "--tls-keys FILE",
        "Append the secrets of TLS to FILE, for Wireshark; --record keeps the "
        "encrypted bytes too.",
        group=LISTENING,
        read=path_value,
    )
    proxy_from: tuple[Network, ...] = option(
        (),
        "--proxy-from CIDR",
        "Balancers whose PROXY headers haproxy: endpoints believe; may be repeated.",
        group=LISTENING,
        read=network,
        add=another,
    )

    reply: str | bytes | Reply | Hosting = option(
        "none",
        "--reply none|echo|TEXT",
        "Send back nothing, what came, or TEXT for each message, framed likewise; "
        "\\xNN in it is any byte.",
        group=ANSWERING,
        read=reply_value,
        write=said,
    )
    """Only a text can be said in an option."""
    greet: str | tuple[Step, ...] | None = option(
        None,
        "--greet TEXT",
        "Send TEXT to each peer first, framed likewise.",
        group=ANSWERING,
        write=said,
    )
    answers: Script = option(
        Script(),
        "--answer PATTERN=TEXT",
        "Send TEXT for each message in which the regular expression is found; of "
        "several, the first; @FILE: rules in a file.",
        group=ANSWERING,
        read=answer_value,
        write=said,
        add=add,
    )
    acknowledge: bool = flag(
        False,
        "--acknowledge",
        "Answer with the count of the messages that every output has durably; drop "
        "what a client sends again.",
        group=ANSWERING,
    )
    behave: Behaviour = option(
        Behaviour(),
        "--behave BEHAVIOUR",
        "Misbehave, as reset:after-messages=2; may be repeated.",
        group=ANSWERING,
        read=Behaviour.parse,
        write=fault_text,
        add=add,
    )
    talk: bool = flag(
        False,
        "--talk",
        "Send what is typed to the peer that spoke last; a line with / first is a "
        "command.",
        group=ANSWERING,
    )
    edit: bool = flag(
        True,
        "--no-edit",
        "With --talk: leave the terminal alone: no editing, no history.",
        group=ANSWERING,
    )
    history: bool = flag(
        True,
        "--no-history",
        "With --talk: forget what was typed when the server ends.",
        group=ANSWERING,
    )
    idle_seconds: float = option(
        0.0,
        "--idle-timeout SECONDS",
        "End a connection after so long a silence; 0 for never.",
        group=ANSWERING,
        read=from_zero(seconds),
    )
    handshake_seconds: float = option(
        10.0,
        "--handshake-timeout SECONDS",
        "How long a TLS handshake or a PROXY header may take.",
        group=ANSWERING,
        read=over_zero(seconds),
    )
    """Also how long a peer may read nothing of what TLS sends it."""
    keepalive_seconds: float = option(
        60.0,
        "--keepalive SECONDS",
        "How long a peer's machine may be gone, or take nothing, before the connection "
        "is ended; 0 for never.",
        group=ANSWERING,
        read=keepalive_value,
    )
    drain_seconds: float = option(
        5.0,
        "--drain SECONDS",
        "How long the end may take.",
        group=ANSWERING,
        read=from_zero(seconds),
    )
    once: bool = flag(
        False,
        "--once",
        "Serve one connection, then exit.",
        group=ANSWERING,
    )

    web: tuple[str, int] | None = option(
        None,
        "--web [HOST:]PORT",
        "Show who is connected, and what happens, on a page at this port, of "
        "127.0.0.1 unless HOST is given; 0 takes a free one.",
        group=WATCHING,
        read=web_value,
        write=web_text,
    )
    web_token: str | None = option(
        None,
        "--web-token FILE",
        "The page's token is in FILE, made there if it is absent; otherwise a new one "
        "for each run.",
        group=WATCHING,
        read=path_value,
    )
