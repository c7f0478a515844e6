"""A progress bar; needs the extra ``progress``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from echolab.terminal.screen import Display
    from echolab.terminal.terminal_stream import TerminalStream

__all__ = ["Progress"]


class Progress:
    """Show the bytes sent, the total, the rate and the remaining time.

    It is also a display: replies and messages appear above the bar, not in it.

    Args:
        total_bytes: how many bytes there are; 0 if unknown.
        stream: the terminal.
        screen: shows the text above the bar.
    """

    def __init__(
        self, total_bytes: int, stream: TerminalStream, screen: Display
    ) -> None:
        self._screen = screen
        tqdm.monitor_interval = 0  # No thread for tqdm.
        self._bar = tqdm(
            total=total_bytes or None,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            file=stream,
            dynamic_ncols=True,
        )

    def count(self, sent_bytes: int) -> None:
        """Count bytes that were sent."""
        self._bar.update(sent_bytes)

    def write(self, data: bytes) -> None:
        """Show replies above the bar."""
        self._bar.clear()
        self._screen.write(data)
        self._draw_below(data)

    def say(self, data: bytes) -> None:
        """Show a message to the user above the bar."""
        self._bar.clear()
        self._screen.say(data)
        self._draw_below(data)

    def close(self) -> None:
        """Close the bar; its last state stays visible."""
        self._bar.close()

    def _draw_below(self, data: bytes) -> None:
        if data.endswith(b"\n") and not self._bar.disable:
            self._bar.refresh()
