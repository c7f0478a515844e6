"""A transcript that another thread writes."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

from typing_extensions import override

from echolab.testing.remembering import MAX_BYTES, Remembering

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Event

__all__ = ["SharedTranscript"]

_alive: weakref.WeakSet[SharedTranscript] = weakref.WeakSet()


class SharedTranscript(Remembering):
    """A sink that remembers events; other threads can ask it."""

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(max_bytes=max_bytes)
        self._news = threading.Condition()
        self._alarms: set[Callable[[], None]] = set()  # called when no more will come
        _alive.add(self)

    def renew_lock(self) -> None:
        """Replace the lock: a forked child does not have the thread that held it."""
        self._news = threading.Condition()

    @override
    def __call__(self, event: Event) -> None:
        """Remember an event; wake the waiting threads."""
        with self._news:
            super().__call__(event)
            self._news.notify_all()

    def give_up(self, why: str) -> None:
        """Fail all waits, also future ones: no more events will come."""
        with self._news:
            self._over = why
            self._news.notify_all()
            self._ring()

    def _ring(self) -> None:
        with self._news:
            for ring in self._alarms:
                ring()

    @property
    @override
    def events(self) -> list[Event]:
        """All remembered events, in order."""
        with self._news:
            return super().events


def _renew_locks() -> None:
    for transcript in tuple(_alive):
        transcript.renew_lock()


os.register_at_fork(after_in_child=_renew_locks)
