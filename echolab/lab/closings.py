"""How the connections of accounts close: as all that is known of them tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.events import Called, Connected
from echolab.formats.closing import Closing
from echolab.lab.capture import Packet
from echolab.lab.ledger import Data, End
from echolab.lab.segments import Flag

if TYPE_CHECKING:
    from echolab.lab.joining import Account

__all__ = ["closing_of", "first_captured"]


def closing_of(account: Account, *, has_packets: bool | None = None) -> Closing[End]:
    """Return how a connection closes.

    Args:
        account: the connection.
        has_packets: whether its packets are meant; otherwise, its calls. By default,
            if it has any.
    """
    if has_packets is None:
        has_packets = account.has_packets
    closing = Closing(End.CLIENT, End.SERVER, has_packets=has_packets)
    is_made = account.client is None  # A client may have tried in vain before.
    for entry in account.entries:
        what = entry.what
        if isinstance(what, Packet) or entry.of_listener:
            continue
        if isinstance(what, Data):
            closing.moved(entry.end, sends=what.kind == "write")
        elif is_made or entry.end is End.SERVER:
            closing.take(entry.end, what)
        elif isinstance(what, Called):
            is_made = what.call == "connect" and not what.errno
        else:
            is_made = isinstance(what, Connected)
    closing.end()
    return closing


def first_captured(account: Account) -> tuple[End, str] | None:
    """Return who sent the first FIN or RST of an account's capture, and which it is."""
    for entry in account.entries:
        if isinstance(entry.what, Packet):
            for flag in (Flag.RST, Flag.FIN):
                if entry.what.flags & flag:
                    return entry.end, str(flag.name)
    return None
