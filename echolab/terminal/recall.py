"""The typed lines, in the form that the editor needs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from prompt_toolkit.history import History
from typing_extensions import override

from echolab.terminal.history import MAX_LINES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from echolab.terminal.history import HistoryFile

__all__ = ["Recall"]


class Recall(History):
    """The newest lines, in memory and in a file.

    Args:
        file: keeps the lines; None to forget them.
        wanted: returns whether the typed line may be kept.
    """

    def __init__(self, file: HistoryFile | None, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self._file = file
        self._wanted = wanted
        self._lines = deque(file.lines() if file else (), MAX_LINES)

    @override
    async def load(self) -> AsyncGenerator[str, None]:
        for line in reversed(self._lines):
            yield line

    @override
    def get_strings(self) -> list[str]:
        return list(self._lines)

    @override
    def append_string(self, string: str) -> None:
        if string and self._wanted() and [string] != list(self._lines)[-1:]:
            self._lines.append(string)
            self.store_string(string)

    @override
    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._lines)

    @override
    def store_string(self, string: str) -> None:
        if self._file is not None:
            self._file.add(string)

    def flush(self) -> None:
        """Write the lines that could not be written before."""
        if self._file is not None:
            self._file.flush()
