"""Values of the server's own options, made of texts; see `echolab.option_values`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from echolab.addresses import ANY_IPV4, STREAM_SCHEMES, host_and_port
from echolab.doors import DoorError, installed, split_name
from echolab.formats import FORMATS
from echolab.formats.names import format_named
from echolab.framing import FRAMING_NAMES, framing_named
from echolab.near_misses import did_you_mean, host_and_port_of, nearest
from echolab.option import FILE, EmptyError, UnshownError
from echolab.option_values import address_value, from_zero
from echolab.quantities import seconds, whole_number
from echolab.server.reply import reply_named
from echolab.server.script import Script
from echolab.sinks.names import sink_named

if TYPE_CHECKING:
    from typing import TypeAlias

    Output: TypeAlias = "tuple[str | None, str]"
    """A format (None for that of ``--format``) and the file it goes to; or the word
    ``sink``, and the sink's name with its argument."""

__all__ = [
    "EVENTS",
    "INTERFACES",
    "LEDGER",
    "SINK",
    "another_output",
    "answer_value",
    "format_offers",
    "format_value",
    "framing_value",
    "interface_value",
    "is_stream",
    "keepalive_value",
    "output_offers",
    "output_text",
    "output_value",
    "reply_offers",
    "reply_value",
    "said",
    "web_text",
    "web_value",
]

SINK = "sink"
EVENTS = "events"
"""How a stream has events if no format is named."""
LEDGER = "ledger"
"""How a stream has all that a recording has."""

LOOPBACK = "127.0.0.1"
INTERFACES = (LOOPBACK, ANY_IPV4, "::1", "::")
"""Addresses to listen on that every host has."""
MOST_PORT = 65535

_SCHEME = re.compile(rf"(?:^|:)(?={STREAM_SCHEMES})", re.IGNORECASE)
_MEANT = re.compile(r"(?:^|:)[a-z+]{3,8}(?:://?|//)[^/]*:[^/]*@", re.IGNORECASE)
"""Nearly such an address, with a password, which must not be shown."""
_RULE = re.compile(r"((?:\\.|\(\?<?=|[^\\=])*)=(.*)", re.DOTALL)

MOST_KEEPALIVE_SECONDS = 65534
"""After half of it the peer is probed: TCP_KEEPIDLE is at most 32767, see tcp(7)."""


def said(value: object) -> str:
    """Write what may be a name, or the thing itself.

    Raises:
        TypeError: it is the thing.
    """
    if isinstance(value, str):
        return value
    raise TypeError(f"{value!r} cannot be said in words; python:module:name can")


def framing_value(text: str) -> str:
    """Read the name of a framing; of a built-in one in upper or lower case."""
    kind, colon, delimiter = text.partition(":")
    named = kind.lower() in FRAMING_NAMES
    name = f"{kind.lower()}{colon}{delimiter}" if named else text
    try:
        framing_named(name)
    except DoorError:
        raise
    except ValueError as error:
        names = (*FRAMING_NAMES, *installed("framings"))
        known = None if named else nearest(kind, names)
        meant = did_you_mean(known and f"{known}{colon}{delimiter}")
        if text.lower() in FORMATS:
            meant = f"; {text.lower()} is a --format"
        raise ValueError(f"{error}{meant}") from None
    return name


def reply_value(text: str) -> str:
    """Read what to reply: any text, or a name, which must be a reply's."""
    reply_named(text)
    return text


def reply_offers() -> list[str]:
    """Return what completes what to reply."""
    return ["none", "echo", *installed("replies")]


def answer_value(text: str) -> Script:
    r"""Read a rule, ``PATTERN=TEXT``, or the rules in ``@FILE``.

    The pattern ends at the first ``=`` that has no ``\`` in front of it; those of
    ``(?=`` and ``(?<=`` belong to the pattern.
    """
    if text.startswith("@"):
        # Imported here, since most answers are in no file.
        from echolab.server.answer_file import read_answers

        return read_answers(text.removeprefix("@"))
    found = _RULE.fullmatch(text)
    if found is None:
        raise ValueError("is no PATTERN=TEXT, nor @FILE")
    pattern, answer = found.groups()
    return Script.of([(pattern, answer)])


def keepalive_value(text: str) -> float:
    """Read how long a peer may give no sign of life; the kernel has its bound."""
    value = from_zero(seconds)(text)
    if value > MOST_KEEPALIVE_SECONDS:
        raise ValueError(
            f"must be at most {MOST_KEEPALIVE_SECONDS} seconds, "
            "twice what the kernel takes for TCP_KEEPIDLE"
        )
    return value


