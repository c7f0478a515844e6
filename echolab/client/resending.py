"""What a client sends, and sends again, until it is acknowledged; without I/O."""

from __future__ import annotations

from echolab.client.answers import Answers
from echolab.client.unacknowledged import Unacknowledged, lines_after

__all__ = ["Resending"]


class Resending:
    """Decides what goes on which connection; the protocol is in docs/acknowledging.md.

    Args:
        client: the client's id.
        is_named: whether the user has named it, so that the server may know it.

    Attributes:
        client: the client's id.
        lines: the lines that are not acknowledged.
        known: how many lines the server had before this client sent any.
        was_introduced: whether an introduction was ever answered.
        is_ahead: whether the server has lines that were not read yet. On a new
            connection they can be left out.
    """

    def __init__(self, client: str, *, is_named: bool) -> None:
        self.client = client
        self.lines = Unacknowledged()
        self.known = 0
        self.was_introduced = False
        self.is_ahead = False
        self._is_named = is_named
        self._answers = Answers()
        self._sent = 0  # the number of the last line on this connection

    @property
    def is_introduced(self) -> bool:
        """Whether the introduction on this connection is answered."""
        return self._answers.last is not None

    def introduction(self) -> bytes:
        """Begin a connection; return what is sent first."""
        self._answers = Answers()
        self.is_ahead = False
        self._sent = self.lines.acknowledged
        return f"echolab-client {self.client} {self._sent + 1}\n".encode()

    def add(self, chunk: bytes) -> bytes:
        """Take input; return what is to be sent now."""
        return self._to_send(self.lines.add(chunk))

    def end(self) -> bytes:
        """Take the end of input; return what is to be sent now."""
        return self._to_send(self.lines.end())

    def _to_send(self, lines: bytes) -> bytes:
        if not self.is_introduced:
            return b""  # It is sent when the introduction is answered.
        new = lines_after(self._sent, lines, self.lines.last)
        self._sent = max(self._sent, self.lines.last)
        return new

    def hear(self, data: bytes) -> bytes:
        """Take bytes of the server; return what is to be sent now.

        Raises:
            AnswerError: they acknowledge nothing.
        """
        again = b""
        for number in self._answers.read(data):
            if self.is_introduced:
                self._answers.check(number, max(self._sent, self.known))
            else:
                again = self._begin(number)
            self.lines.acknowledge(number)
        return again

    def _begin(self, number: int) -> bytes:
        """Take the answer to the introduction; return what the server lacks."""
        if self._is_named and not self.was_introduced:
            self.known = number
        self._answers.check(number, max(self.lines.last, self.known))
        self.was_introduced = True
        self.is_ahead = number > max(self.lines.last, self._sent)
        if self.is_ahead:
            return b""
        again = b"".join(self.lines.after(self._sent))
        self._sent = max(self._sent, self.lines.last)
        return again
