"""What no browser sends to the page: in memory, and on a real port."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.trial.unittest import SynchronousTestCase, TestCase

from echolab.server.turned_away import TurnedAway
from tests.browsing import HOST, THERE, TOKEN, Browser, FakeKnown, Visit, life
from tests.support import SECONDS

if TYPE_CHECKING:
    from twisted.python.failure import Failure

HEAD = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
REQUEST = HEAD + b"\r\n"


class HostileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser()

    def say(self, data: bytes, size: int = 0) -> Visit:
        """Send bytes, cut in pieces, until the connection is to end."""
        visit = self.browser.visit()
        for start in range(0, len(data), size or len(data)):
            if not visit.wire.disconnecting:
                visit.send(data[start : start + (size or len(data))])
        return visit

    def test_garbage_is_refused_at_once(self) -> None:
        for garbage in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
            b"GET /\r\n\r\n",  # HTTP/0.9
            b"GET / HTTP/2.0\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\0\0\0\0\r\n",
            b"GET /\xff HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nA B: c\r\n\r\n",
            b"GET / HTTP/1.1\r\n: c\r\n\r\n",
            b"GET / HTTP/1.1\r\n folded: first\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"A" * 20_000,
            b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000,
            b"GET / HTTP/1.1\r\nA: " + b"a" * 20_000,
        ):
            for size in (0, 1000, 1):
                visit = self.say(garbage, size)
                self.assertEqual(visit.status, 400, garbage[:40])
                self.assertTrue(visit.wire.disconnecting)
                self.assertEqual(visit.raw.count(b"HTTP/1.1 400"), 1)

    def test_a_browser_with_the_cookies_of_many_ports_is_told_to_delete_them(
        self,
    ) -> None:
        visit = self.say(HEAD + b"Cookie: a=" + b"a" * 17_000 + b"\r\n\r\n")
        self.assertEqual(visit.status, 400)
        self.assertIn(b"too large (delete the cookies of this host)", visit.body)

    def test_any_bytes_end_in_an_answer_or_in_silence(self) -> None:
        source = random.Random(14)
        alphabet = b"GET / HTTP/1.1\r\n\r\n: \0\xff%?&;=Host"
        for _ in range(2000):
            length = source.randrange(1, 300)
            garbage = bytes(source.choice(alphabet) for _ in range(length))
            visit = self.say(source.choice((b"", HEAD)) + garbage, 50)
            if visit.raw:
                self.assertIn(visit.status, {200, 400, 401, 403, 404, 405})
            visit.vanish()
        self.assertEqual(self.browser.site.channels, set())
        self.assertEqual(self.browser.clock.getDelayedCalls(), [])

    def test_half_a_request_is_not_waited_for_though_it_grows(self) -> None:
        visit = self.browser.visit()
        for byte in HEAD[:14]:
            visit.send(bytes([byte]))
            self.browser.run(1.0)
        self.assertFalse(visit.wire.aborted)
        self.browser.run(1.0)
        self.assertTrue(visit.wire.aborted)

    def test_a_connection_that_says_nothing_is_ended(self) -> None:
        visit = self.browser.visit()
        self.browser.run(15.0)
        self.assertTrue(visit.wire.aborted)

    def test_a_body_is_refused_before_it_comes(self) -> None:
        for header in (
            b"Content-Length: 1000000000\r\n",
            b"Content-Length: 1000000000\r\nExpect: 100-continue\r\n",
            b"Transfer-Encoding: chunked\r\n",
        ):
            visit = self.say(HEAD + header + b"\r\n")
            self.assertEqual(visit.status, 400)
            self.assertTrue(visit.wire.disconnecting)
        visit = self.say(HEAD + b"Content-Length: 0\r\n\r\n")
        self.assertEqual(visit.status, 200)

    def test_a_form_is_not_read(self) -> None:
        form = f"token={TOKEN}".encode()
        visit = self.say(
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(form)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode()
            + form
        )
        self.assertEqual(visit.status, 405)

    def test_of_many_requests_on_a_connection_the_first_is_answered(self) -> None:
        visit = self.say(REQUEST * 1000)
        self.assertEqual(visit.raw.count(b"HTTP/1.1 200"), 1)
        self.assertTrue(visit.wire.disconnecting)

    def test_what_follows_the_request_of_a_stream_is_not_kept(self) -> None:
        visit = self.browser.ask("/events")
        visit.send(REQUEST * 10)
        self.browser.run()
        self.assertEqual(len(visit.updates), 1)
        self.assertFalse(visit.wire.aborted)
        self.assertEqual(visit.raw.count(b"HTTP/1.1"), 1)
        for _ in range(70):
            visit.send(b"a" * 1000)
        self.assertTrue(visit.wire.aborted)

    def test_who_has_not_asked_for_longest_makes_room(self) -> None:
        stream = self.browser.ask("/events")
        idle = [self.browser.visit() for _ in range(99)]
        idle[0].send(HEAD)  # half a request is none
        for each in idle:
            self.assertFalse(each.wire.aborted)
            self.assertEqual(self.browser.ask("/healthz").status, 200)
            self.assertTrue(each.wire.aborted)
        self.assertFalse(stream.wire.aborted)
        self.assertEqual(len(self.browser.site.channels), 100)

    def test_nobody_makes_room_who_is_being_answered(self) -> None:
        visits = [self.browser.ask("/") for _ in range(100)]
        self.assertIsInstance(self.browser.site.buildProtocol(THERE), TurnedAway)
        self.assertFalse(any(visit.wire.aborted for visit in visits))
        visits[0].vanish()
        self.assertEqual(self.browser.ask("/").status, 200)

    def test_the_last_bytes_are_not_offered_for_ever(self) -> None:
        visit = self.browser.ask("/")
        self.assertTrue(visit.wire.disconnecting)
        self.browser.run(14.0)
        self.assertFalse(visit.wire.aborted)
        self.browser.run(1.0)
        self.assertTrue(visit.wire.aborted)

    def test_nothing_is_left_of_browsers_that_vanish(self) -> None:
        self.browser.watch.connections[1] = FakeKnown(1, life(1))
        visits = [
            *(self.browser.ask("/events?peer=1") for _ in range(3)),
            *(self.browser.ask("/recording.jsonl") for _ in range(3)),
            *(self.browser.ask("/") for _ in range(3)),
            *(self.browser.visit() for _ in range(3)),
        ]
        self.browser.run()
        for visit in visits:
            visit.vanish()
        self.browser.turn()
        self.assertEqual(self.browser.site.channels, set())
        self.assertEqual(self.browser.watch.chosen, [])
        self.assertEqual(self.browser.clock.getDelayedCalls(), [])

    def test_the_end_of_the_server_does_not_wait_for_browsers(self) -> None:
        visits = [self.browser.ask("/events"), self.browser.visit()]
        self.browser.site.close()
        self.assertEqual([visit.wire.aborted for visit in visits], [True, True])


class Client(Protocol):
    """Sends bytes, and takes what comes until the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.answer = b""
        self.begun: Deferred[None] = Deferred()
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._data)

    def dataReceived(self, data: bytes) -> None:
        self.answer += data
        if not self.begun.called:
            self.begun.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(self.answer)


