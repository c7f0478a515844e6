"""A progress bar, for those who have the extra ``progress`` installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from echolab.client.screen import Display
    from echolab.client.terminal_stream import TerminalStream

__all__ = ["Progress"]


class Progress:
    """Shows how many bytes are sent: of how many, how fast, how long still.

    A display: what it shows stands above the bar, not in it.

    Args:
        total_bytes: how many there are; 0 if that is not known.
        stream: the terminal.
        screen: shows what stands above the bar.
    """

    def __init__(
        self, total_bytes: int, stream: TerminalStream, screen: Display
    ) -> None:
        self._screen = screen
        tqdm.monitor_interval = 0  # No thread of its own.
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
        """Show what is said to the person above the bar."""
        self._bar.clear()
        self._screen.say(data)
        self._draw_below(data)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()

    def _draw_below(self, data: bytes) -> None:
        if data.endswith(b"\n") and not self._bar.disable:
            self._bar.refresh()
