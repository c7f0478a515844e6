"""The settings of a client: one field for each option, each with a default."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from echolab.choices import When
from echolab.client.behaving import both, client_behaviour, client_offers
from echolab.client.steps import Expect, Send, Step
from echolab.option import Group, Option, adding, as_written, flag, flags, option
from echolab.option_values import (
    CLIENT_ENDPOINTS,
    address_value,
    another,
    endpoint,
    from_zero,
    one_of,
    over_zero,
    path_value,
)
from echolab.quantities import number, seconds, whole_number

if TYPE_CHECKING:
    from echolab.behaviour.values import Behaviour

__all__ = ["ClientSettings"]

CONNECTING = Group(
    "How it connects",
    (
        "echolab client --tls --retry 1m lab.example 8443",
        "echolab client --connect unix:/tmp/lab.sock",
    ),
)
SENDING = Group(
    "What is sent, and how",
    (
        "echolab client --crlf --send PING --expect '^\\+PONG$' 127.0.0.1 6379",
        "echolab client --file a.log --file b.log 127.0.0.1 8888",
    ),
)
ENDING = Group(
    "What is shown, and how it ends",
    (
        "echolab client --hex --wait 10s 127.0.0.1 8888",
        "echolab client --record client.jsonl 127.0.0.1 8888",
    ),
)

AS_FAST_AS_IT_GOES = "max"


def _speed(text: str) -> float:
    """Read a factor of speed; ``max`` is 0."""
    if text.lower() == AS_FAST_AS_IT_GOES:
        return 0.0
    return over_zero(number)(text)


def client_id(text: str) -> str:
    """Read the id of a client.

    Raises:
        ValueError: it is not one.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError("must be 1 to 64 letters, digits, - _ and .")
    return text


def _text_of(step: Step) -> str:
    return step.text


