"""A transcript whose waits are Deferreds."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from echolab.testing.questions import (
    BytesQuestion,
    EndQuestion,
    LineQuestion,
    PeersQuestion,
)
from echolab.testing.remembering import MAX_BYTES, Remembering
from echolab.testing.wording import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from echolab.addresses import Peer
    from echolab.events import Finished
    from echolab.testing.questions import Pattern, Question, Who

__all__ = ["Transcript"]

T = TypeVar("T")


def _asking(name: str) -> Callable[..., Any]:
    """A method of Deferred that notes that it was called; there is no hook for that."""
    method = getattr(Deferred, name)

    @wraps(method)
    def ask(wait: _Wait[Any], *args: Any, **keywords: Any) -> Any:
        wait.asked = True
        return method(wait, *args, **keywords)

    return ask


class _Wait(Deferred[T]):
    """Knows whether anybody has asked for its result, or does not want it any more.

    Attributes:
        where: who has made it.
    """

    asked = False
    where = ""


for _name in (
    *("addCallbacks", "addCallback", "addErrback", "addBoth", "cancel"),
    *("__iter__", "__await__"),
):
    setattr(_Wait, _name, _asking(_name))


class Transcript(Remembering):
    """A sink that remembers, and can be waited for with Deferreds.

    A wait looks at what is remembered first, and then at what comes. When its
    time is over it fails with an AssertionError that shows the transcript so far;
    at once, if the answer needs events that are forgotten.

    Args:
        clock: measures how long it waits: a reactor, or a test's ``Clock``; the
            installed reactor if none is given.
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
        """Have all waits fail, those to come too, since nothing more will come."""
        self._over = why
        for end in tuple(self._pending):
            end()

    def assert_awaited(self) -> None:
        """Check, at the end of a test, that no wait has failed unseen.

        Raises:
            AssertionError: one has, and nobody has looked: an ``await`` is missing.
        """
        said: list[str] = []
        for wait in self._failed:
            if not wait.asked:
                why = cast("Failure", wait.result).getErrorMessage()
                said.append(f"{wait.where}: nobody awaited {why}")
                wait.addErrback(_ignore)
        if said:
            first, *others = said
            raise failure(
                "\n".join([*(each.splitlines()[0] for each in others), first])
            )

    def wait_for_line(
        self, pattern: Pattern, peer: Who = None, timeout: float = 5.0, times: int = 1
    ) -> Deferred[bytes]:
        """Wait for a line in which ``pattern`` is found.

        Args:
            pattern: a regular expression; a str stands for its UTF-8.
            peer: whose line it must be.
            timeout: how many seconds to wait at most.
            times: how many such lines are to have come.

        Returns:
            A Deferred that fires with the line, the last of them.
        """
        return self._wait(LineQuestion(pattern, peer, times), timeout)

    def wait_for_bytes(
        self, count: int, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[bytes]:
        """Wait for so many bytes, whatever lines they are of.

        Returns:
            A Deferred that fires with all that came until then.
        """
        return self._wait(BytesQuestion(count, peer), timeout)

    def wait_for_end(
        self, peer: Who = None, timeout: float = 5.0
    ) -> Deferred[Finished]:
        """Wait for the end of a peer's connection; for None, until none is open.

        That is, of those that have connected: if more are to come, wait for them
        first (`wait_for_peers`).

        Returns:
            A Deferred that fires with the end, the last of them.
        """
        return self._wait(EndQuestion(peer), timeout)

    def wait_for_peers(self, count: int, timeout: float = 5.0) -> Deferred[list[Peer]]:
        """Wait until so many have connected, those that have left included.

        Returns:
            A Deferred that fires with these peers, in order.
        """
        return self._wait(PeersQuestion(count), timeout)

    def _wait(self, question: Question[T], timeout: float) -> Deferred[T]:
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
        # Not addTimeout, which cancels: that a person does who has looked.
        clock = _installed_reactor() if self._clock is None else self._clock
        timer = clock.callLater(timeout, fail, f"not within {timeout:g} s")
        self._pending.append(end)
        answered.addBoth(done)
        answered.asked = False
        return answered


def _caller() -> str:
    """Who called what calls `Transcript._wait`: a file and a line."""
    frame = inspect.currentframe()
    for _ in range(3):
        frame = frame and frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def _ignore(_why: Failure) -> None:
    """It has been told."""


def _installed_reactor() -> IReactorTime:
    from twisted.internet import reactor

    return cast("IReactorTime", reactor)
