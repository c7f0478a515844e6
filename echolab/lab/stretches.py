"""What one recording says of the bytes of a connection, from gap to gap."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echolab.events import Called, LeftOut
from echolab.lab.ledger import RECEIVES, SENDS, Data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echolab.lab.ledger import Entry

__all__ = ["Stretch", "stretches_of"]


@dataclass(slots=True)
class Stretch:
    """The calls, reads and writes between two gaps; all of them, if there is none.

    A gap may be between a call and its bytes: they are compared without the first
    reads, whose calls are in the gap before, and the last recv, whose bytes are in
    the gap behind. The first sends may be of writes in the gap before.

    Attributes:
        starts: how many bytes came before, by whether they were sent.
        is_first: whether there is no gap before it.
        gap: how many bytes are in the gap behind it, by whether they were sent.
        has_calls: whether calls were recorded.
        called: how many bytes the calls have moved.
        told: how many bytes the program has read and written.
        calls: the calls that moved bytes, each with how many came before in `called`.
        datas: the reads and writes.
        uncalled: the first reads, whose calls are not kept.
    """

    starts: dict[bool, int]
    is_first: bool = True
    gap: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    has_calls: bool = False
    called: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    told: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    calls: dict[bool, list[tuple[Called, int]]] = field(
        default_factory=lambda: {True: [], False: []}
    )
    datas: dict[bool, list[Data]] = field(default_factory=lambda: {True: [], False: []})
    uncalled: list[Data] = field(default_factory=list)
    _unheard: int = 0  # the last recv, until its bytes are told
    _taken: int | None = None  # where the sends of this stretch begin

    def take(self, what: Called | Data) -> None:
        """Take the next call, read or write."""
        if isinstance(what, Called):
            self._call(what)
        elif what.kind == "write":
            self._tell(what, sends=True)
            if self._taken is None and what.taken is not None:
                self._taken = what.taken - self.called[True]
        elif self.calls[False] or self.is_first:
            self._tell(what, sends=False)
            self._unheard = 0
        else:
            self.uncalled.append(what)

    def _tell(self, data: Data, *, sends: bool) -> None:
        self.told[sends] += data.size
        self.datas[sends].append(data)

    def _call(self, call: Called) -> None:
        self.has_calls = True
        sends = call.call in SENDS
        if call.result > 0 and (sends or call.call in RECEIVES):
            self.calls[sends].append((call, self.called[sends]))
            self.called[sends] += call.result
            self._unheard = self._unheard if sends else call.result

    def end(self, left: LeftOut) -> Stretch:
        """Return the stretch behind a gap."""
        self.gap = {True: left.sent_bytes, False: left.received_bytes}
        self.called[False] -= self._unheard
        starts = {sends: self.ends[sends] + self.gap[sends] for sends in (True, False)}
        return Stretch(starts, is_first=False)

    @property
    def ends(self) -> dict[bool, int]:
        """How many bytes there are at its end."""
        early = sum(data.size for data in self.uncalled)
        return {
            True: self.starts[True] + self.told[True],
            False: self.starts[False] + early + self.told[False],
        }

    @property
    def reads_plain(self) -> bool:
        """Whether its calls have received what its program has: with TLS, more."""
        return self.called[False] == self.told[False]

    def first_place(self, *, sends: bool) -> int | None:
        """Return how many bytes came before the calls; None if that is unknown."""
        if self.is_first:
            return 0
        if sends:
            return self._taken
        early = sum(data.size for data in self.uncalled)
        return self.starts[False] + early if self.reads_plain else None

    def shows(self, *, sends: bool) -> bool:
        """Whether the calls have the bytes that the program has: with TLS, others."""
        first = self.first_place(sends=sends)
        if first is None or not self.called[sends]:
            return False
        called, told = self.called[sends], self.told[sends]
        is_plain = self.reads_plain
        if sends and not self.is_first:
            called -= min(called, max(0, self.starts[True] - first))
            is_plain |= self._taken is not None
        # What the kernel has not taken yet is told, but not called.
        return called == told or (sends and called < told and is_plain)


def stretches_of(entries: Iterable[Entry]) -> list[Stretch]:
    """Return the stretches of a side: one, unless there are gaps."""
    stretches = [Stretch({True: 0, False: 0})]
    for entry in entries:
        if isinstance(entry.what, Called | Data):
            stretches[-1].take(entry.what)
        elif isinstance(entry.what, LeftOut):
            stretches.append(stretches[-1].end(entry.what))
    return stretches
