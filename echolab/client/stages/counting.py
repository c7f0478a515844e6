"""Count the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.client.stages.base import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Counting"]


class Counting(Stage):
    """Count the bytes that are passed on.

    Args:
        passed: called with the length of each chunk, after it was taken.
    """

    def __init__(self, passed: Callable[[int], None]) -> None:
        self._passed = passed

    @override
    def received(self, chunk: bytes) -> None:
        self._taker.received(chunk)
        self._passed(len(chunk))
