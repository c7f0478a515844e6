"""What a user can say about a server, checked and named; all of it has a default."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import add
from typing import TYPE_CHECKING, get_args

from echolab.behaviour.fault import fault_text
from echolab.behaviour.parsing import fault_offers
from echolab.behaviour.values import Behaviour
from echolab.choices import When
from echolab.formats import FORMATS, Label, Show
from echolab.formats.times import Time
from echolab.framing import DEFAULT_MAX_MESSAGE_BYTES, Overlong
from echolab.framing.names import framing_offers
from echolab.option import FILE, Group, flag, option
from echolab.option_values import (
    SERVER_ENDPOINTS,
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
    INTERFACES,
    another_output,
    answer_value,
    format_offers,
    format_value,
    framing_value,
    interface_value,
    keepalive_value,
    output_offers,
    output_text,
    output_value,
    reply_offers,
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

PRINTING = Group(
    "What is printed, and how",
    (
        "echolab server --format log --framing chunk 8888",
        "echolab server --output - --output json:lab.jsonl 8888",
    ),
)
LISTENING = Group(
    "Where it listens, and who may connect",
    (
        "echolab server --tls --allow 192.0.2.0/24 8443",
        "echolab server --listen unix:/tmp/lab.sock --listen tcp:8888",
    ),
)
ANSWERING = Group(
    "How it answers and how it ends",
    (
        "echolab server --greet '220 lab' --answer '^QUIT=221 bye' 8888",
        "echolab server --reply echo --behave reset:after-messages=2 8888",
    ),
)
WATCHING = Group(
    "How it is watched",
    (
        "echolab server --web 8889 8888",
        "echolab server --web 8889 --web-token page.token 8888",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a user can say about a server; each field is what its option says."""

    framing: AnyFraming = option(
        "line",
        "-f, --framing NAME",
        "How bytes become messages: line, chunk, netstring, int16, int32, length (for "
        "example length:offset=4,width=2), varint, octet-count, resp, crlf-dot, or "
        "delimiter:TEXT (with escapes: delimiter:\\0).",
        group=PRINTING,
        read=framing_value,
        write=said,
        offers=framing_offers,
    )
    max_message_bytes: int = option(
        DEFAULT_MAX_MESSAGE_BYTES,
        "--max-message BYTES",
        "The longest message.",
        group=PRINTING,
        read=over_zero(byte_size),
    )
    overlong: Overlong = option(
        "split",
        "--overlong split|close",
        "Print a longer message in pieces, or close its connection.",
        group=PRINTING,
        read=one_of(*get_args(Overlong)),
    )
    partial_seconds: float = option(
        1.0,
        "--partial-after SECONDS",
        "Show the start of an unfinished message after this silence; 0 for never.",
        group=PRINTING,
        read=from_zero(seconds),
    )
    format: str = option(
        "classic",
        "--format NAME",
        f"How events are printed: {', '.join(FORMATS)}.",
        group=PRINTING,
        read=format_value,
        offers=format_offers,
    )
    show: Show = option(
        "received",
        "--show received|sent",
        "received: print what peers send; sent: also what the server sends, in log, "
        "hex and json.",
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
        "Begin each line with its peer; auto: while several connections are open.",
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
        "Append to FILE instead of stdout (-). nats://HOST/SUBJECT is a stream of "
        "NATS JetStream, sink:NAME a sink of yours. May be repeated.",
        group=PRINTING,
        read=output_value,
        write=output_text,
        add=another_output,
        offers=output_offers,
    )
    """Where to print: format (None for the one above) and file of each."""
    record: str | None = option(
        None,
        "--record FILE",
        "Also append all events to FILE (-: to stdout, without other output), for "
        "echolab draw, echolab export and client --replay.",
        group=PRINTING,
        read=path_value,
    )
    kernel: When = option(
        "auto",
        "--kernel auto|always|never",
        "Ask the kernel about each connection (Linux); auto: for --record and --web; "
        "always: also for log and json.",
        group=PRINTING,
        read=one_of(*get_args(When)),
    )
    fsync: bool = flag(
        False,
        "--fsync",
        "Make each write to a file durable before it counts as printed (slow).",
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
        offers=INTERFACES,
    )
    listen: tuple[str, ...] = option(
        (),
        "--listen ENDPOINT",
        "Listen on a Twisted endpoint string instead, for example unix:/tmp/lab.sock; "
        "may be repeated.",
        group=LISTENING,
        read=endpoint("listen"),
        add=another,
        offers=SERVER_ENDPOINTS,
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
        "Only these addresses may connect, for example 192.0.2.0/24; may be repeated.",
        group=LISTENING,
        read=network,
        add=another,
    )
    deny: tuple[Network, ...] = option(
        (),
        "--deny CIDR",
        "These addresses may not connect, even if allowed; may be repeated.",
        group=LISTENING,
        read=network,
        add=another,
    )
    max_connections: int = option(
        0,
        "--max-connections N",
        "How many connections may be open at a time.",
        group=LISTENING,
        shown="what the limit of open files allows, at most a million",
        read=over_zero(whole_number),
    )
    """0 for the default."""
    max_per_host: int = option(
        0,
        "--max-per-host N",
        "How many connections one IP address may have; 0 for no limit.",
        group=LISTENING,
        read=from_zero(whole_number),
    )
    tls: bool = flag(
        False,
        "--tls",
        "Use TLS, with a certificate that is made for this run.",
        group=LISTENING,
    )
    """Whether to do TLS at the port, with either certificate; an endpoint string says
    so itself."""
    certificate: str | None = option(
        None,
        "--cert FILE",
        "Use TLS with this certificate (PEM, with its chain).",
        group=LISTENING,
        read=path_value,
    )
    private_key: str | None = option(
        None,
        "--key FILE",
        "The key of the certificate (PEM).",
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
        "Append the secrets of TLS to FILE (mode 0600), for Wireshark; --record then "
        "keeps the encrypted bytes too.",
        group=LISTENING,
        read=path_value,
    )
    proxy_from: tuple[Network, ...] = option(
        (),
        "--proxy-from CIDR",
        "Balancers whose PROXY headers haproxy: endpoints trust; may be repeated.",
        group=LISTENING,
        read=network,
        add=another,
    )

    reply: str | bytes | Reply | Hosting = option(
        "none",
        "--reply none|echo|TEXT",
        "Answer each message with nothing, with the received bytes, or with TEXT in "
        "the same framing; \\xNN in TEXT is any byte.",
        group=ANSWERING,
        read=reply_value,
        write=said,
        offers=reply_offers,
    )
    """Only a text can be said in an option."""
    greet: str | tuple[Step, ...] | None = option(
        None,
        "--greet TEXT",
        "Send TEXT to each peer first, in the same framing.",
        group=ANSWERING,
        write=said,
    )
    answers: Script = option(
        Script(),
        "--answer PATTERN=TEXT",
        "Send TEXT for each message in which this regular expression is found; of "
        "several, the first answers. @FILE: rules in a file. May be repeated.",
        group=ANSWERING,
        read=answer_value,
        write=said,
        add=add,
        offers=(f"@{FILE}",),
    )
    acknowledge: bool = flag(
        False,
        "--acknowledge",
        "Answer with the number of messages that every output has durably; drop what "
        "a client sends again.",
        group=ANSWERING,
    )
    behave: Behaviour = option(
        Behaviour(),
        "--behave BEHAVIOUR",
        "Misbehave, to test clients: for example reset:after-messages=2; may be "
        "repeated.",
        group=ANSWERING,
        read=Behaviour.parse,
        write=fault_text,
        add=add,
        offers=partial(fault_offers, Behaviour),
    )
    talk: bool = flag(
        False,
        "--talk",
        "Send what is typed to the peer that spoke last. Commands are /to N, /all, "
        "/peers, /close N, /reset N, /send BYTES and /file PATH; // and /. begin a "
        "line that is sent without the first /.",
        group=ANSWERING,
    )
    edit: bool = flag(
        True,
        "--no-edit",
        "With --talk: leave line editing to the terminal, without history.",
        group=ANSWERING,
    )
    history: bool = flag(
        True,
        "--no-history",
        "With --talk: forget the typed lines when the server ends.",
        group=ANSWERING,
    )
    idle_seconds: float = option(
        0.0,
        "--idle-timeout SECONDS",
        "Close a connection after this silence; 0 for never.",
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
        "Close a connection when its peer has been gone, or has taken no bytes, for "
        "this time (at most 65534); 0 for never.",
        group=ANSWERING,
        read=keepalive_value,
    )
    drain_seconds: float = option(
        5.0,
        "--drain SECONDS",
        "How long the server may take to end.",
        group=ANSWERING,
        read=from_zero(seconds),
    )
    once: bool = flag(
        False,
        "--once",
        "Serve one connection, then exit; with 1 if it did not end in order.",
        group=ANSWERING,
    )

    web: tuple[str, int] | None = option(
        None,
        "--web [HOST:]PORT",
        "Show the connections and their messages on a web page at this port; 0 takes "
        "a free one. HOST is 127.0.0.1 by default.",
        group=WATCHING,
        read=web_value,
        write=web_text,
    )
    web_token: str | None = option(
        None,
        "--web-token FILE",
        "Read the page's token from FILE, which is made (mode 0600) if it is absent.",
        group=WATCHING,
        read=path_value,
    )
