"""The commands that a user types among the lines to send.

On a terminal, a line that begins with ``/`` is a command. ``//`` and ``/.`` begin a
line that is sent without the first ``/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from echolab.escaping import escape_line, unescape
from echolab.near_misses import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "COMMANDS",
    "FOR_ONE",
    "SIGN",
    "TypedCommand",
    "as_data",
    "bytes_of",
    "read_line",
]

SIGN = b"/"
AS_DATA = SIGN + SIGN, SIGN + b"."
"""How a line begins that is sent without its first byte: no command has such a name."""

COMMANDS = {
    "to": "/to N, or /to for the peer that spoke last",
    "all": "/all",
    "peers": "/peers",
    "close": "/close N, or /close for whom the prompt names",
    "reset": "/reset N, or /reset for whom the prompt names",
    "send": r"/send BYTES, as /send \x00\xff",
    "file": "/file PATH",
}
"""The usage of each command."""

FOR_ONE = ("close", "reset", "send", "file")
"""The commands for one connection, as a client has."""


class TypedCommand(NamedTuple):
    """A command.

    Attributes:
        name: its name, without the ``/``.
        argument: all behind the first space.
    """

    name: str
    argument: str


def read_line(line: bytes, names: Collection[str] = COMMANDS) -> bytes | TypedCommand:
    """Read a line that was typed, without its newline.

    Args:
        line: the line.
        names: the commands that are proposed when there is no such command.

    Returns:
        The line to send, or a command.

    Raises:
        ValueError: there is no such command; the text says so.
    """
    if not line.startswith(SIGN):
        return line
    if line.startswith(AS_DATA):
        return line.removeprefix(SIGN)
    name, _, argument = line[1:].decode("utf-8", "surrogateescape").partition(" ")
    if name not in COMMANDS:
        meant = nearest(name, names)
        raise ValueError(
            f"/{escape_line(name)}: no such command"
            f"{did_you_mean(meant and f'/{meant}')} "
            f"({', '.join(f'/{each}' for each in names)}; // begins a line with /)"
        )
    return TypedCommand(name, argument)


def as_data(line: str) -> str:
    """Return what to type so that a line is sent, even if it is a command or a dot."""
    return f"/{line}" if line.startswith(("/", ".")) else line


def bytes_of(argument: str) -> bytes:
    r"""Return the bytes that ``/send`` sends, without anything added.

    Args:
        argument: a text with escapes such as ``\x00``.

    Raises:
        ValueError: an escape is wrong, or there is nothing to send; the text says so.
    """
    if not argument:
        raise ValueError(f"/send: {COMMANDS['send']}")
    try:
        return unescape(argument.encode("utf-8", "surrogateescape"))
    except ValueError as why:
        raise ValueError(f"/send {escape_line(argument)}: {why}") from None
