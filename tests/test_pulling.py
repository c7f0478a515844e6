"""Messages are pulled by one connection, a bounded request at a time."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError
from twisted.trial.unittest import SynchronousTestCase

from echolab.carrying.pulling import (
    MOST_BYTES,
    MOST_MESSAGES,
    AwayError,
    Pulling,
    RefusalError,
    ask,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from echolab.carrying.reader import Message

INBOX = "_INBOX.me"


class FakeClient:
    """A connection whose engine is the test."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.came: Callable[[Msg], Awaitable[None]]
        self.number = 0
        self.closed = False
        self.answer: bytes | Exception = b""

    def new_inbox(self) -> str:
        return INBOX

    async def subscribe(
        self, subject: str, cb: Callable[[Msg], Awaitable[None]]
    ) -> None:
        assert subject == f"{INBOX}.*"
        self.came = cb

    async def publish(self, subject: str, payload: bytes, reply: str) -> None:
        if self.closed:
            raise ConnectionClosedError
        assert subject == "$JS.API.CONSUMER.MSG.NEXT.LAB.me"
        self.requests.append(json.loads(payload))
        self.reply = reply

    async def request(self, subject: str, payload: bytes, timeout: float) -> Msg:
        if isinstance(self.answer, Exception):
            raise self.answer
        return Msg(cast("Any", self), data=self.answer)

    async def deliver(self, *places: int, domain: str = "") -> None:
        for place in places:
            self.number += 1
            reply = f"$JS.ACK.{domain}LAB.me.1.{place}.{self.number}.17.0"
            headers = {"Content-Type": "text/plain"}
            await self.came(Msg(cast("Any", self), "lab.web1.a", reply, b"x", headers))

    async def say(
        self, code: str, description: str, reply: str = "", pending: int | None = None
    ) -> None:
        headers = {"Status": code, "Description": description}
        if pending is not None:
            headers["Nats-Pending-Messages"] = str(pending)
        await self.came(Msg(cast("Any", self), reply or self.reply, "", b"", headers))


class PullingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = FakeClient()

    def run_it(
        self,
        talk: Callable[[Pulling], Awaitable[None]],
        *,
        follow: bool = False,
        gapless: bool = True,
    ) -> None:
        async def run() -> None:
            client: Any = self.client
            pulling = Pulling(client, "LAB", "me", follow=follow, gapless=gapless)
            await pulling.start()
            await talk(pulling)

        asyncio.run(run())

    async def begin(self, pulling: Pulling) -> asyncio.Task[Sequence[Message]]:
        """Begin to ask for messages."""
        task = asyncio.ensure_future(pulling.next())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    async def places(self, asking: Awaitable[Sequence[Message]]) -> list[int]:
        return [each.place for each in await asking]


