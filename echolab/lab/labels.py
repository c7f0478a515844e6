"""What stands in the lanes and on the arrows of a figure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.formats.figure_words import NO_BREAK, duration, harmless, preview, size
from echolab.formats.syn import syn_options
from echolab.lab.rows import Arrow, Line
from echolab.lab.segments import Flag

if TYPE_CHECKING:
    from echolab.events import Called, Finished, LeftOut
    from echolab.lab.capture import Packet
    from echolab.lab.joining import Account
    from echolab.lab.ledger import End, Entry
    from echolab.lab.rows import Row

__all__ = [
    "call_text",
    "finish_text",
    "harmless_row",
    "not_kept",
    "packet_arrow",
    "quoted",
    "rests_of",
    "saved_syn",
    "waited_text",
]

PREVIEW_CELLS = 22


def quoted(head: bytes, number: int) -> str:
    """Return the first bytes in quotes; nothing if they were not kept."""
    return preview(head, PREVIEW_CELLS, whole=len(head) >= number) if head else ""


def call_text(call: Called) -> str:
    """Return a call as in a program: ``recv(65536) = 6``."""
    text = f"{call.call}({call.arguments})"
    if call.errno:
        return f"{text} ={NO_BREAK}{call.result}{NO_BREAK}{call.errno}"
    if call.call in {"socket", "bind", "listen", "shutdown", "close"}:
        return text  # It succeeded, and returned 0 or a descriptor.
    return f"{text} ={NO_BREAK}{call.result}"


def waited_text(seconds: float | None) -> str:
    """Return how long received bytes have waited in the kernel; "" if unknown."""
    return "" if seconds is None else f"waited {duration(seconds)}"


def rests_of(entry: Entry) -> dict[End, float]:
    """Return how long the bytes of a recv have waited in the kernel, if known."""
    waited = getattr(entry.what, "waited_seconds", None)
    return {} if waited is None else {entry.end: waited}


def saved_syn(account: Account) -> str | None:
    """Return the options of the client's SYN; None if the kernel has not kept it."""
    return None if account.syn is None else syn_options(account.syn.packet)


def packet_arrow(packet: Packet, to: End) -> Arrow:
    """Return a captured packet as an arrow: ``SYN, ACK``, ``6 bytes, FIN``."""
    signs = (Flag.SYN, Flag.FIN, Flag.RST, Flag.ACK)
    words = [str(flag.name) for flag in signs if packet.flags & flag]
    if packet.length:
        words = [size(packet.length), *(word for word in words if word != "ACK")]
    head = quoted(packet.data or b"", packet.length)
    span = (packet.seq, packet.length) if packet.length else None
    return Arrow(to, Line.SEEN, ", ".join(words), span, head=head)


def finish_text(finished: Finished) -> str:
    """Return why a connection has ended: ``finished: reset, ECONNRESET``."""
    why = f", {finished.detail}" if finished.detail else ""
    return f"finished: {finished.cause.value}{why}"


def not_kept(left: LeftOut, whose: str = "") -> str:
    """Return how much is missing: ``… 12 events not kept: 56 kB received …``.

    Args:
        left: the gap.
        whose: the end whose events they are, if both ends were recorded.
    """
    moved = (left.received_bytes, "received"), (left.sent_bytes, "sent")
    pieces = [f"{size(number)} {how}" for number, how in moved if number]
    said = ", ".join(piece.replace(" ", NO_BREAK) for piece in pieces)
    events = f"{left.events:,}{NO_BREAK}event{'s' * (left.events != 1)}"
    events += f" of{NO_BREAK}the{NO_BREAK}{whose}" * bool(whose)
    colon = ": " if said else ""
    return f"…{NO_BREAK}{events} not{NO_BREAK}kept{colon}{said}{NO_BREAK}…"


def harmless_row(row: Row) -> Row:
    """Return a row whose texts cannot drive a terminal, whoever has recorded them."""
    texts = {end: harmless(text) for end, text in row.texts.items()}
    arrow = row.arrow and replace(row.arrow, label=harmless(row.arrow.label))
    return replace(row, texts=texts, arrow=arrow)
