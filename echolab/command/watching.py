"""What ``--web`` adds to a server: what watches it, and the page that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.errors import missing_extra
from echolab.formats.style import Needs
from echolab.web.channel import MOST_CONNECTIONS
from echolab.web.lag import Lag
from echolab.web.service import PageService
from echolab.web.site import page_site
from echolab.web.token_file import new_token, token_in
from echolab.web.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.command.tail_settings import TailSettings
    from echolab.interfaces import IReactor
    from echolab.server.service import ReceiverService
    from echolab.server.settings import ServerSettings

__all__ = ["Watching"]


class Watching:
    """Watches a server, or a stream, and shows it on a page.

    Args:
        reactor: runs the page.
        settings: the user's settings, with ``--web``.
        may_skim: see `echolab.web.watching.Watch`.
        reads: whether it is a stream; see `echolab.web.watching.Watch.watch`.

    Attributes:
        sink: takes the events of the server.
        needs: the events that it needs.
        most_files: how many files the page may have open.
        service: the page, to run beside the server.
        server: the server; set before it starts.

    Raises:
        InputError: the file with the token cannot be used.
        OutputError: it cannot be made.
    """

    server: ReceiverService
    needs = Needs(chunks=True, sent=True, ledger=True)
    most_files = MOST_CONNECTIONS + 1

    def __init__(
        self,
        reactor: IReactor,
        settings: ServerSettings | TailSettings,
        *,
        may_skim: bool,
        reads: bool = False,
    ) -> None:
        assert settings.web is not None
        host, port = settings.web
        query, token = _token(settings.web_token)
        self._reads = reads
        self._lag = lag = Lag(reactor)
        self.sink = Watch(reactor, may_skim=may_skim)
        self._site = page_site(
            self.sink,
            clock=reactor,
            token=token,
            host=host,
            metrics=_metrics(self.sink, lag),
            lag=lambda: lag.seconds,
        )
        self.service = PageService(
            *(reactor, self._site, host, port),
            query=query,
            started=self._started,
            stopped=self._stopped,
        )

    def _started(self) -> None:
        self.sink.watch(self.server, reads=self._reads)
        self._lag.start()

    def _stopped(self) -> None:
        self._lag.stop()
        self._site.close()


def _token(path: str | None) -> tuple[str, str]:
    """Return what the page's address has after it, as it is shown, and the token."""
    if path is None:
        token = new_token()
        return f"?token={token}", token
    return f"?token=TOKEN with the token in {path}", token_in(path)


def _metrics(watch: Watch, lag: Lag) -> Callable[[], tuple[bytes, bytes]]:
    try:
        from echolab.web.metrics import Metrics
    except ImportError:
        return _no_metrics
    return Metrics(watch, lag)


def _no_metrics() -> tuple[bytes, bytes]:
    raise ImportError(missing_extra("/metrics", "web"))
