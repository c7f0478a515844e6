"""What a browser gets: short answers at once, long ones as fast as it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.web.http import RESPONSES
from zope.interface import implementer

from echolab.web.gate import HEADERS
from echolab.web.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.interfaces import IDelayedCall

    from echolab.interfaces import AnyClock
    from echolab.web.request import PageRequest

__all__ = [
    "PATIENCE_SECONDS",
    "Answer",
    "Pace",
    "error",
    "in_turn",
    "pour",
    "send",
    "start",
]

PIECE_BYTES = 64 << 10
PATIENCE_SECONDS = 60.0
"""A browser that reads nothing for so long is dropped, also by the kernel."""
TURN_SECONDS = 10.0
"""A request that waits longer for its turn is refused."""
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"

REASONS = {
    400: "This is no request that is understood here: it has a body, is malformed, or "
    "its headers are too large (delete the cookies of this host).",
    401: "The token is missing or wrong. Open the address that the server has printed, "
    "or send the token in the header Authorization, as Bearer.",
    403: "The page is not known under this name, or another site asks for it.",
    404: "There is nothing here.",
    405: "Only GET and HEAD: the page shows, and changes nothing.",
    500: "The page has failed. The log of the server says why.",
    503: "Too many browsers ask for this at a time. Try again later.",
}

_log = Logger()


class Answer(NamedTuple):
    """An answer that is known as a whole.

    Attributes:
        body: its bytes.
        kind: their content type.
        status: the status of HTTP.
        headers: further headers.
    """

    body: bytes
    kind: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def error(status: int, *, html: bool, reason: str = "") -> Answer:
    """Return a short page, or a line of text.

    Args:
        status: the status of HTTP.
        html: whether for a person with a browser.
        reason: one line that says why; by default, the usual one.
    """
    title = f"{status} {RESPONSES[status].decode()}"
    reason = reason or REASONS[status]
    headers: tuple[tuple[str, str], ...] = ()
    if status == 401:
        headers = (("WWW-Authenticate", 'Bearer realm="echolab"'),)
    elif status == 405:
        headers = (("Allow", "GET, HEAD"),)
    if not html:
        return Answer(f"{reason}\n".encode(), TEXT, status, headers)
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<h1>{title}</h1><p>{reason}</p></html>\n"
    )
    return Answer(page.encode(), HTML, status, headers)


def start(request: PageRequest, answer: Answer) -> None:
    """Set the status and all headers of an answer, but not how long it is."""
    request.setResponseCode(answer.status)
    for name, value in (*HEADERS, ("Content-Type", answer.kind), *answer.headers):
        request.setHeader(name, value)


def send(request: PageRequest, answer: Answer, clock: AnyClock) -> None:
    """Answer a request."""
    start(request, answer)
    body = answer.body
    request.setHeader("Content-Length", str(len(body)))
    if request.method == b"HEAD" or len(body) <= PIECE_BYTES:
        request.write(body)
        request.finish()
    else:
        places = range(0, len(body), PIECE_BYTES)
        pour(request, (body[at : at + PIECE_BYTES] for at in places), clock)


def in_turn(
    request: PageRequest,
    share: Share,
    clock: AnyClock,
    *,
    answer: Callable[[], None],
    refuse: Callable[[], None],
) -> None:
    """Answer a request when it is its turn; refuse it if that does not come soon.

    Args:
        request: the request.
        share: gives it its turn, unless the browser vanishes before.
        clock: measures how long it waits.
        answer: answers it; raises nothing.
        refuse: says that too much is asked for.
    """

    def leave(_: object = None) -> None:
        share.withdraw(take_turn)
        if patience.active():
            patience.cancel()

    def take_turn() -> None:
        leave()
        answer()

    def give_up() -> None:
        leave()
        refuse()

    if share.wait_seconds > TURN_SECONDS:
        refuse()
        return
    patience = clock.callLater(TURN_SECONDS, give_up)
    request.notifyFinish().addBoth(leave)
    share.ask(take_turn)


@implementer(IPushProducer)
class Pace:
    """Notices whether a browser reads what it is sent, and drops one that never does.

    Args:
        request: its request, whose answer has begun.
        clock: measures how long it does not read.
        resumed: called when it reads again.
        gone: called when the answer has ended, or the browser has vanished.

    Attributes:
        is_paused: whether it does not read now.
        is_gone: whether nothing can be sent any more.
    """

    def __init__(
        self,
        request: PageRequest,
        clock: AnyClock,
        *,
        resumed: Callable[[], object] = lambda: None,
        gone: Callable[[], object] = lambda: None,
    ) -> None:
        self._request = request
        self._clock = clock
        self._resumed = resumed
        self._gone = gone
        self._patience: IDelayedCall | None = None
        self.is_paused = self.is_gone = False
        request.notifyFinish().addBoth(self._end)
        request.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Send nothing for now."""
        self.is_paused = True
        if self._patience is None and not self.is_gone:
            self._patience = self._clock.callLater(
                PATIENCE_SECONDS, self._request.abort
            )

    def resumeProducing(self) -> None:
        """Go on."""
        self.is_paused = False
        self._lose_patience()
        if not self.is_gone:
            self._resumed()

    def stopProducing(self) -> None:
        """Send nothing any more: ``notifyFinish`` tells the same."""

    def finish(self) -> None:
        """End the answer."""
        if not self.is_gone:
            self._request.unregisterProducer()
            self._request.finish()

    def _end(self, _: object) -> None:
        self.is_gone = True
        self._lose_patience()
        self._gone()

    def _lose_patience(self) -> None:
        patience, self._patience = self._patience, None
        if patience is not None and patience.active():
            patience.cancel()


def pour(
    request: PageRequest,
    pieces: Iterator[bytes],
    clock: AnyClock,
    *,
    share: Share | None = None,
    gone: Callable[[], object] = lambda: None,
) -> None:
    """Send an answer piece by piece: at most one in a turn of the reactor.

    Twisted's pull producers take their turns from the global reactor.

    Args:
        request: the request; the answer has its headers.
        pieces: makes the bytes, each piece when it can be sent.
        clock: calls later.
        share: the share of the time in which pieces are made; None for all of it.
        gone: called when the answer has ended, or the browser has vanished.
    """
    share = share or Share(1.0, clock=clock, cost=lambda: 0.0)
    _Pouring(request, pieces, clock, share, gone).go_on()


class _Pouring:
    def __init__(
        self,
        request: PageRequest,
        pieces: Iterator[bytes],
        clock: AnyClock,
        share: Share,
        gone: Callable[[], object],
    ) -> None:
        self._request = request
        self._pieces = pieces
        self._share = share
        self._gone = gone
        self._is_waiting = False  # for its turn
        self._pace = Pace(request, clock, resumed=self.go_on, gone=self._end)

    def go_on(self) -> None:
        """Send the next piece in its turn."""
        if not self._is_waiting:
            self._is_waiting = True
            self._share.ask(self._step)

    def _step(self) -> None:
        self._is_waiting = False
        if self._pace.is_paused:
            return
        try:
            piece = next(self._pieces, None)
        except Exception:
            # The browser notices that the answer has no end.
            _log.failure("a download of the page failed")
            self._request.abort()
            return
        if piece is None:
            self._pace.finish()
            return
        self._request.write(piece)
        self.go_on()

    def _end(self) -> None:
        self._share.withdraw(self._step)
        self._gone()