def _speed_as_written(speed: float) -> str:
    return as_written(speed) if speed else AS_FAST_AS_IT_GOES


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """The settings of a client; each option's help describes its field."""

    host: str = option(
        "127.0.0.1",
        "--host HOST",
        "Name or IP address of the server.",
        group=CONNECTING,
        shown="127.0.0.1, if --port is given",
        read=address_value,
    )
    port: int = option(
        8888,
        "-p, --port PORT",
        "TCP port of the server.",
        group=CONNECTING,
        shown="8888, if --host is given",
    )
    connect: str | None = option(
        None,
        "-c, --connect ENDPOINT",
        "Connect to a Twisted endpoint string instead, for example unix:/tmp/lab.sock.",
        group=CONNECTING,
        read=endpoint("connect", client=True),
        offers=CLIENT_ENDPOINTS,
    )
    timeout_seconds: float = option(
        30.0,
        "-t, --timeout SECONDS",
        "How long one attempt to connect may take.",
        group=CONNECTING,
        read=over_zero(seconds),
    )
    retry_seconds: float = option(
        0.0,
        "--retry SECONDS",
        "Try to connect again for this long, with growing pauses; 0 for one attempt.",
        group=CONNECTING,
        shown="0; with --acknowledged 60",
        read=from_zero(seconds),
    )
    tls: bool = flag(
        False,
        "--tls",
        "Use TLS; the server must prove that it is HOST, by the system's certificates "
        "or those in SSL_CERT_FILE.",
        group=CONNECTING,
    )
    """Not for endpoint strings, which name TLS themselves."""
    insecure: bool = flag(
        False,
        "--insecure",
        "With TLS: do not check who the server is.",
        group=CONNECTING,
    )
    tls_keys: str | None = option(
        None,
        "--tls-keys FILE",
        "Append the secrets of TLS to FILE (mode 0600), for Wireshark; --record then "
        "keeps the encrypted bytes too.",
        group=CONNECTING,
        read=path_value,
    )

    dialogue: tuple[Step, ...] = adding(
        (),
        Option(
            "--send TEXT",
            "Send TEXT as a line, or exactly these bytes if it has escapes (\\r\\n, "
            "\\x00); stdin is not read. May be repeated.",
            SENDING,
            read=Send.read,
            write=_text_of,
            add=another,
            of=Send,
        ),
        Option(
            "--expect PATTERN",
            "Wait for this regular expression in the replies before the next step of "
            "the command line; exit with 2 if it does not come. May be repeated.",
            SENDING,
            read=Expect.read,
            write=_text_of,
            add=another,
            of=Expect,
        ),
    )
    files: tuple[str, ...] = option(
        (),
        "-f, --file PATH",
        "Send this file as it is (-: stdin), then end; may be repeated.",
        group=SENDING,
        add=another,
    )
    replay: str | None = option(
        None,
        "--replay FILE",
        "Send a recording (server --record) again: the same chunks, the same pauses.",
        group=SENDING,
        read=path_value,
    )
    speed: float | None = option(
        None,
        "--speed N|max",
        "Replay N times as fast, or as fast as possible.",
        group=SENDING,
        shown="1; a pause over an hour is refused",
        read=_speed,
        write=_speed_as_written,
    )
    """0 for as fast as possible."""
    peer: int | None = option(
        None,
        "--peer N",
        "Replay what this peer sent, if the recording has several.",
        group=SENDING,
        shown="the only one",
        read=over_zero(whole_number),
    )
    dot: bool | None = flags(
        None,
        {
            True: ("--dot", "Quit at a line that begins with '.', also from a pipe."),
            False: (
                "--no-dot",
                "Send a line that begins with '.', also from a terminal.",
            ),
        },
        group=SENDING,
    )
    """None for: only if the input is a terminal."""
    crlf: bool = flag(
        False,
        "--crlf",
        "End each line (typed, piped or of --send) with a carriage return and a "
        "newline.",
        group=SENDING,
    )
    lines_per_second: float = option(
        0.0,
        "--rate LINES",
        "Send at most this many lines a second; 0 for no limit.",
        group=SENDING,
        read=from_zero(number),
    )
    acknowledged: bool = flag(
        False,
        "--acknowledged",
        "Send each line until the server (--acknowledge) has it durably, also on new "
        "connections.",
        group=SENDING,
    )
    client_id: str | None = option(
        None,
        "--client-id ID",
        "The name of this client, with --acknowledged: run again with the same input, "
        "it sends nothing twice.",
        group=SENDING,
        shown="a random one",
        read=client_id,
    )
    behave: Behaviour | None = option(
        None,
        "--behave BEHAVIOUR",
        "Misbehave, to test servers: for example close:after-sent-bytes=9; may be "
        "repeated.",
        group=SENDING,
        read=client_behaviour,
        add=both,
        offers=client_offers,
    )
    edit: bool = flag(
        True,
        "--no-edit",
        "Leave line editing to the terminal, without history.",
        group=SENDING,
    )
    history: bool = flag(
        True,
        "--no-history",
        "Forget the typed lines when the client ends.",
        group=SENDING,
    )

    format: Literal["classic", "flow"] = option(
        "classic",
        "--format classic|flow",
        "What is shown: the replies, or a drawing of all that happens.",
        group=ENDING,
        read=one_of("classic", "flow"),
    )
    hex: bool = flag(
        False,
        "--hex",
        "Show replies as a hex dump.",
        group=ENDING,
    )
    quiet: bool = flag(
        False,
        "-q, --quiet",
        "Show no replies.",
        group=ENDING,
    )
    escape: When = option(
        "auto",
        "--escape auto|always|never",
        "Show control characters in replies as escapes; auto: on a terminal.",
        group=ENDING,
        read=one_of(*get_args(When)),
    )
    record: str | None = option(
        None,
        "--record FILE",
        "Also append all events to FILE, for echolab draw and echolab export.",
        group=ENDING,
        read=path_value,
    )
    wait_seconds: float | None = option(
        None,
        "--wait SECONDS",
        "How long to wait for each --expect; and after the end of input, for replies "
        "while the server is silent.",
        group=ENDING,
        shown="5; after the end of input over TLS 1",
        read=from_zero(seconds),
    )
