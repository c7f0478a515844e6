"""Guess what a user probably meant, after a mistake on the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ENDPOINT_KINDS",
    "address_and_port_of",
    "command_meant",
    "did_you_mean",
    "endpoint_meant",
    "host_and_port_of",
    "is_endpoint",
    "is_number",
    "is_port",
    "nearest",
    "option_meant",
]

_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*):([^:]*)")
_ADDRESS = re.compile(r"\[.+\]|localhost|[^:]*\.[^:]*")
_SYNONYMS = {
    "-l": "server",
    "-lk": "server",
    "listen": "server",
    "receive": "server",
    "connect": "client",
    "send": "client",
    "version": "--version",
}
CLIENT_KINDS = ("tcp", "unix", "ssl", "tls")
ENDPOINT_KINDS = (*CLIENT_KINDS, "tcp6", "haproxy", "systemd")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice most similar to a word, if one is similar."""
    # Imported here, because only a mistake needs it.
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), list(choices), n=1)
    return found[0] if found else None


def did_you_mean(meant: str | None) -> str:
    """Return the end of an error text: what was probably meant, if known."""
    return f"; did you mean {meant}?" if meant else ""


def host_and_port_of(word: str) -> tuple[str, str] | None:
    """Return the two parts of ``HOST:PORT`` or ``[ADDRESS]:PORT``."""
    found = _HOST_AND_PORT.fullmatch(word)
    return (found[1], found[2]) if found else None


def address_and_port_of(word: str) -> tuple[str, str] | None:
    """Return the two parts of ``ADDRESS:PORT``, if a server could listen there."""
    host, port = host_and_port_of(word) or ("", "")
    return (host, port) if _ADDRESS.fullmatch(host) and is_port(port) else None


def option_meant(name: str, options: Iterable[str]) -> str | None:
    """Return the options that a mistyped or shortened name may mean."""
    options = list(options)
    if len(name) == 1 or name in options:
        return None  # Something else is wrong with it.
    begun = [each for each in options if each.startswith(name)]
    if begun:
        return " or ".join(f"--{each}" for each in sorted(begun))
    meant = nearest(name, options)
    return meant and f"--{meant}"


def endpoint_meant(text: str, *, client: bool = False) -> str | None:
    """Return the endpoint string that a port, an address or a path means.

    A text that begins with a word and a colon may belong to a plugin: return None.
    """
    if re.fullmatch(r"\d+", text, re.ASCII):
        return f"tcp:127.0.0.1:{text}" if client else f"tcp:{text}"
    if re.match(r"[./@]", text):
        return f"unix:{text}"
    where = address_and_port_of(text)
    if where is None:
        return None
    host, port = where
    host = host.strip("[]").replace(":", r"\:")
    return f"tcp:{host}:{port}" if client else f"tcp:{port}:interface={host}"


def is_endpoint(text: str, *, client: bool = False) -> bool:
    """Whether this looks like an endpoint string."""
    kind, colon, _ = text.partition(":")
    kinds = CLIENT_KINDS if client else ENDPOINT_KINDS
    return bool(colon) and kind.lower() in kinds


def is_number(text: str) -> bool:
    """Whether this is written in ASCII digits, like every number here."""
    return text.isascii() and text.isdecimal()


def is_port(text: str) -> bool:
    """Whether this is the number of a port; 0 takes a free one."""
    return is_number(text) and len(text) <= 5 and int(text) <= 65535


def command_meant(
    words: Sequence[str],
    options: Mapping[str, Sequence[str]],
    topics: Sequence[str] = (),
) -> str | None:
    """Return the command line that was meant, if no command was named.

    Args:
        words: the arguments that were given.
        options: the names of each command's options, long and short; those of the
            program itself are below "".
        topics: what ``echolab help`` shows.
    """
    import shlex  # Imported here, as above.

    if not words:
        return None
    first = words[0]
    name = _SYNONYMS.get(first)
    if name is None and not first.startswith("-"):
        name = nearest(first, options)
    if name:
        return shlex.join(["echolab", name, *words[1:]])
    if not first.startswith("-") and (topic := nearest(first, topics)):
        return f"echolab help {topic}"
    if first.startswith("-"):
        found = _option_meant(first, options)
        if found is None:
            return None
        name, option = found
        return shlex.join(["echolab", *filter(None, [name]), option, *words[1:]])
    if is_number(first):
        name = None if any(map(is_number, words[1:2])) else "server"
    elif host_and_port_of(first) or (len(words) > 1 and is_number(words[1])):
        name = "client"
    return name and shlex.join(["echolab", name, *words])


def _option_meant(
    word: str, options: Mapping[str, Sequence[str]]
) -> tuple[str, str] | None:
    """Return the command that has this option or a similar one, and the option."""
    if word.startswith("--"):
        typed, equals, value = word[2:].partition("=")
    else:
        typed, equals, value = word[1:2], "", word[2:]
    if typed in {"help", "version"}:
        return None
    known: dict[str, str] = {}
    for command, names in options.items():
        known = dict.fromkeys(names, command) | known
    name = typed if typed in known or len(typed) == 1 else nearest(typed, known)
    if name is None or name not in known:
        return None
    dashes = "--" if len(name) > 1 else "-"
    return known[name], f"{dashes}{name}{equals}{value}"
