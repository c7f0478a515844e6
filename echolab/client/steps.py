"""The steps of a dialogue, as a user writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from echolab.client.seeking import StreamPattern
from echolab.escaping import unescape

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Expect", "Send", "Step", "parts_of"]


class Send(NamedTuple):
    r"""Something to send.

    Attributes:
        text: a line; or, with escapes such as ``\r`` and ``\x00``, exactly these bytes.
    """

    text: str

    @classmethod
    def read(cls, text: str) -> Send:
        """Read a text.

        Raises:
            ValueError: it has an unknown escape.
        """
        step = cls(text)
        step.data()
        return step

    def data(self, *, crlf: bool = False) -> bytes:
        r"""Return what is sent.

        Args:
            crlf: whether a line ends with ``\r\n``.
        """
        if "\\" in self.text:
            return unescape(self.text)
        line = self.text.removesuffix("\n").encode("utf-8", "surrogateescape") + b"\n"
        return re.sub(rb"(?<!\r)\n", b"\r\n", line) if crlf else line


class Expect(NamedTuple):
    """Something that has to come before the next step.

    Attributes:
        text: a regular expression.
    """

    text: str

    @classmethod
    def read(cls, text: str) -> Expect:
        """Read a pattern.

        Raises:
            ValueError: see `StreamPattern`.
        """
        return cls(StreamPattern(text).text)


Step: TypeAlias = Send | Expect


def parts_of(steps: Iterable[Step], *, crlf: bool) -> list[bytes | StreamPattern]:
    """Return the bytes to send and the patterns to expect, for a `Dialogue`.

    Args:
        steps: as the user wrote them.
        crlf: see `Send.data`.
    """
    return [
        each.data(crlf=crlf) if isinstance(each, Send) else StreamPattern(each.text)
        for each in steps
    ]
