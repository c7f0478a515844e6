"""The values of options: read and checked, each mistake told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from twisted.python import usage

from echolab.addresses import host_and_port
from echolab.escaping import unescape
from echolab.framing import FRAMING_NAMES, framed, framing_named
from echolab.near_misses import did_you_mean, endpoint_meant, nearest
from echolab.quantities import byte_size, number, seconds, whole_number
from echolab.server.admission import Network, network

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "address_value",
    "choice_value",
    "endpoint_value",
    "framing_value",
    "keepalive_value",
    "network_value",
    "number_or_zero",
    "number_value",
    "port_value",
    "reply_value",
    "speed_value",
]

T = TypeVar("T")

MOST = 2**31
MOST_SHOWN = 60
MOST_KEEPALIVE_SECONDS = 65534
"""After half of it the peer is probed: TCP_KEEPIDLE is at most 32767, see tcp(7)."""


def port_value(call: str, host: str, text: str, least: int) -> int:
    """Read a port; what is wrong with it is told as the call would."""
    where = f"{call} {host_and_port(host, text)}"
    try:
        port = whole_number(text)
    except ValueError:
        raise usage.UsageError(f"{where}: port is not a number") from None
    if not least <= port <= 65535:
        raise usage.UsageError(f"{where}: port must be {least}-65535")
    return port


def address_value(text: str) -> str:
    """Read an IP address or a name; IPv6 may stand in brackets, as it is shown."""
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1]
    return text


def number_value(name: str, text: str, read: Callable[[str], float]) -> float:
    """Read a positive number, of what ``read`` reads (`echolab.quantities`)."""
    if not 0 < (value := _read(text, read)) < MOST:
        raise _wrong_number(name, text, read, "over 0")
    return value


def number_or_zero(name: str, text: str, read: Callable[[str], float]) -> float:
    """Read how many, or how much; 0 has a meaning of its own."""
    if not 0 <= (value := _read(text, read)) < MOST:
        raise _wrong_number(name, text, read, "from 0")
    return value


def keepalive_value(text: str) -> float:
    """Read how long a peer may give no sign of life; the kernel has its bound."""
    value = number_or_zero("keepalive", text, seconds)
    if value > MOST_KEEPALIVE_SECONDS:
        raise usage.UsageError(
            f"--keepalive {text}: must be at most {MOST_KEEPALIVE_SECONDS} seconds, "
            "twice what the kernel takes for TCP_KEEPIDLE"
        )
    return value


def _read(text: str, read: Callable[[str], float]) -> float:
    try:
        return read(text)
    except ValueError:
        return -1


def _wrong_number(
    name: str, text: str, read: Callable[[str], float], least: str
) -> usage.UsageError:
    kinds: dict[Callable[[str], float], str] = {
        whole_number: f"a whole number {least} and below {MOST}",
        seconds: f"a time {least} and below {MOST} seconds, as 5, 500ms, 2m or 1h",
        byte_size: f"a size {least} and below {MOST} bytes, as 65536, 64k or 1MiB",
    }
    must = kinds.get(read, f"a number {least} and below {MOST}")
    return usage.UsageError(f"--{name} {text}: must be {must}")


def choice_value(name: str, text: str, choices: tuple[T, ...]) -> T:
    """Read one of several words, in upper or lower case."""
    for choice in choices:
        if choice == text.lower():
            return choice
    names = [*map(str, choices)]
    meant = did_you_mean(nearest(text, names))
    raise usage.UsageError(f"--{name} {text}: must be one of {', '.join(names)}{meant}")


def framing_value(text: str) -> str:
    """Read the name of a framing, in upper or lower case."""
    kind, colon, delimiter = text.partition(":")
    name = f"{kind.lower()}{colon}{delimiter}"
    try:
        framing_named(name)
    except ValueError as error:
        named = kind.lower() in FRAMING_NAMES
        known = None if named else nearest(kind, FRAMING_NAMES)
        meant = did_you_mean(known and f"{known}{colon}{delimiter}")
        raise usage.UsageError(f"--framing {text}: {error}{meant}") from None
    return name


def endpoint_value(name: str, text: str, *, client: bool = False) -> str:
    """Read an endpoint string, unless something else was probably meant."""
    if not text:
        raise usage.UsageError(f"--{name}: the endpoint string is empty")
    if meant := endpoint_meant(text, client=client):
        raise usage.UsageError(
            f"--{name} {text}: not an endpoint string; did you mean --{name} {meant}?"
        )
    return text


def network_value(name: str, text: str) -> Network:
    """Read a network."""
    try:
        return network(text)
    except ValueError as error:
        raise usage.UsageError(f"--{name} {text}: {error}") from None


def reply_value(text: str, framing: str) -> str:
    """Check the escapes of a reply, and whether the framing can hold it."""
    try:
        framed(unescape(text), framing)
    except ValueError as error:
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
        raise usage.UsageError(f"--reply {shown}: {error}") from None
    return text


def speed_value(text: str) -> float:
    """Read how many times as fast; ``max`` is 0."""
    return 0.0 if text.lower() == "max" else number_value("speed", text, number)
