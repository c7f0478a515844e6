"""Endpoint strings: their parts, and what is wrong with them."""

from __future__ import annotations

import re

from echolab.errors import missing_extra, reason_of
from echolab.near_misses import ENDPOINT_KINDS, did_you_mean, nearest
from echolab.quantities import whole_number

_UNKNOWN_KIND = re.compile(r"Unknown endpoint type: '([^']*)'")

__all__ = ["arguments_of", "check_numbers", "parse_reason", "quoted", "with_argument"]


def arguments_of(text: str) -> tuple[list[str], dict[str, str]]:
    r"""The arguments of an endpoint string; ``\:``, ``\=`` and ``\\`` are escapes."""
    positional: list[str] = []
    named: dict[str, str] = {}
    words = re.findall(r"(?:^|:)((?:\\.|[^\\:])*)", text, re.DOTALL) if text else []
    for word in words:
        if key := re.match(r"((?:\\.|[^\\=])*)=", word, re.DOTALL):
            named[_plain(key[1])] = _plain(word[key.end() :])
        else:
            positional.append(_plain(word))
    return positional, named


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def quoted(text: str) -> str:
    """A text as it is written within an endpoint string."""
    return re.sub(r"([\\:=])", r"\\\1", text)


def with_argument(text: str, key: str, value: object, kinds: set[str]) -> str:
    """Give an endpoint string an argument it can take and does not have."""
    if text.partition(":")[0] in kinds and f":{key}=" not in text:
        return f"{text}:{key}={value}"
    return text


def check_numbers(arguments: list[str], named: dict[str, str]) -> None:
    """Check the port and the timeout of a client's endpoint string.

    Twisted reads them with ``int``, which takes ``8_888`` and other scripts' digits.

    Raises:
        ValueError: one is not a number.
    """
    given = (named.get("port"), named.get("timeout"), *arguments[1:2])
    for text in given:
        if text is not None:
            whole_number(text)


def parse_reason(error: Exception) -> str:
    """Say what is wrong with an endpoint string.

    Twisted's parsers, and those of its plugins, raise whatever comes to hand.
    """
    match error:
        case NameError() | ImportError():
            return missing_extra("TLS", "tls")
        case IndexError() | KeyError():
            return "no such socket was handed over (LISTEN_FDS, LISTEN_FDNAMES)"
        case TypeError():
            return "missing or unknown argument in the endpoint string"
        case ValueError() if str(error).startswith("invalid literal"):
            return "not a number in the endpoint string"
        case ValueError() if found := _UNKNOWN_KIND.match(str(error)):
            meant = nearest(found[1], ENDPOINT_KINDS)
            return f"{reason_of(error)}{did_you_mean(meant and f'{meant}:')}"
        case _:
            return reason_of(error)
