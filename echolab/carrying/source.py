"""The messages of a stream of NATS JetStream, whatever happens to its servers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from nats.errors import Error
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from echolab.carrying.connecting import connect_to_any
from echolab.carrying.consumers import (
    ACKNOWLEDGE_SECONDS,
    consumer,
    identity,
    last_place,
)
from echolab.carrying.provision import UnusableError
from echolab.carrying.pulling import AwayError, Pulling, RefusalError, ask
from echolab.carrying.reasons import reason_in
from echolab.errors import InputError, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echolab.carrying.address import Address
    from echolab.carrying.begin import Begin
    from echolab.carrying.client import NatsClient
    from echolab.carrying.reader import Message

__all__ = ["StreamSource"]

AGAIN_SECONDS = 0.5
MOST_LOSSES = 2
"""How often in a row a connection may be lost before it brings a message."""
IN_WORK_SECONDS = ACKNOWLEDGE_SECONDS / 3
CLOSE_SECONDS = 2

_log = Logger()


class StreamSource:
    """Fetches the messages of a stream, in its order; see `Source`.

    A reader without a name keeps its place here: when it has lost the connection, it
    asks for what follows. A reader with a name has its place in the engine, which gives
    each message to one of those that have this name.

    Args:
        address: where the stream is.
        begin: the first message to read; not for a name that the engine knows.
        host: the token of the only host whose messages are wanted; None for all.
        follow: whether to wait for what is to come; otherwise it ends where the stream
            ended when it was opened.
        name: the reader's name; None for a reader alone.

    Attributes:
        acknowledges: whether the engine waits for acknowledgements.
        identity: what tells the stream from others, once it was opened.
    """

    def __init__(
        self,
        address: Address,
        begin: Begin,
        *,
        host: str | None = None,
        follow: bool = False,
        name: str | None = None,
    ) -> None:
        self.acknowledges = name is not None
        self.identity = ""
        self._address = address
        self._begin = begin.at
        self._subject = f"{address.subject}.{f'*.{host}' if host else '>'}"
        self._follow = follow
        self._name = name
        self._place = 0  # of the last message that was returned
        self._end: int | None = None  # the place of the last message of all
        self._ended = False
        self._pulling: Pulling | None = None
        self._losses = 0
        self._waits = False
        self._in_work: dict[str, None] = {}  # by their replies
        self._working: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    def open(self) -> Deferred[None]:
        """Connect to the stream, before the first `fetch`.

        Raises:
            InputError: it cannot be read.
        """
        return Deferred.fromFuture(asyncio.ensure_future(self._be_open()))

    def fetch(self) -> Deferred[Sequence[Message]]:
        """Return the next messages; see `Source`."""
        return Deferred.fromFuture(asyncio.ensure_future(self._fetch()))

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the engine that these are printed, as soon as it is there."""
        replies = [each.reply for each in messages]
        for reply in replies:
            self._in_work.pop(reply, None)
        if self._pulling is not None:
            self._answer(b"+ACK", replies)

    def close(self) -> Deferred[None]:
        """Leave the engine, which delivers at once what is not acknowledged."""
        return Deferred.fromFuture(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        if self._working is not None:
            self._working.cancel()
        pulling = self._pulling
        if pulling is None:
            return
        with suppress(AwayError, RefusalError, Error, OSError, TimeoutError):
            if self.acknowledges:
                left = [each.reply for each in await pulling.stop()]
                self._answer(b"-NAK", [*self._in_work, *left])
            else:
                what = f"CONSUMER.DELETE.{self._address.stream}.{pulling.consumer}"
                await asyncio.wait_for(ask(pulling.client, what), CLOSE_SECONDS)
            await asyncio.gather(*self._answering)
            await pulling.client.flush(CLOSE_SECONDS)
        self._pulling = None
        await _leave(pulling.client)

    async def _be_open(self) -> None:
        while self._pulling is None:
            try:
                self._pulling = await self._open()
            except AwayError as why:
                await self._lose(str(why))
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                await self._lose(reason_in(error))
            except UnusableError as why:
                raise self._error(str(why)) from None
            except OSError as error:
                path = self._address.ca or str(self._address)
                raise InputError("open", path, reason_of(error)) from None

    async def _fetch(self) -> Sequence[Message]:
        while not self._ended:
            await self._be_open()
            assert self._pulling is not None
            try:
                messages = await self._pulling.next()
            except AwayError as why:
                await self._lose(str(why))
                continue
            self._losses = 0
            if self._waits:
                self._waits = False
                _log.info("read {name}: works again", name=self._address)
            return self._up_to_end(messages)
        return ()

    def _up_to_end(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the messages up to the end; none if there are no more."""
        self._ended = not messages
        if messages:
            self._place = messages[-1].place
        if self._end is not None and self._place >= self._end:
            later = [each.reply for each in messages if each.place > self._end]
            messages = [each for each in messages if each.place <= self._end]
            # What is delivered again is out of order, but before anything new.
            self._ended = bool(later) or not self.acknowledges
            if self.acknowledges:
                self._answer(b"-NAK", later)
        if self.acknowledges:
            self._in_work.update(dict.fromkeys(each.reply for each in messages))
        return messages

    async def _lose(self, why: str) -> None:
        """Wait before the next try; or fail, if it is not to wait.

        Raises:
            InputError: it is not.
        """
        pulling, self._pulling = self._pulling, None
        if pulling is not None:
            await _leave(pulling.client)
        self._losses += 1
        if not self._follow and (pulling is None or self._losses > MOST_LOSSES):
            raise self._error(why)
        if pulling is not None and self._losses == 1:
            return
        if not self._waits:
            self._waits = True
            text = "read {name}: {why}; waiting until it works"
            _log.error(text, name=self._address, why=why)
        await asyncio.sleep(AGAIN_SECONDS)

    def _error(self, why: str) -> InputError:
        return InputError("read", str(self._address), why)

    async def _open(self) -> Pulling:
        pulling: Pulling | None = None

        def lost(reason: str) -> None:
            if pulling is not None:
                pulling.lose(reason)

        client = await connect_to_any(self._address, lost)
        try:
            await self._find_end(client)
            pulling = Pulling(
                client,
                self._address.stream,
                await self._consumer(client),
                follow=self._follow,
                gapless=self._name is None,
            )
            await pulling.start()
        except RefusalError as why:
            await _leave(client)
            raise UnusableError(str(why)) from None
        except BaseException:
            await _leave(client)
            raise
        if self._name is not None and self._working is None:
            self._working = asyncio.ensure_future(self._work())
        return pulling

    async def _find_end(self, client: NatsClient) -> None:
        """Note where the stream ends, the first time that it is opened."""
        last = await last_place(client, self._address)
        self.identity = await identity(client, self._address.stream)
        if last < self._place:  # The stream was made anew.
            self._place, self._begin = 0, "first"
        if self._begin == "now":
            self._begin = last + 1
        if not self._follow and self._end is None:
            self._end = last

    async def _consumer(self, client: NatsClient) -> str:
        begin = self._begin
        if self._place and self._name is None:
            begin = self._place + 1
        stream = self._address.stream
        return await consumer(client, stream, self._subject, begin, self._name)

    async def _work(self) -> None:
        """Tell the engine from time to time what is still being printed."""
        while True:
            await asyncio.sleep(IN_WORK_SECONDS)
            self._answer(b"+WPI", [*self._in_work])

    def _answer(self, what: bytes, replies: Sequence[str]) -> None:
        if self._pulling is not None and replies:
            client = self._pulling.client
            task = asyncio.ensure_future(_publish(client, what, replies))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)


async def _publish(client: NatsClient, what: bytes, replies: Sequence[str]) -> None:
    # If the connection is lost, the engine delivers them again, and they are known.
    with suppress(Error, OSError):
        for reply in replies:
            await client.publish(reply, what)


async def _leave(client: NatsClient) -> None:
    with suppress(Exception):
        await asyncio.wait_for(client.close(), CLOSE_SECONDS)
    client.abort()  # if it has stopped reading
