"""What a server with ``--acknowledge`` answers, checked."""

from __future__ import annotations

from echolab.escaping import escape_line

__all__ = ["AnswerError", "Answers"]

LONGEST_ANSWER = len("9223372036854775807\r\n")


class AnswerError(Exception):
    """An answer is no acknowledgement, or is not true."""


class Answers:
    """The answers on one connection: numbers that grow, none of a line not sent.

    The first one answers the introduction.

    Attributes:
        last: the last number; None until the introduction is answered.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self._start = b""

    def read(self, data: bytes) -> list[int]:
        """Read the numbers that some bytes complete.

        Raises:
            AnswerError: there is something else.
        """
        *lines, self._start = (self._start + data).split(b"\n")
        wrong = [line for line in lines if not _is_number(line)]
        if len(self._start) > LONGEST_ANSWER:
            wrong.append(self._start)
        if wrong:
            shown = escape_line(wrong[0][:40].decode(errors="backslashreplace"))
            raise AnswerError(f"it answers {shown!r}, which acknowledges nothing")
        return [int(line) for line in lines]

    def check(self, number: int, most: int) -> None:
        """Take the next number.

        Args:
            number: the number.
            most: the number of the last line that was sent.

        Raises:
            AnswerError: it is less than the one before, or more than was sent.
        """
        if self.last is not None and number < self.last:
            raise AnswerError(f"it acknowledges {number} after {self.last}")
        if number > most:
            raise AnswerError(f"it acknowledges {number}, but {most} were sent")
        self.last = number


def _is_number(line: bytes) -> bool:
    return line.isdigit() and len(line) < LONGEST_ANSWER
