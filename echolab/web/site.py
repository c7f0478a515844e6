"""The page's addresses: which request gets which answer."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.web.answers import TEXT, Answer, error, in_turn, send
from echolab.web.channel import ChannelFactory
from echolab.web.downloads import FORMS, Downloads
from echolab.web.figures import KINDS, Figures
from echolab.web.files import page_files
from echolab.web.gate import Gate
from echolab.web.stream import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.interfaces import AnyClock
    from echolab.web.known import Known
    from echolab.web.request import PageRequest
    from echolab.web.watching import Watch

__all__ = ["page_site"]

METHODS = {b"GET", b"HEAD"}
HEALTH = b"/healthz"
PAGE = "index.html"
OF_ONE = re.compile(rb"/connections/([0-9]{1,10})\.(svg|jsonl|pcapng)")
OF_ALL = re.compile(rb"/recording\.(jsonl|pcapng)")
STATIC = b"/static/"
NUMBER = re.compile(rb"[0-9]{1,10}")

_log = Logger()


def page_site(
    watch: Watch,
    *,
    clock: AnyClock,
    token: str,
    host: str = "",
    metrics: Callable[[], tuple[bytes, bytes]],
    lag: Callable[[], float | None] = lambda: None,
    cost: Callable[[], float] = time.process_time,
) -> ChannelFactory:
    """Return a factory that serves the page: give it to an endpoint.

    Its ``close`` ends all connections of browsers at once.

    Args:
        watch: knows what happens on the server.
        clock: measures all times of the page; a reactor.
        token: who knows it may see the page.
        host: the name or address by which the page is to be reached; "" if only by
            the addresses of its connections.
        metrics: returns the bytes for ``/metrics`` and their content type. If it
            raises an ImportError, that says what to install.
        lag: tells how late the event loop is, in seconds; None if unknown.
        cost: tells how much time the process has taken so far, in seconds.
    """
    site = _Site(watch, clock, Gate(token, host), metrics, lag, cost)
    return ChannelFactory(site.answer, clock=clock)


class _Site:
    """Answers the requests of browsers."""

    def __init__(
        self,
        watch: Watch,
        clock: AnyClock,
        gate: Gate,
        metrics: Callable[[], tuple[bytes, bytes]],
        lag: Callable[[], float | None],
        cost: Callable[[], float],
    ) -> None:
        self._watch = watch
        self._clock = clock
        self._gate = gate
        self._metrics = metrics
        self._files = page_files()
        self._figures = Figures(clock=clock, cost=cost)
        self._downloads = Downloads(clock=clock, cost=cost)
        self._streams = Streams(watch, self._figures, clock=clock, lag=lag, cost=cost)

    def answer(self, request: PageRequest) -> None:
        """Answer a request, now or bit by bit."""
        self._send(request, lambda: self._refusal(request) or self._found(request))

    def _send(
        self, request: PageRequest, find: Callable[[], Answer | int | None]
    ) -> None:
        """Answer a request with what is found for it; None if the answer has begun."""
        try:
            answer = find()
            if isinstance(answer, int):
                answer = error(answer, html=_wants_html(request))
            if answer is not None:
                send(request, answer, self._clock)
        except Exception:
            # The request is not logged: its address may have the token.
            _log.failure("a request of the page failed")
            if request.startedWriting:
                request.abort()
            else:
                answer = error(500, html=_wants_html(request))
                send(request, answer, self._clock)

    def _refusal(self, request: PageRequest) -> int:
        """Return the status with which a request is refused; 0 if it is not."""
        if request.method not in METHODS:
            return 405
        if request.has_body:
            return 400
        if request.path == HEALTH:
            return 0
        if self._gate.is_foreign(request):
            return 403
        return 0 if self._gate.is_open(request) else 401

    def _found(self, request: PageRequest) -> Answer | int | None:
        """Return an answer or a status of HTTP; None if it comes, or goes on, later."""
        path = request.path
        if path == b"/":
            return self._page(request)
        if path == b"/events":
            return self._stream(request)
        if path == HEALTH:
            return self._health()
        if path == b"/metrics":
            return self._measured()
        if path.startswith(STATIC):
            name = path.removeprefix(STATIC).decode("latin-1")
            return self._files.get(name, 404)
        if found := OF_ALL.fullmatch(path):
            return self._download(request, found[1].decode(), None)
        if found := OF_ONE.fullmatch(path):
            known = self._watch.known(int(found[1]))
            form = found[2].decode()
            if known is None:
                return 404
            if form in FORMS:
                return self._download(request, form, known)
            return self._figure(request, known)
        return 404

    def _page(self, request: PageRequest) -> Answer:
        page = self._files[PAGE]
        if b"token" not in request.args:
            return page
        cookie = self._gate.cookie(request)
        return page._replace(headers=(("Set-Cookie", cookie),))

    def _stream(self, request: PageRequest) -> int | None:
        asked = request.args.get(b"peer", [])
        if len(asked) > 1 or not all(map(NUMBER.fullmatch, asked)):
            return 400
        if self._streams.are_too_many:
            return 503
        self._streams.begin(request, int(asked[0]) if asked else None)
        return None

    def _health(self) -> Answer:
        totals = self._watch.totals()
        if totals.listening and not totals.draining:
            return Answer(b"ok\n", TEXT)
        return Answer(b"draining\n", TEXT, 503)

    def _measured(self) -> Answer:
        try:
            body, kind = self._metrics()
        except ImportError as why:
            return error(501, html=False, reason=str(why))
        return Answer(body, kind.decode())

    def _figure(self, request: PageRequest, known: Known) -> Answer | int | None:
        kind = request.args.get(b"figure", [b"both"])[0].decode("latin-1")
        if kind not in KINDS:
            return 400
        if self._figures.is_drawn(known, kind):
            return self._drawn(known, kind)
        in_turn(
            request,
            self._figures.share,
            self._clock,
            answer=lambda: self._send(request, lambda: self._drawn(known, kind)),
            refuse=lambda: self._send(request, lambda: 503),
        )
        return None

    def _drawn(self, known: Known, kind: str) -> Answer | int:
        svg = self._figures.svg(known, kind)
        if svg is None:
            return 404
        return Answer(svg, "image/svg+xml; charset=utf-8")

    def _download(
        self, request: PageRequest, form: str, known: Known | None
    ) -> int | None:
        if self._downloads.are_too_many:
            return 503
        if known is None:
            self._downloads.begin(request, form, self._watch.recording())
        else:
            self._downloads.begin(request, form, known.events(), known.number)
        return None


def _wants_html(request: PageRequest) -> bool:
    """Whether a person looks at the answer, and not a program."""
    return b"text/html" in (request.getHeader(b"Accept") or b"")
