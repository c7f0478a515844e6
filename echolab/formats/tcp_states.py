"""What the state of an end of TCP says of the FINs of both (RFC 9293, figure 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from echolab.facts import Sampled

__all__ = ["ENDED", "GOT_FIN", "PASSIVE", "Told", "fin_has_come", "refuses", "told_by"]

ENDED = {"FIN_WAIT_1", "CLOSING", "LAST_ACK"}
"""The states of an end whose program has ended its side; its FIN may be unsent."""
PASSIVE = {"CLOSE_WAIT", "LAST_ACK"}
"""The states of an end that got the other's FIN before its program ended its side."""
GOT_FIN = {*PASSIVE, "CLOSING", "TIME_WAIT"}
"""The states of an end that has got the other's FIN."""


class Told(NamedTuple):
    """What a state tells.

    Attributes:
        fins: the FINs that have travelled, in order: True for that of the end itself,
            False for the other's.
        is_ordered: whether it is known which of the two came first.
    """

    fins: tuple[bool, ...]
    is_ordered: bool = True


def told_by(state: str, *, unsent: int | None, unread: int, was_held: bool) -> Told:
    """Return what the state of an end tells of the FINs of both.

    Args:
        state: the state.
        unsent: how many bytes wait to be sent, the own FIN included; None if unknown.
        unread: how many bytes have arrived and were not read: the other's FIN is
            behind them.
        was_held: whether the own FIN was unsent at the look before. Then both may have
            travelled between the two looks.
    """
    own = (True,) if unsent == 0 else ()
    other = () if unread else (False,)
    match state:
        case "FIN_WAIT_1":
            return Told(own)
        case "FIN_WAIT_2":
            return Told((True,))
        case "CLOSE_WAIT":
            return Told(other)
        case "LAST_ACK":
            return Told((False, *own))
        case "CLOSING" if unsent:
            return Told(other)
        case "CLOSING":
            return Told((*other, *own) if was_held else (*own, *other), False)
        case "TIME_WAIT":
            return Told((True, False), not was_held)
        case _:
            return Told(())


def refuses(before: Sampled | None, gone: Sampled) -> bool:
    """Whether a kernel has answered bytes with a reset.

    It has counted their segment, but not the bytes, and the connection is gone. (A
    segment that came twice is counted twice, too.)

    Args:
        before: the last look at the connection.
        gone: the look that has found it gone.
    """
    return (
        before is not None
        and before.arrived_bytes is not None
        and before.arrived_bytes == gone.arrived_bytes
        and (gone.data_segments_in or 0) > (before.data_segments_in or 0)
    )


def fin_has_come(before: Sampled | None, gone: Sampled) -> bool:
    """Whether the other's FIN has arrived: a byte more, but no segment with data.

    Args:
        before: the last look at the connection.
        gone: the look that has found it gone.
    """
    return (
        before is not None
        and before.arrived_bytes is not None
        and before.arrived_bytes + 1 == gone.arrived_bytes
        and before.data_segments_in == gone.data_segments_in
    )
