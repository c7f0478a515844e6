"""A progress bar, for those who have the extra ``progress`` installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.client.terminal_stream import TerminalStream

__all__ = ["Progress"]


class Progress:
    """Shows how many bytes are sent: of how many, how fast, how long still.

    Args:
        total_bytes: how many there are; 0 if that is not known.
        stream: the terminal.
    """

    def __init__(self, total_bytes: int, stream: TerminalStream) -> None:
        tqdm.monitor_interval = 0  # No thread of its own.
        self._bar = tqdm(
            total=total_bytes or None,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            file=stream,
            dynamic_ncols=True,
        )

    def counting(self, take: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """Have what ``take`` takes counted."""

        def take_and_count(chunk: bytes) -> None:
            take(chunk)
            self._bar.update(len(chunk))

        return take_and_count

    def around(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """Have what ``write`` writes stand above the bar, not in it."""

        def write_above(data: bytes) -> None:
            self._bar.clear()
            write(data)
            if data.endswith(b"\n") and not self._bar.disable:
                self._bar.refresh()

        return write_above

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