class PortTests(TestCase):
    """The same on a real port."""

    timeout = SECONDS

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        browser = Browser(clock=reactor)
        self.watch = browser.watch
        self.site = browser.site
        self.port: Any = self.reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.addCleanup(self.site.close)

    async def connect(self, data: bytes) -> Client:
        there = f"tcp:127.0.0.1:{self.port.getHost().port}"
        endpoint = clientFromString(self.reactor, there)
        client: Client = await connectProtocol(endpoint, Client(data))
        return client

    async def say(self, data: bytes) -> bytes:
        return await (await self.connect(data)).ended

    async def test_hostile_bytes_do_not_stop_the_page(self) -> None:
        for hostile, status in (
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"400"),
            (b"GET /\r\n", b"400"),
            (b"\r\n\r\n\r\n", b"400"),
            (HEAD + b"Content-Length: 10\r\n\r\n0123456789", b"400"),
            (HEAD + b"Content-Length: " + b"9" * 9999 + b"\r\n\r\n", b"400"),
        ):
            answer = await self.say(hostile)
            self.assertEqual(answer.split(b" ")[1], status, hostile[:40])
        answer = await self.say(REQUEST)
        self.assertEqual(answer.split(b" ")[1], b"200")
        self.assertTrue(answer.endswith(b"</html>\n"))

    async def test_the_kernel_notices_a_browser_that_is_gone_without_a_word(
        self,
    ) -> None:
        client = await self.connect(REQUEST.replace(b"GET / ", b"GET /events "))
        await client.begun
        channel: Any
        [channel] = self.site.channels
        option = socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
        self.assertEqual(channel.transport.socket.getsockopt(*option), 60_000)

    async def test_a_flood_of_requests_ends(self) -> None:
        await self.say(REQUEST * 100_000)
        await self.say(HEAD + b"A: b\r\n" * 100_000)
        await self.say(HEAD + b"Content-Length: 9999999\r\n\r\n" + b"a" * 9999999)
        answer = await self.say(REQUEST)
        self.assertEqual(answer.split(b" ")[1], b"200")

    async def test_idle_connections_do_not_keep_a_browser_out(self) -> None:
        idle = [await self.connect(b"GET ") for _ in range(150)]
        answer = await self.say(REQUEST)
        self.assertEqual(answer.split(b" ")[1], b"200")
        for each in idle[:50]:
            self.assertEqual(await each.ended, b"")

    async def test_a_download_is_whole(self) -> None:
        data = b"".join(b"line %d\n" % number for number in range(2000))
        self.watch.connections[1] = FakeKnown(1, life(1, data) * 20)
        request = REQUEST.replace(b"GET / ", b"GET /recording.jsonl ")
        answer = await self.say(request)
        self.assertTrue(answer.endswith(b"\r\n0\r\n\r\n"))
        self.assertGreater(len(answer), 20 * len(data))
        self.assertEqual(self.site.channels, set())
