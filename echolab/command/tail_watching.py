"""What ``--web`` adds to ``echolab tail``: a page that shows what a stream carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.command.watching import Watching
from echolab.server.factory import ReceiverFactory
from echolab.server.service import ReceiverService
from echolab.web.streamed import StreamWatch

if TYPE_CHECKING:
    from twisted.application.service import IService

    from echolab.command.tail_settings import TailSettings
    from echolab.errors import EcholabError
    from echolab.events import Sink
    from echolab.interfaces import IReactor

__all__ = ["TailWatching"]


class TailWatching:
    """Watches what is read from a stream.

    Args:
        reactor: runs the page.
        settings: the user's settings, with ``--web``.

    Attributes:
        taking: takes the events.

    Raises:
        InputError: the file with the token cannot be used.
    """

    def __init__(self, reactor: IReactor, settings: TailSettings) -> None:
        self._reactor = reactor
        self._watching = Watching(reactor, settings, may_skim=False, reads=True)
        self.taking = StreamWatch(self._watching.sink, reactor)

    def page(self, sink: Sink) -> IService:
        """Return the page; ``sink`` is the sink of the reader."""
        factory = ReceiverFactory(sink, clock=self._reactor)
        # It has no port and so no connection: those of the stream are in its place.
        self._watching.server = ReceiverService(
            [], factory, clock=self._reactor, done=_nothing
        )
        return self._watching.service


def _nothing(_why: EcholabError | None) -> None:
    """Do nothing: a service without a port does not end by itself."""
