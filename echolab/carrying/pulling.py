"""One connection to NATS JetStream, by which messages are pulled."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from nats.errors import Error, NoRespondersError

from echolab.carrying.reader import Message
from echolab.carrying.reasons import reason_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from echolab.carrying.client import NatsClient

__all__ = ["AwayError", "Pulling", "RefusalError", "ask"]

API = "$JS.API"
ACKNOWLEDGEMENTS = "$JS.ACK."
MOST_MESSAGES = 256
MOST_BYTES = 2 << 20
"""For each request, so that memory is bounded; a longer message comes alone."""
REQUEST_SECONDS = 60.0
"""How long a request for messages that are not there yet lasts."""
HEARTBEAT_SECONDS = 5.0
SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
"""After so long a silence, the engine is away."""
ANSWER_SECONDS = 5.0
CLOSE_SECONDS = 2
NANOSECONDS = 10**9
PENDING = "Nats-Pending-Messages"
PLAIN = 9
"""How many words the subject of an acknowledgement has without a domain."""
HEARTBEAT = "100"
OVER = {"404", "408"}
COMPLETED = "Batch Completed"
TOO_LONG = "Message Size Exceeds MaxBytes"
UNAVAILABLE = 503


class AwayError(Exception):
    """The engine is away, or has lost the consumer; it may be back later."""


class RefusalError(Exception):
    """The engine has refused a request.

    Attributes:
        code: a code as HTTP has them.
    """

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


async def ask(client: Client, what: str, **members: object) -> dict[str, Any]:
    """Return the answer of JetStream to a request.

    Raises:
        AwayError: there is none.
        RefusalError: it is an error.
    """
    try:
        request = json.dumps(members).encode()
        answer = await client.request(f"{API}.{what}", request, timeout=ANSWER_SECONDS)
    except NoRespondersError:
        raise AwayError("no JetStream there") from None
    except (Error, OSError) as error:
        raise AwayError(reason_in(error)) from None
    try:
        found: dict[str, Any] = json.loads(answer.data)
        refusal = found.get("error")
        code = int(refusal.get("code", 0)) if refusal else 0
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise AwayError(reason_in(error)) from None
    if refusal:
        description = str(refusal.get("description", "no reason given"))
        if code == UNAVAILABLE:
            raise AwayError(description)
        raise RefusalError(code, description)
    return found


class Pulling:
    """Pulls messages of one consumer, by one connection.

    At most one request is open, and it is made when nothing waits. So what waits here
    is at most what one request asks for.

    Args:
        client: the connection.
        stream: the name of the stream.
        consumer: the name of the consumer.
        follow: whether to wait for messages that are not there yet.
        gapless: whether each message must follow the one before: nobody else has the
            consumer, and nothing is delivered twice.

    Attributes:
        client: the connection.
        consumer: the name of the consumer.
    """

    def __init__(
        self,
        client: NatsClient,
        stream: str,
        consumer: str,
        *,
        follow: bool,
        gapless: bool,
    ) -> None:
        self.client = client
        self.consumer = consumer
        self._next = f"{API}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._follow = follow
        self._gapless = gapless
        self._inbox = client.new_inbox()
        self._waiting: list[Message] = []
        self._requests = 0
        self._asked = 0  # for how many messages the open request asks
        self._missing = 0  # how many of them may still come
        self._alone = False  # The next message is too long for a request of many.
        self._delivered = 0
        self._at_end = False
        self._lost = ""
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Be ready to take messages."""
        subject = f"{self._inbox}.*"
        self._subscription = await self.client.subscribe(subject, cb=self._came)

    async def stop(self) -> Sequence[Message]:
        """Let the engine send no more; return what it has sent."""
        await asyncio.wait_for(self._subscription.drain(), CLOSE_SECONDS)
        return self.take()

    async def next(self) -> Sequence[Message]:
        """Return messages when there are some; none if there are no more now.

        Raises:
            AwayError: there will be none from here.
        """
        while True:
            if messages := self.take():
                return messages
            if self._lost:
                raise AwayError(self._lost)
            if self._at_end:
                return ()
            self._changed.clear()
            if not self._missing:
                await self._request()
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                raise AwayError("it does not answer") from None

    def take(self) -> Sequence[Message]:
        """Return the messages that wait here."""
        messages, self._waiting = self._waiting, []
        return messages

    def lose(self, reason: str) -> None:
        """Take no more: the connection is lost."""
        self._lost = self._lost or reason
        self._changed.set()

    async def _request(self) -> None:
        self._requests += 1
        self._asked = self._missing = 1 if self._alone else MOST_MESSAGES
        wanted: dict[str, object] = {"batch": self._missing}
        if not self._alone:
            wanted["max_bytes"] = MOST_BYTES
        self._alone = False
        if self._follow:
            wanted["expires"] = int(REQUEST_SECONDS * NANOSECONDS)
            wanted["idle_heartbeat"] = int(HEARTBEAT_SECONDS * NANOSECONDS)
        else:
            wanted["no_wait"] = True
        try:
            request = json.dumps(wanted).encode()
            reply = f"{self._inbox}.{self._requests}"
            await self.client.publish(self._next, request, reply=reply)
        except (Error, OSError) as error:
            raise AwayError(reason_in(error)) from None

    async def _came(self, msg: Msg) -> None:
        """Take a message, or a status of the request."""
        self._changed.set()
        if not msg.reply.startswith(ACKNOWLEDGEMENTS):
            if not msg.subject.endswith(f".{self._requests}"):
                return  # of an earlier request, which has brought all
            self._status(msg.headers or {})
            return
        # Before PLACE.NUMBER.TIME.PENDING are five words, or seven with a domain.
        words = msg.reply.split(".")
        place, number = map(int, words[5:7] if len(words) == PLAIN else words[7:9])
        self._delivered += 1
        if self._gapless and number != self._delivered:
            self.lose("a message was lost on the way")
        if self._lost:
            return
        self._missing = max(0, self._missing - 1)
        kind = (msg.headers or {}).get("Content-Type", "")
        self._waiting.append(Message(place, kind, msg.data, msg.reply))

    def _status(self, headers: Mapping[str, str]) -> None:
        """Take the status with which the engine ends a request.

        If several servers keep the consumer, it may come before the last messages. But
        it tells how many of those that were asked for will not come.
        """
        code, description = headers.get("Status", ""), headers.get("Description", "")
        if code == HEARTBEAT:
            return
        lacking = self._missing
        if (told := headers.get(PENDING, "")).isdecimal():
            lacking = min(lacking, int(told))
        self._missing -= lacking
        brought = self._asked - lacking
        if description == TOO_LONG:
            self._alone = not brought
        elif code not in OVER and description != COMPLETED:
            self.lose(description or f"status {code}")
        elif not (self._follow or brought):
            self._at_end = True
