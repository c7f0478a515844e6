"""The values of options: read and checked, each mistake told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from twisted.python import usage

from echolab.admission import Network, network
from echolab.endpoints import host_and_port
from echolab.escaping import unescape
from echolab.framing import framed, framing_named

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "address_value",
    "choice_value",
    "framing_value",
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


def port_value(call: str, host: str, text: str, least: int) -> int:
    """Read a port; what is wrong with it is told as the call would."""
    where = f"{call} {host_and_port(host, text)}"
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise usage.UsageError(f"{where}: port is not a number")
    port = int(text)
    if not least <= port <= 65535:
        raise usage.UsageError(f"{where}: port must be {least}-65535")
    return port


def address_value(text: str) -> str:
    """Read an IP address or a name; IPv6 may stand in brackets, as it is shown."""
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1]
    return text


def number_value(name: str, text: str, convert: Callable[[str], float]) -> float:
    """Read a positive number."""
    if not 0 < (number := _converted(text, convert)) < MOST:
        kind = _kind(convert)
        raise usage.UsageError(
            f"--{name} {text}: must be a {kind} over 0 and below {MOST}"
        )
    return number


def number_or_zero(
    name: str, text: str, convert: Callable[[str], float] = float
) -> float:
    """Read how many; 0 has a meaning of its own."""
    if not 0 <= (number := _converted(text, convert)) < MOST:
        kind = _kind(convert)
        raise usage.UsageError(
            f"--{name} {text}: must be a {kind} from 0 and below {MOST}"
        )
    return number


def _kind(convert: object) -> str:
    return "whole number" if convert is int else "number"


def _converted(text: str, convert: Callable[[str], float]) -> float:
    try:
        return convert(text)
    except ValueError:
        return -1


def choice_value(name: str, text: str, choices: tuple[T, ...]) -> T:
    """Read one of several words."""
    for choice in choices:
        if choice == text:
            return choice
    listed = ", ".join(map(str, choices))
    raise usage.UsageError(f"--{name} {text}: must be one of {listed}")


def framing_value(text: str) -> str:
    """Check the name of a framing."""
    try:
        framing_named(text)
    except ValueError as error:
        raise usage.UsageError(f"--framing {text}: {error}") from None
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
    return 0.0 if text == "max" else number_value("speed", text, float)
