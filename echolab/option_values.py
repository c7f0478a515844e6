"""Readers of options' values: a ValueError says what is wrong with a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from echolab.near_misses import did_you_mean, endpoint_meant, nearest
from echolab.option import EmptyError
from echolab.quantities import byte_size, seconds, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CLIENT_ENDPOINTS",
    "SERVER_ENDPOINTS",
    "address_value",
    "another",
    "endpoint",
    "from_zero",
    "one_of",
    "over_zero",
    "path_value",
]

T = TypeVar("T")
N = TypeVar("N", bound=float)

MOST = 2**31

SERVER_ENDPOINTS = (
    *("tcp::interface=", "tcp::backlog="),
    *("tcp6::interface=", "tcp6::backlog="),
    *("unix:FILE", "unix::mode=", "unix::backlog="),
    *("ssl::interface=", "ssl::privateKey=FILE", "ssl::certKey=FILE"),
    *("ssl::extraCertChain=FILE", "ssl::backlog="),
    "tls:FILE",
    *("systemd:domain=", "systemd:index=", "systemd:name="),
    *("haproxy:tcp:", "haproxy:tcp6:", "haproxy:ssl:", "haproxy:systemd:"),
)
"""What completes the endpoint string of a server; see `echolab.option.Option`."""

CLIENT_ENDPOINTS = (
    *("tcp::timeout=", "tcp::bindAddress="),
    "unix:FILE",
    *("tls::trustRoots=FILE", "tls::certificate=FILE", "tls::privateKey=FILE"),
    *("tls::endpoint=", "tls::timeout=", "tls::bindAddress="),
    *("ssl::caCertsDir=FILE", "ssl::certKey=FILE", "ssl::privateKey=FILE"),
    *("ssl::hostname=", "ssl::timeout=", "ssl::bindAddress="),
)
"""What completes the endpoint string of a client."""


def over_zero(read: Callable[[str], N]) -> Callable[[str], N]:
    """Return a reader of numbers over 0, from one of `echolab.quantities`."""

    def number_over_zero(text: str) -> N:
        value = _read(read, text)
        if value is None or not 0 < value < MOST:
            raise _wrong_number(read, f"over 0 and at most {MOST - 1}")
        return value

    return number_over_zero


def from_zero(read: Callable[[str], N]) -> Callable[[str], N]:
    """Return a reader of numbers from 0, from one of `echolab.quantities`."""

    def number_from_zero(text: str) -> N:
        value = _read(read, text)
        if value is None or not 0 <= value < MOST:
            raise _wrong_number(read, f"from 0 to {MOST - 1}")
        return value

    return number_from_zero


def _read(read: Callable[[str], N], text: str) -> N | None:
    try:
        return read(text)
    except ValueError:
        return None


def _wrong_number(read: Callable[[str], float], which: str) -> ValueError:
    kinds: dict[Callable[[str], float], str] = {
        whole_number: f"a whole number {which}",
        seconds: f"a time {which} seconds, as 5, 500ms, 2m or 1h",
        byte_size: f"a size {which} bytes, as 65536, 64k or 1MiB",
    }
    return ValueError(f"must be {kinds.get(read, f'a number {which}')}")


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader of one of several words, in upper or lower case."""

    def choice(text: str) -> str:
        if text.lower() in choices:
            return text.lower()
        meant = did_you_mean(nearest(text, choices))
        raise ValueError(f"must be one of {', '.join(choices)}{meant}")

    return choice


def address_value(text: str) -> str:
    """Read an IP address or a name; IPv6 may have brackets, as when it is shown."""
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1]
    return text


def path_value(text: str) -> str:
    """Read the path of a file."""
    if not text:
        raise EmptyError("the file has no name")
    return text


def endpoint(name: str, *, client: bool = False) -> Callable[[str], str]:
    """Return a reader of endpoint strings, which suggests the likely correction.

    Args:
        name: the option, named in the suggestion.
        client: whether it is a client's option.
    """

    def endpoint_string(text: str) -> str:
        if not text:
            raise EmptyError("the endpoint string is empty")
        if meant := endpoint_meant(text, client=client):
            raise ValueError(f"not an endpoint string; did you mean --{name} {meant}?")
        return text

    return endpoint_string


def another(before: tuple[T, ...], value: T) -> tuple[T, ...]:
    """Add one more value to those of an option that may be repeated."""
    return (*before, value)
