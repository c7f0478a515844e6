"""``echolab tail``: print a stream as the servers would have that carried it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from typing_extensions import override

from echolab.carrying.address import token
from echolab.carrying.reader import Reader
from echolab.command.server_outputs import server_outputs
from echolab.descriptors import check_standard_output
from echolab.errors import (
    EcholabError,
    InputError,
    OutputError,
    missing_extra,
    reason_of,
)
from echolab.escaping import StreamEscaper
from echolab.outputs.descriptor import DescriptorOutput
from echolab.server.settings import ServerSettings
from echolab.sinks.tee import tee

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.application.service import IService

    from echolab.carrying.engine import NatsEngine
    from echolab.carrying.source import StreamSource
    from echolab.command.tail_settings import TailSettings
    from echolab.command.tail_watching import TailWatching
    from echolab.events import Sink
    from echolab.interfaces import Done, IReactor, LiveSink, Output

__all__ = ["TailService", "tail_service"]

STDOUT = 1
END_SECONDS = 5.0
"""How long what was read may take to be written, after a signal."""

_log = Logger()


def tail_service(
    reactor: IReactor, settings: TailSettings, *, done: Done
) -> TailService:
    """Return a service that reads a stream and prints it.

    Args:
        reactor: runs it, and asyncio's event loop.
        settings: the user's settings.
        done: called when it ends by itself.

    Raises:
        EcholabError: nats-py is not installed, or an output cannot be opened.
    """
    name = str(settings.address)
    try:
        from echolab.carrying.source import StreamSource
    except ImportError:
        raise InputError("read", name, missing_extra("nats://", "nats")) from None
    peer = settings.peer
    source = StreamSource(
        settings.address,
        settings.begin,
        host=token(peer.host) if peer else None,
        follow=settings.follow,
        name=settings.name,
    )

    def end(why: EcholabError | None) -> None:
        """End: an output is lost, and nothing counts as printed any more."""
        reader.stopProducing()
        done(why)

    def lost(sink: Sink, reason: str) -> None:
        if sink in outputs:  # Otherwise the page is lost, and nothing else.
            outputs.remove(sink)
        if not outputs:
            end(OutputError("print", "the last output", reason))

    stdout = None
    if not settings.printing() and peer is None:
        check_standard_output()
        stdout = DescriptorOutput(
            reactor, STDOUT, "stdout", clock=reactor, lost=end, patient=True
        )
    printed = server_outputs(
        *(reactor, ServerSettings(**settings.printing())),
        done=end,
        foreground=True,
        stdout=stdout,
        from_stream=True,
    )
    outputs = [each.sink for each in printed]
    watching = _watching(reactor, settings) if settings.web else None
    sink = tee(*outputs, *([watching.taking] if watching else []))
    sink.lost = lost
    reader = Reader(
        source,
        sink,
        name=name,
        clock=reactor,
        wanted=peer,
        text=None if stdout is None else _text_on(stdout),
    )
    engines = [each.engine for each in printed if each.engine is not None]
    page = watching.page(sink) if watching else None
    return TailService(reader, source, sink, engines, page=page, done=done)


def _watching(reactor: IReactor, settings: TailSettings) -> TailWatching:
    # Imported here, because few readers are watched.
    from echolab.command.tail_watching import TailWatching

    return TailWatching(reactor, settings)


def _text_on(stdout: Output) -> Callable[[bytes], None]:
    """Return what writes printed events; on a terminal, nothing may drive that."""
    if not os.isatty(STDOUT):
        return stdout.write
    escape = StreamEscaper()
    return lambda text: stdout.write(escape(text))


class TailService(Service):
    """Reads a stream until it ends.

    Args:
        reader: reads it.
        source: where it reads from; closed at the end.
        sink: takes the events; closed at the end.
        engines: have the streams that are written to; they run until all is written.
        page: the page that shows what is read; None if there is none.
        done: called at the end, with the reason if something is wrong.

    Attributes:
        drain_seconds: how long the end may take.
    """

    drain_seconds = END_SECONDS

    def __init__(
        self,
        reader: Reader,
        source: StreamSource,
        sink: LiveSink,
        engines: Sequence[NatsEngine] = (),
        *,
        page: IService | None = None,
        done: Done,
    ) -> None:
        self._reader = reader
        self._source = source
        self._sink = sink
        self._engines = engines
        self._page = page
        self._done = done
        self._reading: Deferred[None] = succeed(None)

    @override
    def startService(self) -> None:
        """Begin to read, when the page can be seen.

        Raises:
            ListenError: the page's port cannot be listened on.
        """
        if self._page is not None:
            self._page.startService()
        super().startService()
        self._reading = Deferred.fromCoroutine(self._read())

    async def _read(self) -> None:
        with suppress(CancelledError):  # A signal may come while an output is slow.
            why = await self._read_all()
            await self._sink.flush(None)
            self._done(why)

    async def _read_all(self) -> EcholabError | None:
        """Read to the end; return what is wrong."""
        try:
            await self._begin()
            await self._reader.read()
        except EcholabError as error:
            return error
        except CancelledError:
            raise
        except Exception as error:
            _log.failure("the stream cannot be read")
            return EcholabError("read", "the stream", reason_of(error))
        return None

    async def _begin(self) -> None:
        """Open the stream; only then, streams to write to: they must be others."""
        await self._source.open()
        for each in self._engines:
            each.is_read = self._source.identity
            each.startService()

    def expect_stop(self) -> None:
        """Do nothing yet: the end begins in the next turn."""

    def reopen_outputs(self) -> bool:
        """Open the output files again; return whether there are any."""
        return self._sink.reopen()

    @override
    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._reading.cancel()
        await self._sink.flush(self.drain_seconds)
        try:
            await self._source.close()
        finally:
            self._sink.close()
            for each in [*self._engines, *([self._page] if self._page else [])]:
                await maybeDeferred(each.stopService)
