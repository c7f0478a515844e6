"""The figures of connections as SVG: drawn again when there is more to see, not often.

Drawing a connection that has a thousand events holds up the whole server for a moment.
So all drawing takes no more than a share of the time, and a figure waits for its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echolab.lab.figures import figure_of
from echolab.lab.joining import join
from echolab.lab.reading import sides_of
from echolab.lab.svg import draw_svg
from echolab.web.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.interfaces import AnyClock
    from echolab.web.known import Known

__all__ = ["KINDS", "Figures"]

KINDS = ("both", "calls", "packets")
SHARE = 0.03
"""All drawing may take this share of the time."""
LEAST_SECONDS = 1.0
"""A connection is not drawn anew more often."""
MOST_KEPT = 16
"""So many connections have their latest figures kept."""


@dataclass(slots=True)
class _Kept:
    """The figures of a connection.

    Attributes:
        revision: of what they are drawn.
        at: when it became this.
        drawn: the figures, by kind; each is drawn when it is asked for.
    """

    revision: int
    at: float
    drawn: dict[str, bytes] = field(default_factory=dict)


class Figures:
    """Draws connections, and keeps the drawings.

    Args:
        clock: tells the time.
        cost: tells how much time was taken so far, in seconds.

    Attributes:
        share: the share of the time in which `svg` may draw.
    """

    def __init__(self, *, clock: AnyClock, cost: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[int, _Kept] = {}  # the connection asked for last is last
        self.share = Share(SHARE, clock=clock, cost=cost)

    def revision(self, known: Known) -> int:
        """Return the revision of which a connection's figures are.

        It follows the connection's own, as often as drawing may be asked for.
        """
        return self._of(known).revision

    def _of(self, known: Known) -> _Kept:
        now = self._clock.seconds()
        kept = self._kept.pop(known.number, None)
        if kept is None or (
            kept.revision != known.revision
            and now >= kept.at + LEAST_SECONDS
            and not self.share.wait_seconds
        ):
            kept = _Kept(known.revision, now)
        self._kept[known.number] = kept
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return kept

    def is_drawn(self, known: Known, kind: str) -> bool:
        """Whether a connection's figure need not be drawn now."""
        return kind in self._of(known).drawn

    def svg(self, known: Known, kind: str) -> bytes | None:
        """Return a connection's figure; None if nothing of it can be drawn.

        Args:
            known: what is known of the connection.
            kind: one of `KINDS`.
        """
        drawn = self._of(known).drawn
        if kind not in drawn:
            svg = _draw(known, kind)
            if svg is None:
                return None
            drawn[kind] = svg.encode("utf-8", "backslashreplace")
        return drawn[kind]


def _draw(known: Known, kind: str) -> str | None:
    for account in join([sides_of(known.events())]):
        if account.number == known.number:
            # The style is in figure.css: the page allows none inside.
            return draw_svg(figure_of(account, kind), style="")
    return None
