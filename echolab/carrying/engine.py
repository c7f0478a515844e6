"""The connection to NATS JetStream: kept, tested and made again.

nats-py runs on asyncio, and so must the reactor.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nats.errors import Error
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from typing_extensions import override

from echolab.addresses import host_and_port
from echolab.carrying.client import connect
from echolab.carrying.consumers import identity
from echolab.carrying.credentials import check_credentials
from echolab.carrying.provision import UnusableError, provide
from echolab.carrying.reasons import is_fatal, reason_in

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from nats.aio.msg import Msg

    from echolab.carrying.address import Address
    from echolab.carrying.client import NatsClient
    from echolab.carrying.publishing import Listener, Message
    from echolab.interfaces import AnyClock

__all__ = ["NatsEngine"]

TEST_SECONDS = 2
AGAIN_SECONDS = 0.5
"""How long to wait when no server can be used."""
CLOSE_SECONDS = 1.0
NO_RESPONDERS = "503"
IN_PROCESS = 10158
"""JSStreamDuplicateMessageConflict: it has the message, but not durably yet."""

_log = Logger()


class NatsEngine(Service):
    """Publishes messages into the stream of an address; see `Engine`.

    It connects when the reactor runs; before, the program may become a daemon.

    Args:
        address: where the stream is.
        clock: the reactor, which runs asyncio's event loop.

    Attributes:
        listener: is told what becomes of the messages; set before it starts.
        is_read: the `identity` of a stream that must not be written to, since it is
            read.

    Raises:
        InputError: the file of credentials cannot be used.
        OSError: the file of authorities cannot be used.
    """

    listener: Listener

    def __init__(self, address: Address, *, clock: AnyClock) -> None:
        if address.credentials is not None:
            check_credentials(address.credentials)
        self.is_read = ""
        self._address = address
        self._clock = clock
        self._context = ssl.create_default_context(cafile=address.ca)
        self._client: NatsClient | None = None
        self._inbox = ""
        self._lost: asyncio.Future[str] | None = None  # of the client
        self._worked = False  # A stream was found once.
        self._answered = False  # This client has got an answer.
        self._in_process: set[int] = set()  # messages that have come twice
        self._differences: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @override
    def startService(self) -> None:
        super().startService()
        self._clock.callLater(0, self._start)

    @override
    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        if not self._tasks:
            return None
        return Deferred.fromFuture(asyncio.ensure_future(self._end()))

    def publish(self, messages: Iterable[Message]) -> None:
        """Publish messages, if there is a connection; see `Engine`."""
        if self._client is not None:
            self._do(self._send(self._client, [*messages]))

    def doubt(self) -> None:
        """Test the connection; see `Engine`."""
        if self._client is not None:
            self._do(self._test(self._client))

    def _start(self) -> None:
        if self.running:
            self._do(self._run())

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self) -> None:
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        """Connect to one server after the other, for ever."""
        while True:
            self._answered = False
            reasons = []
            fatal = not self._worked
            for server in self._address.servers:
                try:
                    reason = await self._use(server)
                    self.listener.down(reason)
                    fatal = False
                except Exception as error:
                    reason = reason_in(error)
                    fatal = fatal and is_fatal(error)
                several = len(self._address.servers) > 1
                where = f"{host_and_port(*server)}: " if several else ""
                reasons.append(f"{where}{reason}")
            if self._answered:
                continue
            if fatal:
                self.listener.failed("; ".join(reasons))
                return
            self.listener.down("; ".join(reasons))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _use(self, server: tuple[str, int]) -> str:
        """Use one server until its connection is lost; return why."""
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._lost = lost
        client = await connect(
            self._address,
            server,
            self._context,
            name=f"echolab {self._address.receiver}",
            lost=self._lose,
        )
        try:
            self._compare(await provide(client, self._address))
            if self.is_read == await identity(client, self._address.stream):
                raise UnusableError("that is the stream that is read")
            self._inbox = client.new_inbox()
            await client.subscribe(f"{self._inbox}.*", cb=self._answer)
            self._client = client
            self._worked = True
            self.listener.up()
            return await lost
        finally:
            self._client = None
            client.abort()
            with suppress(Exception):
                await asyncio.wait_for(client.close(), CLOSE_SECONDS)

    def _compare(self, differences: list[str]) -> None:
        if differences and differences != self._differences:
            _log.warn(
                "write {name}: the stream {stream} is there with other settings, "
                "which stay: {differences}",
                name=self._address,
                stream=self._address.stream,
                differences="; ".join(differences),
            )
        self._differences = differences

    async def _send(self, client: NatsClient, messages: list[Message]) -> None:
        try:
            for each in messages:
                await client.publish(
                    each.subject,
                    each.payload,
                    reply=f"{self._inbox}.{each.number}",
                    headers={"Nats-Msg-Id": each.id, "Content-Type": each.content_type},
                )
        except (Error, OSError) as error:
            if client is self._client:
                self._lose(reason_in(error))

    async def _test(self, client: NatsClient) -> None:
        try:
            await client.flush(TEST_SECONDS)
        except (Error, OSError):
            if client is self._client:
                self._lose("the server does not answer")
        else:
            if client is self._client:
                self.listener.up()

    async def _answer(self, message: Msg) -> None:
        """Take what the engine says to one message."""
        if self._client is None:
            return  # It was given up in this turn.
        if (message.headers or {}).get("Status") == NO_RESPONDERS:
            self._lose(f"the stream {self._address.stream} does not answer")
            return
        number = int(message.subject.rpartition(".")[2])
        answer = json.loads(message.data)
        if error := answer.get("error"):
            reason: str | None = str(error.get("description"))
            if error.get("err_code") == IN_PROCESS and number not in self._in_process:
                self._in_process.add(number)  # Worth a line if it goes on.
                reason = None
            self.listener.rejected(number, reason)
        elif answer.get("stream") != self._address.stream:
            self.listener.rejected(number, "another stream has answered")
        else:
            self._answered = True
            self._in_process.discard(number)
            self.listener.acknowledged(number)

    def _lose(self, reason: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)
