"""A transcript with Deferreds as waits."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from echolab.testing.data_question import DataQuestion
from echolab.testing.questions import (
    BytesQuestion,
    EndQuestion,
    LineQuestion,
    PeersQuestion,
    seconds_of,
)
from echolab.testing.remembering import MAX_BYTES, Remembering
from echolab.testing.running import installed_reactor
from echolab.testing.wording import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from echolab.addresses import Peer
    from echolab.events import Finished
    from echolab.patterns import Pattern
    from echolab.testing.questions import Question, Who

__all__ = ["Transcript"]

T = TypeVar("T")


def _asking(name: str) -> Callable[..., Any]:
    """Return a method of Deferred that notes its call; Deferred has no hook for it."""
    method = getattr(Deferred, name)

    @wraps(method)
    def ask(wait: _Wait[Any], *args: Any, **keywords: Any) -> Any:
        wait.asked = True
        return method(wait, *args, **keywords)

    return ask


class _Wait(Deferred[T]):
    """A Deferred that knows whether its result was asked for, or cancelled.

    Attributes:
        where: the file and line that made it.
    """

    asked = False
    where = ""


for _name in (
    *("addCallbacks", "addCallback", "addErrback", "addBoth", "cancel"),
    *("__iter__", "__await__"),
):
    setattr(_Wait, _name, _asking(_name))


class Transcript(Remembering):
    """A sink that remembers events; tests can wait for them with Deferreds.

    A wait looks first at the remembered events, then at new ones. When its time is
    over, it fails with an AssertionError that shows the transcript so far. It fails at
    once if the answer needs forgotten events.

    Args:
        clock: measures the waits: a reactor, or a test's ``Clock``; by default the
            installed reactor.
        max_bytes: how much memory it may take.
    """

    def __init__(
        self, *, clock: IReactorTime | None = None, max_bytes: int = MAX_BYTES
    ) -> None:
        super().__init__(max_bytes=max_bytes)
        self._clock = clock
        self._pending: list[Callable[[], None]] = []
        self._failed: list[_Wait[Any]] = []

    def give_up(self, why: str) -> None:
        """Fail all waits, also future ones: no more events will come."""
        self._over = why
        for end in tuple(self._pending):
            end()

    def assert_awaited(self) -> None:
        """Check, at the end of a test, that no failure of a wait was missed.

        Raises:
            AssertionError: one was missed: an ``await`` is missing.
        """
        said: list[str] = []
        for wait in self._failed:
            if not wait.asked:
                why = cast("Failure", wait.result).getErrorMessage()
                said.append(f"{wait.where}: missing await: {why}")
                wait.addErrback(_ignore)
        if said:
            first, *others = said
            raise failure(
                "\n".join([*(each.splitlines()[0] for each in others), first])
            )

    def wait_for_line(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0, times: int = 1
    ) -> Deferred[bytes]:
        """Wait for a line that matches ``pattern``.

        Args:
            pattern: a regular expression; a str means its UTF-8.
            peer: the peer whose line it must be; None for any peer.
            timeout: how long to wait at most, in seconds.
            times: how many such lines to wait for.

        Returns:
            A Deferred that fires with the line; if there are several, with the last.

        Raises:
            ValueError: the framing is ``chunk``: use `wait_for_data`.
        """
        self._check_lines()
        return self._wait(LineQuestion(pattern, peer, times), timeout)

    def wait_for_data(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[bytes]:
        """Wait for a match of ``pattern`` in received bytes, however they are cut.

        The bytes of each peer are searched by themselves, from the first on. ``^`` is
        their start, ``$`` the end of the connection (with ``(?m)``, of a line too). A
        match over 64 KiB may not be found; a lookbehind sees 64 KiB.

        Args:
            pattern: a regular expression; a str means its UTF-8.
            peer: the peer whose bytes they must be; None for any peer.
            timeout: how long to wait at most, in seconds.

        Returns:
            A Deferred that fires with the bytes of the match.
        """
        return self._wait(DataQuestion(pattern, peer), timeout)

    def wait_for_sent(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[bytes]:
        """Wait for a match of ``pattern`` in sent bytes, as `wait_for_data` does.

        Args:
            pattern: a regular expression; a str means its UTF-8.
            peer: the peer to whom they must be sent; None for any peer.
            timeout: how long to wait at most, in seconds.

        Returns:
            A Deferred that fires with the bytes of the match.
        """
        return self._wait(DataQuestion(pattern, peer, sent=True), timeout)

    def wait_for_bytes(
        self, count: int, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[bytes]:
        """Wait for ``count`` bytes, of any lines.

        Returns:
            A Deferred that fires with all bytes that came until then.
        """
        return self._wait(BytesQuestion(count, peer), timeout)

    def wait_for_end(
        self, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[Finished]:
        """Wait for the end of a peer's connection; for None, until none is open.

        Only peers that have connected count: if more are to come, wait for them first
        (`wait_for_peers`).

        Returns:
            A Deferred that fires with the end; if there are several, with the last.
        """
        return self._wait(EndQuestion(peer), timeout)

    def wait_for_peers(self, count: int, timeout: float = 5.0) -> Deferred[list[Peer]]:
        """Wait until ``count`` peers have connected, including those that have left.

        Returns:
            A Deferred that fires with these peers, in order.
        """
        return self._wait(PeersQuestion(count), timeout)

    def _wait(self, question: Question[T], timeout: float) -> Deferred[T]:
        seconds_of(timeout)
        answered: _Wait[T] = _Wait(lambda _: forget())
        answered.where = _caller()
        try:
            forget = self._ask(question, answered.callback)
        except AssertionError as why:
            self._failed.append(answered)
            answered.errback(why)
        if answered.called:
            return answered

        def fail(why: str) -> None:
            forget()
            answered.errback(self._too_late(question, why))

        def end() -> None:
            fail(self._over)

        def done(result: T) -> T:
            self._pending.remove(end)
            if timer.active():
                timer.cancel()
            if isinstance(result, Failure):
                self._failed.append(answered)
            return result

        if self._over:
            self._failed.append(answered)
            end()
            return answered
        # Not addTimeout, which cancels: a cancel would count as asked for.
        clock = installed_reactor() if self._clock is None else self._clock
        timer = clock.callLater(timeout, fail, f"not within {timeout:g} s")
        self._pending.append(end)
        answered.addBoth(done)
        answered.asked = False
        return answered


def _caller() -> str:
    """Return the file and line that called a method which calls `Transcript._wait`."""
    frame = inspect.currentframe()
    for _ in range(3):
        frame = frame and frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def _ignore(_why: Failure) -> None:
    """Do nothing: the failure is reported already."""