def interface_value(text: str) -> str:
    """Read an IP address to listen on."""
    if not text:  # As a variable of a script that is not set.
        raise EmptyError("the address is empty")
    return address_value(text)


def web_value(text: str) -> tuple[str, int]:
    """Read where the page is: ``PORT`` or ``HOST:PORT``."""
    if not text:
        raise EmptyError("the port is empty")
    host, port = host_and_port_of(text) or (LOOPBACK, text)
    host = address_value(host)
    if not host:
        raise ValueError("the address is empty")
    try:
        number = whole_number(port)
    except ValueError:
        raise ValueError(
            "must be [HOST:]PORT, as 8889, 127.0.0.1:8889 or [::1]:8889"
        ) from None
    if not 0 <= number <= MOST_PORT:
        raise ValueError(f"port must be 0-{MOST_PORT}")
    return host, number


def web_text(where: tuple[str, int]) -> str:
    """Write where the page is, as `web_value` reads it."""
    return host_and_port(*where)


def format_value(text: str) -> str:
    """Read the name of a format; of a built-in one in upper or lower case."""
    if format_named(text) is None:
        meant = did_you_mean(_format_meant(text))
        raise ValueError(f"must be one of {', '.join(FORMATS)}{meant}")
    return _as_known(text)


def _format_meant(name: str) -> str | None:
    return nearest(name, [*FORMATS, *installed("formats")])


def _as_known(form: str) -> str:
    return form.lower() if form.lower() in FORMATS else form


def format_offers() -> list[str]:
    """Return what completes the name of a format."""
    return [*FORMATS, *installed("formats")]


def output_offers() -> list[str]:
    """Return what completes where to print; see `echolab.option.Option`."""
    files = (f"{form}:{FILE}" for form in format_offers())
    sinks = (f"{SINK}:{name}" for name in installed("sinks"))
    return ["-", FILE, *files, "nats://", f"{LEDGER}:nats://", *sinks]


def output_value(text: str) -> Output:
    """Read where to print: ``FILE`` or ``FORMAT:FILE``; or a sink: ``sink:NAME``.

    A stream is a file whose name is an address.
    """
    if scheme := _SCHEME.search(text):
        return _stream(text[: scheme.start()], text[scheme.end() :])
    if _MEANT.search(text):
        raise UnshownError(
            "the address of a stream begins with nats://, tls:// or nats+tls://"
        )
    form, colon, path = split_name(text)
    if colon and form.lower() == SINK:
        sink_named(path)
        return SINK, path
    named = bool(colon) and "/" not in form
    known = named and format_named(form) is not None
    if named and not known:
        meant = _format_meant(form)
        raise ValueError(
            f"{form} is no format ({', '.join(FORMATS)})"
            f"{did_you_mean(meant and f'{meant}:{path}')}; "
            f"for a file of that name write ./{text}"
        )
    if not (path if known or ":" in form else text):
        raise ValueError("the file has no name")
    return (_as_known(form), path) if known else (None, text)


def _stream(form: str, text: str) -> Output:
    # Imported here, since few outputs are streams.
    from echolab.carrying.address import parse_address, without_secrets

    try:
        parse_address(text)
        known = form.lower() == LEDGER or (form and format_named(form) is not None)
        if form and not known:
            meant = nearest(form, [LEDGER, *FORMATS, *installed("formats")])
            raise ValueError(
                f"{form} is no format ({', '.join([LEDGER, *FORMATS])})"
                f"{did_you_mean(meant)}"
            )
    except ValueError as why:
        raise UnshownError(f"{without_secrets(text)}: {why}") from None
    return (LEDGER if form.lower() == LEDGER else _as_known(form)) or None, text


def is_stream(output: Output) -> bool:
    """Whether an output is a stream, not a file."""
    form, path = output
    return form != SINK and _SCHEME.match(path) is not None


def another_output(before: tuple[Output, ...], one: Output) -> tuple[Output, ...]:
    """Add one more place to print, whose file must be another.

    Raises:
        ValueError: it is not.
    """
    if one[1] in [path for form, path in before if SINK not in (form, one[0])]:
        if is_stream(one):
            from echolab.carrying.address import without_secrets

            raise UnshownError(f"{without_secrets(one[1])}: that stream is given twice")
        raise ValueError("that file is given twice")
    return (*before, one)


def output_text(output: Output) -> str:
    """Write a place as `output_value` reads it."""
    form, path = output
    return path if form is None else f"{form}:{path}"
