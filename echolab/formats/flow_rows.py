"""The pieces of a row of the format flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.formats.figure_words import NO_BREAK, cells, cut, harmless, preview

if TYPE_CHECKING:
    from collections import deque

    from echolab.events import Called

__all__ = [
    "ARROW_CELLS",
    "BETWEEN",
    "DEDUCED",
    "SEEN",
    "arrow",
    "as_called",
    "labelled",
    "take",
]

ARROW_CELLS = 29
SEEN, BETWEEN, DEDUCED = "─", "─ ", "·"


def arrow(label: str, line: str, *, out: bool) -> str:
    """Return what stands between the lanes: a label on an arrow.

    Args:
        label: what travels.
        line: how certain it is: `SEEN`, `BETWEEN` or `DEDUCED`.
        out: whether it points to the left lane, the peer's.
    """
    label = cut(label, ARROW_CELLS - 6)
    shaft = ARROW_CELLS - 3 - cells(label)
    mark = line * ARROW_CELLS
    drawn = f"{mark[: shaft // 2]} {label} {mark[: shaft - shaft // 2]}"
    return f"◀{drawn}" if out else f"{drawn}▶"


def as_called(call: Called) -> str:
    """Return a call as strace writes it."""
    result = f" = {call.result}"
    if call.result == 0 and call.call not in ("connect", "recv", "recvmsg", "send"):
        result = ""
    if call.call == "accept" and call.result >= 0:
        result = f" = {harmless(str(call.peer))}"
    if call.errno:
        result = f" ={NO_BREAK}{call.result}{NO_BREAK}{call.errno}"
    return harmless(f"{call.call}({call.arguments}){result}")


def labelled(label: str, data: bytes) -> str:
    """Return a size with the first of its bytes, as far as there is room."""
    room = ARROW_CELLS - 8 - cells(label)
    if not data or room < len('"…"') + 1:
        return label
    return f"{label} {preview(data[:room], room, whole=len(data) <= room)}"


def take(pieces: deque[memoryview], number: int) -> bytes:
    """Take so many bytes from the front of ``pieces``; return the first of them."""
    first = b""
    while number and pieces:
        piece = pieces.popleft()
        if len(piece) > number:
            pieces.appendleft(piece[number:])
        first = first or bytes(piece[: min(number, ARROW_CELLS)])
        number -= min(number, len(piece))
    return first
