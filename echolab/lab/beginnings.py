"""How a connection begins, as arrows: the client's SYN, and what answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.formats.figure_words import duration
from echolab.lab.labels import saved_syn
from echolab.lab.ledger import End
from echolab.lab.rows import Arrow, Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Called
    from echolab.lab.joining import Account
    from echolab.lab.ledger import Entry

__all__ = ["Beginning"]


class Beginning:
    """Draw what makes a connection once, or each try that fails.

    Args:
        account: the connection.
        say: add a text beside the lane of an entry.
        draw: add an arrow at a time, with texts beside the lanes.
        wire: whether there are packets; otherwise, the connection is one arrow.

    Attributes:
        is_made: whether the handshake is drawn, or there is none to draw.
    """

    def __init__(
        self,
        account: Account,
        say: Callable[[Entry, str], None],
        draw: Callable[..., None],
        *,
        wire: bool,
    ) -> None:
        self._account = account
        self._say = say
        self._draw = draw
        self._wire = wire
        self._syn = saved_syn(account)
        self.is_made = account.is_continued
        self._asked = False  # whether the client's SYN is drawn
        self._asked_at = 0.0

    def give_up(self, entry: Entry) -> None:
        """Show that the client ends its try, if nothing has answered it."""
        if self._asked and not self.is_made:
            waited = duration(entry.time - self._asked_at)
            self._say(entry, f"gave up: no answer for {waited}")
            self._asked = False

    def connect(self, entry: Entry, call: Called, text: str) -> None:
        """Show a call that connects, or that tells what has become of it."""
        texts = {entry.end: text}
        if self._wire and not self._asked and not self.is_made:
            self._ask(entry, texts)
            texts = {}
        if not call.errno:
            self.make(entry, texts)
        elif self._wire and call.errno == "ECONNREFUSED":
            refusal = Arrow(End.CLIENT, Line.DEDUCED, "RST")
            self._draw(entry.latest, refusal, texts, is_timed=bool(texts))
        elif texts:
            self._say(entry, text)
        if call.errno and call.errno != "EINPROGRESS":
            self._asked = False  # Another try has a SYN of its own.

    def _ask(self, entry: Entry, texts: dict[End, str]) -> None:
        """Draw the client's SYN, once."""
        if self._asked:
            return
        self._asked, self._asked_at = True, entry.time
        line = Line.DEDUCED if self._syn is None else Line.SEEN
        arrow = Arrow(End.SERVER, line, f"SYN{self._syn or ''}")
        self._draw(entry.time, arrow, texts, is_timed=entry.end is End.CLIENT)

    def make(self, entry: Entry, texts: dict[End, str]) -> None:
        """Draw what has made the connection, once.

        Args:
            entry: the entry that tells of it.
            texts: what to write beside it.
        """
        if self.is_made:
            for text in texts.values():
                self._say(entry, text)
            return
        self.is_made = True
        if self._wire:
            self._ask(entry, {})
            back = Arrow(End.CLIENT, Line.DEDUCED, "SYN, ACK")
            self._draw(entry.latest, back, texts, is_timed=bool(texts))
            there = Arrow(End.SERVER, Line.DEDUCED, "ACK")
            self._draw(entry.latest, there, {}, is_timed=False)
        else:
            both = self._account.client and self._account.server
            line = Line.SEEN if both else Line.DEDUCED
            arrow = Arrow(End.SERVER, line, "connection")
            # It may be accepted before a connect that waits returns.
            self._draw(entry.time, arrow, texts, is_timed=bool(texts))
