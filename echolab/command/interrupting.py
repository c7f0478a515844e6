"""Ctrl-C while a program starts."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ended_by_interrupt"]


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the program by the signal in this block, without a traceback.

    After the block, SIGINT has its earlier handler again: Twisted's reactor only
    replaces Python's handler.
    """
    mine = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if mine:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)
