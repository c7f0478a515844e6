r"""Lines that end with ``\r\n``, as in most protocols of the Internet."""

from __future__ import annotations

import re

from typing_extensions import override

from echolab.client.stages.base import Stage

__all__ = ["CRLF"]


class CRLF(Stage):
    r"""End each line with ``\r\n``, also if it comes in several chunks."""

    def __init__(self) -> None:
        self._last = b""

    @override
    def received(self, chunk: bytes) -> None:
        r"""Take a chunk; a ``\n`` after a ``\r`` stays as it is."""
        whole = re.sub(rb"(?<!\r)\n", b"\r\n", self._last + chunk)
        whole = whole[len(self._last) :]
        self._last = chunk[-1:] if chunk.endswith(b"\r") else b""
        self._taker.received(whole)