class RequestTests(PullingTests):
    def test_what_is_asked_for_is_bounded(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.deliver(1, 2)
            self.assertEqual(await self.places(asking), [1, 2])
            # The rest of the request may still come: no more is asked for.
            asking = await self.begin(pulling)
            await self.client.deliver(*range(3, MOST_MESSAGES + 1))
            self.assertEqual(len(await asking), MOST_MESSAGES - 2)
            self.assertEqual(len(self.client.requests), 1)
            asking = await self.begin(pulling)
            await self.client.say("404", "No Messages")
            self.assertEqual(await self.places(asking), [])

        self.run_it(talk)
        wanted = {"batch": MOST_MESSAGES, "max_bytes": MOST_BYTES, "no_wait": True}
        self.assertEqual(self.client.requests, [wanted, wanted])

    def test_to_follow_is_to_wait(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.say("100", "Idle Heartbeat")
            await self.client.say("408", "Request Timeout")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await self.client.deliver(1)
            self.assertEqual(await self.places(asking), [1])

        self.run_it(talk, follow=True)
        self.assertEqual(len(self.client.requests), 2)
        self.assertIn("idle_heartbeat", self.client.requests[0])

    def test_a_message_that_is_too_long_comes_alone(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.deliver(1)
            self.assertEqual(await self.places(asking), [1])
            asking = await self.begin(pulling)
            for _ in range(2):
                await self.client.say("409", "Message Size Exceeds MaxBytes")
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await self.client.deliver(2)
            self.assertEqual(await self.places(asking), [2])
            await self.begin(pulling)

        self.run_it(talk)
        batches = [each["batch"] for each in self.client.requests]
        many = MOST_MESSAGES
        self.assertEqual(batches, [many, many, 1, many])
        self.assertNotIn("max_bytes", self.client.requests[2])

    def test_a_status_may_come_before_the_messages(self) -> None:
        async def talk(pulling: Pulling) -> None:
            for begin in (1, 4):
                asking = await self.begin(pulling)
                await self.client.deliver(begin)
                pending = MOST_MESSAGES - 3
                too_long = "Message Size Exceeds MaxBytes"
                await self.client.say("409", too_long, pending=pending)
                self.assertEqual(await self.places(asking), [begin])
                asking = await self.begin(pulling)
                await self.client.deliver(begin + 1, begin + 2)
                self.assertEqual(await self.places(asking), [begin + 1, begin + 2])
            asking = await self.begin(pulling)
            await self.client.say("408", "Request Timeout", pending=MOST_MESSAGES)
            self.assertEqual(await self.places(asking), [])

        self.run_it(talk)
        self.assertEqual([each["batch"] for each in self.client.requests], [256] * 3)

    def test_what_is_said_of_an_earlier_request_does_not_count(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.deliver(*range(1, MOST_MESSAGES + 1))
            await asking
            first = self.client.reply
            asking = await self.begin(pulling)
            await self.client.say("409", "Batch Completed", first)
            await self.client.deliver(MOST_MESSAGES + 1)
            self.assertEqual(await self.places(asking), [MOST_MESSAGES + 1])

        self.run_it(talk)
        self.assertEqual(len(self.client.requests), 2)

    def test_places_with_a_domain(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.deliver(7, domain="hub.ACCOUNT.")
            self.assertEqual(await self.places(asking), [7])

        self.run_it(talk)


class LossTests(PullingTests):
    def test_what_has_come_is_returned_before_the_loss(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.deliver(1)
            pulling.lose("the connection is lost")
            self.assertEqual(await self.places(asking), [1])
            with self.assertRaisesRegex(AwayError, "^the connection is lost$"):
                await pulling.next()

        self.run_it(talk)

    def test_a_gap_is_a_loss_for_a_reader_alone(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.deliver(1)
            self.client.number += 1
            await self.client.deliver(3, 4)
            self.assertEqual(await self.places(asking), [1])
            with self.assertRaisesRegex(AwayError, "^a message was lost on the way$"):
                await pulling.next()

        self.run_it(talk)

    def test_but_not_where_several_share(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            self.client.number += 1
            await self.client.deliver(3, 4)
            self.assertEqual(await self.places(asking), [3, 4])

        self.run_it(talk, gapless=False)

    def test_the_engine_says_why(self) -> None:
        async def talk(pulling: Pulling) -> None:
            asking = await self.begin(pulling)
            await self.client.say("409", "Consumer Deleted")
            with self.assertRaisesRegex(AwayError, "^Consumer Deleted$"):
                await asking

        self.run_it(talk)

    def test_a_closed_connection(self) -> None:
        async def talk(pulling: Pulling) -> None:
            self.client.closed = True
            with self.assertRaisesRegex(AwayError, "^connection closed$"):
                await pulling.next()

        self.run_it(talk)


class AskingTests(SynchronousTestCase):
    def ask(self, answer: bytes | Exception) -> dict[str, Any]:
        client: Any = FakeClient()
        client.answer = answer
        return asyncio.run(ask(client, "STREAM.INFO.LAB"))

    def test_an_answer(self) -> None:
        self.assertEqual(self.ask(b'{"config": {}}'), {"config": {}})

    def test_a_refusal(self) -> None:
        with self.assertRaisesRegex(RefusalError, "^stream not found$") as caught:
            self.ask(b'{"error": {"code": 404, "description": "stream not found"}}')
        self.assertEqual(caught.exception.code, 404)

    def test_garbage(self) -> None:
        for answer in (b"", b"x", b"[]", b'{"error": 7}', b"[" * 100_000):
            with self.assertRaisesRegex(AwayError, "^its answer is not understood$"):
                self.ask(answer)

    def test_nobody_is_there_now(self) -> None:
        for answer, why in (
            (NoRespondersError(), "no JetStream there"),
            (b'{"error": {"code": 503, "description": "no leader"}}', "no leader"),
            (ConnectionClosedError(), "connection closed"),
        ):
            with self.assertRaisesRegex(AwayError, f"^{why}$"):
                self.ask(answer)
