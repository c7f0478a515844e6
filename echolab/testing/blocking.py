"""A transcript that another thread writes; its waits block."""

from __future__ import annotations

import asyncio
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
    from echolab.addresses import Peer
    from echolab.events import Finished
    from echolab.patterns import Pattern
    from echolab.testing.questions import Question, Who

__all__ = ["BlockingTranscript"]

T = TypeVar("T")


class BlockingTranscript(SharedTranscript):
    """A sink that remembers events; another thread can wait for them.

    It answers as `Transcript` does, but blocks until there is an answer, and raises
    if there is none.
    """

    def wait_for_line(
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
        return self._wait(LineQuestion(pattern, peer, times), timeout)

    def wait_for_data(
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
        return self._wait(DataQuestion(pattern, peer), timeout)

    def wait_for_sent(
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
        return self._wait(DataQuestion(pattern, peer, sent=True), timeout)

    def wait_for_bytes(
        self, count: int, peer: Who = None, timeout: float = 5.0
    ) -> bytes:
        """Wait for ``count`` bytes, of any lines.

        Returns:
            All bytes that came until then.

        Raises:
            AssertionError: they did not come.
        """
        __tracebackhide__ = True
        return self._wait(BytesQuestion(count, peer), timeout)

    def wait_for_end(self, peer: Who = None, timeout: float = 5.0) -> Finished:
        """Wait for the end of a peer's connection; for None, until none is open.

        Only peers that have connected count: if more are to come, wait for them first
        (`wait_for_peers`).

        Returns:
            The end; if there are several, the last.

        Raises:
            AssertionError: it did not come.
        """
        __tracebackhide__ = True
        return self._wait(EndQuestion(peer), timeout)

    def wait_for_peers(self, count: int, timeout: float = 5.0) -> list[Peer]:
        """Wait until ``count`` peers have connected, including those that have left.

        Returns:
            These peers, in order.

        Raises:
            AssertionError: they did not connect.
        """
        __tracebackhide__ = True
        return self._wait(PeersQuestion(count), timeout)

    def _wait(self, question: Question[T], timeout: float) -> T:
        __tracebackhide__ = True
        answers: list[T] = []
        seconds_of(timeout)
        with self._news:
            forget = self._ask(question, answers.append)
            self._news.wait_for(lambda: answers or self._over, timeout)
            if answers:
                return answers[0]
            forget()
            why = self._over or f"not within {timeout:g} s{_blocked()}"
            raise self._too_late(question, why)


def _blocked() -> str:
    """Return the advice for a wait that has blocked an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ""
    return " (which blocked the event loop: use echolab_async, or asyncio.to_thread)"
