"""Waits of asyncio for what another thread writes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from echolab.testing.data_question import DataQuestion
from echolab.testing.questions import (
    BytesQuestion,
    EndQuestion,
    LineQuestion,
    PeersQuestion,
    seconds_of,
)
from echolab.testing.shared import SharedTranscript

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.addresses import Peer
    from echolab.events import Finished
    from echolab.patterns import Pattern
    from echolab.testing.questions import Question, Who

__all__ = ["AwaitedTranscript"]

T = TypeVar("T")


class _Alarm:
    """Wakes one coroutine; any thread may ring it.

    Raises:
        RuntimeError: no asyncio loop runs here.
    """

    def __init__(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "these waits are for asyncio, and its loop does not run here: with "
                "trio or threads use echolab_process, or a LabProcess; its waits block"
            ) from None
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the coroutine, now or when it begins to wait."""
        with suppress(RuntimeError):  # The loop is closed, and its coroutines gone.
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait_until(self, happened: Callable[[], object], timeout: float) -> None:
        """Wait until something that rings has happened; at most for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not happened():
                    await self._rung.wait()
                    self._rung.clear()


class AwaitedTranscript(SharedTranscript):
    """A transcript that another thread writes; coroutines of asyncio wait for it.

    It answers as `BlockingTranscript` does, but its waits are coroutines. They may be
    cancelled, and take no events from other waits.
    """

    async def wait_for_line(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0, times: int = 1
    ) -> bytes:
        """Wait for a line that matches ``pattern``.

        Args:
            pattern: a regular expression; a str means its UTF-8.
            peer: the peer whose line it must be; None for any peer.
            timeout: how long to wait at most, in seconds.
            times: how many such lines to wait for.

        Returns:
            The line; if there are several, the last.

        Raises:
            AssertionError: it did not come; the message shows the transcript.
            ValueError: the framing is ``chunk``: use `wait_for_data`.
        """
        __tracebackhide__ = True
        self._check_lines()
        return await self._wait(LineQuestion(pattern, peer, times), timeout)

    async def wait_for_data(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0
    ) -> bytes:
        """Wait for a match of ``pattern`` in received bytes, however they are cut.

        The bytes of each peer are searched by themselves, from the first on. ``^`` is
        their start, ``$`` the end of the connection (with ``(?m)``, of a line too). A
        match over 64 KiB may not be found; a lookbehind sees 64 KiB.

        Args:
            pattern: a regular expression; a str means its UTF-8.
            peer: the peer whose bytes they must be; None for any peer.
            timeout: how long to wait at most, in seconds.

        Returns:
            The bytes of the match.

        Raises:
            AssertionError: it did not come; the message shows the transcript.
        """
        __tracebackhide__ = True
        return await self._wait(DataQuestion(pattern, peer), timeout)

    async def wait_for_sent(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0
    ) -> bytes:
        """Wait for a match of ``pattern`` in sent bytes, as `wait_for_data` does.

        Args:
            pattern: a regular expression; a str means its UTF-8.
            peer: the peer to whom they must be sent; None for any peer.
            timeout: how long to wait at most, in seconds.

        Returns:
            The bytes of the match.

        Raises:
            AssertionError: they were not sent.
        """
        __tracebackhide__ = True
        return await self._wait(DataQuestion(pattern, peer, sent=True), timeout)

    async def wait_for_bytes(
        self, count: int, peer: Who = None, timeout: float = 5.0
    ) -> bytes:
        """Wait for ``count`` bytes, of any lines.

        Returns:
            All bytes that came until then.

        Raises:
            AssertionError: they did not come.
        """
        __tracebackhide__ = True
        return await self._wait(BytesQuestion(count, peer), timeout)

    async def wait_for_end(self, peer: Who = None, timeout: float = 5.0) -> Finished:
        """Wait for the end of a peer's connection; for None, until none is open.

        Only peers that have connected count: if more are to come, wait for them first
        (`wait_for_peers`).

        Returns:
            The end; if there are several, the last.

        Raises:
            AssertionError: it did not come.
        """
        __tracebackhide__ = True
        return await self._wait(EndQuestion(peer), timeout)

    async def wait_for_peers(self, count: int, timeout: float = 5.0) -> list[Peer]:
        """Wait until ``count`` peers have connected, including those that have left.

        Returns:
            These peers, in order.

        Raises:
            AssertionError: they did not connect.
        """
        __tracebackhide__ = True
        return await self._wait(PeersQuestion(count), timeout)

    async def _wait(self, question: Question[T], timeout: float) -> T:
        __tracebackhide__ = True
        seconds_of(timeout)
        alarm = _Alarm()
        answers: list[T] = []

        def tell(answer: T) -> None:
            answers.append(answer)
            alarm.ring()

        with self._news:
            forget = self._ask(question, tell)
            self._alarms.add(alarm.ring)
        try:
            await alarm.wait_until(lambda: answers or self._over, timeout)
        finally:
            with self._news:
                self._alarms.discard(alarm.ring)
                if not answers:
                    forget()
        if answers:
            return answers[0]
        raise self._too_late(question, self._over or f"not within {timeout:g} s")

    async def _until(self, happened: Callable[[], object], timeout: float) -> bool:
        """Wait until something that rings has happened; return whether it has."""
        alarm = _Alarm()
        with self._news:
            self._alarms.add(alarm.ring)
        try:
            await alarm.wait_until(happened, timeout)
        finally:
            with self._news:
                self._alarms.discard(alarm.ring)
        return bool(happened())
