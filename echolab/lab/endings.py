"""How a connection ends, as arrows: each end's FIN or RST, and what answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.lab.ledger import End
from echolab.lab.rows import Arrow, Line, Row

if TYPE_CHECKING:
    from echolab.formats.closing import Mark
    from echolab.lab.streams import Streams

__all__ = ["Endings"]

SOON_SECONDS = 0.1
"""A FIN that answers another one sooner than this may acknowledge it as well."""
UNORDERED = "order unknown"


class Endings:
    """Draw the end of each side once.

    Args:
        rows: the rows of the figure; this adds to them.
        streams: the bytes of the connection.
        wire: whether there are packets; otherwise, a side just ends.
        is_ordered: whether it is known which FIN came first.
    """

    def __init__(
        self,
        rows: list[Row],
        streams: Streams,
        *,
        wire: bool,
        is_ordered: bool = True,
    ) -> None:
        self._rows = rows
        self._is_ordered = is_ordered
        self._streams = streams
        self._wire = wire
        self._ended: dict[End, float] = {}
        self._is_reset = False

    def has_ended(self, end: End) -> bool:
        """Whether the end of a side is drawn, or nothing more can come from it."""
        return end in self._ended or self._is_reset

    @property
    def are_over(self) -> bool:
        """Whether both sides have ended."""
        return all(map(self.has_ended, End))

    def draw(
        self,
        mark: Mark[End],
        at: float,
        texts: dict[End, str],
        *,
        is_timed: bool = True,
    ) -> None:
        """Draw a FIN or RST.

        Args:
            mark: what it is.
            at: when.
            texts: what stands beside the arrow.
            is_timed: whether the time is known.
        """
        if mark.end is None:
            self._is_reset = True
        elif mark.kind == "RST":
            self._is_reset = True
            line = Line.BETWEEN if mark.is_noticed else Line.DEDUCED
            arrow = Arrow(mark.end.other, line, "RST")
            self._rows.append(Row(at, is_timed, texts, arrow))
        else:
            arrow = self._fin(mark.end, mark, at)
            self._rows.append(Row(at, is_timed, texts, arrow))
            self._answer(mark.end, at)

    def _fin(self, end: End, mark: Mark[End], at: float) -> Arrow:
        """Return the arrow of a FIN, after what has acknowledged the other's."""
        before = self._ended.get(end.other)
        self._ended[end] = at
        label, aside = "FIN" if self._wire else "end", ""
        if before is not None and not self._is_ordered:
            aside = UNORDERED
        elif self._wire and before is not None:
            acknowledges = self._acknowledges(end, before, at)
            if acknowledges is False:
                self._acknowledge(end, before)
            elif not self._sent_between(end, before):  # Its bytes have done so.
                label = "FIN, ACK"
                aside = "1 or 2 packets" if acknowledges is None else ""
        line = Line.BETWEEN if mark.is_noticed else Line.DEDUCED
        return Arrow(end.other, line, label, aside=aside)

    def _answer(self, end: End, at: float) -> None:
        """Draw the acknowledgement of a FIN that was the second."""
        if self._wire and end.other in self._ended:
            row = Row(at, is_timed=False, arrow=_ack(end.other))
            self._rows.append(row)

    def _acknowledges(self, end: End, before: float, at: float) -> bool | None:
        """Whether a FIN has acknowledged the other's, too; None if nobody knows.

        Args:
            end: the side whose FIN it is.
            before: when the other's came.
            at: when this one came.
        """
        known = self._streams.answers_at_once(end)
        if known is not None:
            return known
        if self._sent_between(end, before):
            return True  # Bytes have, or an ACK before them: nothing more is known.
        said = (row.texts.get(end.other, "") for row in self._rows)
        waited = any(text.startswith("FIN_WAIT_2") for text in said)
        return False if waited or at >= before + SOON_SECONDS else None

    def _sent_between(self, end: End, before: float) -> bool:
        """Whether an end has sent bytes soon after the other's FIN."""
        return any(
            row.data_to is end.other and before < row.at < before + SOON_SECONDS
            for row in self._rows
        )

    def _acknowledge(self, end: End, at: float) -> None:
        """Draw that a side has acknowledged the other's FIN, before its own.

        The other end was in FIN_WAIT_1 until then.
        """
        place = next(
            (
                number
                for number, row in reversed([*enumerate(self._rows, 1)])
                if row.texts.get(end.other, "").startswith("FIN_WAIT_1")
            ),
            None,
        )
        if place is None:
            places = (n for n, row in enumerate(self._rows) if row.at > at)
            place = next(places, len(self._rows))
        else:
            at = self._rows[place - 1].at
        self._rows.insert(place, Row(at, is_timed=False, arrow=_ack(end)))


def _ack(end: End) -> Arrow:
    return Arrow(end.other, Line.DEDUCED, "ACK")
