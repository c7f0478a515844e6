"""`echolab tail` reads a stream of a real nats-server."""

from __future__ import annotations

import atexit
import gc
import signal
import socket
import tempfile
import urllib.request
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from echolab import (
    Accepted,
    EndCause,
    Finished,
    InputError,
    Json,
    Lines,
    Peer,
    Printer,
    Received,
    tee,
)
from echolab.carrying.publishing import subject_of
from echolab.carrying.schema import CONTENT_TYPE, Carried, encode
from echolab.command.tail_options import TailOptions
from echolab.command.tailing import TailService, tail_service
from echolab.formats import FORMATS, Style
from echolab.formats.recording import Recording
from tests.jetstream import NATS_SERVER, Node
from tests.support import SERVER, Client, Program, run
from tests.test_sharing import Sluice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nats.aio.client import Client as NatsClient

    from echolab import Event

TIME = 1764410000.25
PEER = Peer(1, "IPv4", "127.0.0.1", 60612)
OTHER = Peer(2, "IPv6", "2001:db8::1", 60613)
EVENTS: list[Event] = [
    Accepted(PEER, TIME),
    Received(PEER, TIME + 1, Lines(b"hello\nworld\n")),
    Accepted(OTHER, TIME + 2),
    Received(OTHER, TIME + 3, Lines(b"\xec\x95\x88\xeb\x85\x95\n")),
    Received(PEER, TIME + 4, Lines(b"bye\n")),
    Finished(PEER, TIME + 5, EndCause.EOF, received_bytes=16, messages=3, seconds=5.0),
    Finished(OTHER, TIME + 6, EndCause.EOF, received_bytes=7, messages=1, seconds=4.0),
]


@cache
def shared() -> Node:
    if NATS_SERVER is None:
        raise SkipTest("there is no nats-server")
    node = Node()
    atexit.register(node.remove)
    return node


class Stream:
    """A stream of a node, into which a test publishes."""

    def __init__(self, name: str, node: Node | None = None) -> None:
        self.node = node or shared()
        self.subject = name.lower()
        self.count = 0
        self.node.make_stream(StreamConfig(name, subjects=[f"{self.subject}.>"]))

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.node.port}/{self.subject}"

    def carry(self, *events: Event, receiver: str = "web1", run: str = "3f9a") -> None:
        """Publish each event as a message of its own."""
        found = []
        for event in events:
            self.count += 1
            payload = encode(Carried(receiver, run, self.count, 0, [event]))
            subject = subject_of(self.subject, receiver, event.peer)
            found.append((subject, CONTENT_TYPE, payload))
        self.publish(*found)

    def publish(self, *messages: tuple[str, str, bytes]) -> None:
        async def publishing(client: NatsClient) -> None:
            streams = client.jetstream()
            for subject, kind, payload in messages:
                await streams.publish(subject, payload, headers={"Content-Type": kind})

        self.node.ask(publishing)

    def tail(self, *options: str) -> Program:
        return run("tail", self.url, *options)


def printed(name: str, events: Iterable[Event], **style: Any) -> bytes:
    form = FORMATS[name](Style(**style))
    return b"".join(map(form, events))


class TailTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stream = Stream(self.id().rpartition(".")[2].upper())

    def assertPrints(self, program: Program, out: bytes, err: bytes = b"") -> None:
        self.assertEqual((program.out, program.err), (out, err))
        self.assertEqual(program.process.returncode, 0)


class PrintingTests(TailTests):
    def test_as_the_server_would_have(self) -> None:
        self.stream.carry(*EVENTS)
        for name in FORMATS:
            tail = self.stream.tail("--format", name)
            self.assertPrints(tail, printed(name, EVENTS))
        tail = self.stream.tail("--label", "always")
        self.assertPrints(tail, printed("classic", EVENTS, label="always"))

    def test_an_unfinished_line_stays_apart(self) -> None:
        start = Received(PEER, TIME, Lines(b"ab\n", "partial"))
        end = Received(PEER, TIME, Lines(b"c\n", "continued"))
        self.stream.carry(
            start, EVENTS[4], start, Received(OTHER, TIME, Lines(b"x\n")), end
        )
        self.assertPrints(self.stream.tail("--format", "raw"), b"abbye\nab\nx\nc\n")

    def test_several_receivers(self) -> None:
        self.stream.carry(EVENTS[0])
        self.stream.carry(EVENTS[0], receiver="web2")
        self.stream.carry(EVENTS[1], receiver="web2")
        second = replace(PEER, number=2, receiver="web2")
        self.assertPrints(
            self.stream.tail("--format", "json"),
            printed(
                "json",
                [EVENTS[0], *(replace(each, peer=second) for each in EVENTS[:2])],
            ),
        )

    def test_where_it_begins(self) -> None:
        self.stream.carry(*EVENTS)
        for begin, events in (
            ("first", EVENTS),
            ("3", EVENTS[2:]),
            ("2020-01-01T00:00:00Z", EVENTS),
            ("now", []),
            ("99", []),
        ):
            tail = self.stream.tail("--format", "log", "--from", begin)
            self.assertPrints(tail, printed("log", events))

    def test_only_some_peers(self) -> None:
        self.stream.carry(*EVENTS)
        for peer, host in (
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:60612", "127.0.0.1"),
            ("127.0.0.1:1", None),
            ("[2001:db8:0::1]", "2001:db8::1"),
            ("unix", None),
        ):
            tail = self.stream.tail("--format", "log", "--peer", peer)
            wanted = [each for each in EVENTS if each.peer.host == host]
            self.assertPrints(tail, printed("log", wanted))

    def test_into_files(self) -> None:
        self.stream.carry(*EVENTS)
        with tempfile.TemporaryDirectory() as folder:
            one, two = Path(folder, "one"), Path(folder, "two")
            tail = self.stream.tail("-o", f"json:{one}", "--record", str(two))
            self.assertPrints(tail, b"")
            self.assertEqual(one.read_bytes(), printed("json", EVENTS))
            recorded = b"".join(map(Json(recording=True), EVENTS))
            self.assertEqual(two.read_bytes(), recorded)

    def test_into_another_stream(self) -> None:
        events = [each for each in EVENTS if each.peer is PEER]
        self.stream.carry(*events)
        other = f"{self.stream.url}-again"
        self.assertPrints(self.stream.tail("-o", other), b"")
        tail = run("tail", other, "--format", "json")
        self.assertPrints(tail, printed("json", events))

    def test_not_into_the_stream_that_it_reads(self) -> None:
        self.stream.carry(*EVENTS)
        same = self.stream.url.replace("127.0.0.1", "localhost")
        tail = self.stream.tail("-o", same)
        self.assertEqual(tail.process.returncode, 1)
        said = tail.err.decode().splitlines()[-1]
        self.assertEqual(said, f"write {same}: that is the stream that is read")
        self.assertPrints(self.stream.tail("--format", "json"), printed("json", EVENTS))

    def test_on_a_page(self) -> None:
        self.stream.carry(*EVENTS)
        with Program("tail", "--follow", "--web", "0", self.stream.url) as tail:
            tail.wait_for(b"finish.")
            found = tail.wait_for_match(rb"(http://127.0.0.1:\d+/)\?token=(\S+)\n")
            request = urllib.request.Request(
                f"{found[1].decode()}recording.jsonl",
                headers={"Authorization": f"Bearer {found[2].decode()}"},
            )
            with urllib.request.urlopen(request) as answer:
                told = answer.read()
        self.assertEqual(told, b"".join(map(Recording(), EVENTS)))

    def test_nobody_reads_stdout(self) -> None:
        self.stream.carry(EVENTS[0], *[EVENTS[1]] * 9)
        with Program("tail", self.stream.url, "--follow") as tail:
            tail.wait_for(b"accepted")
            assert tail.process.stdout is not None
            tail.process.stdout.close()
            self.stream.carry(EVENTS[2])
            self.assertEqual((tail.end(), tail.err), (0, b""))


class OtherMessagesTests(TailTests):
    def test_they_are_skipped(self) -> None:
        garbage = (f"{self.stream.subject}.a.b", "application/octet-stream", b"\xff")
        self.stream.publish(garbage, garbage)
        self.stream.carry(*EVENTS)
        tail = self.stream.tail("--format", "log")
        self.assertEqual(tail.out, printed("log", EVENTS))
        name = self.stream.url.encode()
        self.assertEqual(
            tail.err.splitlines(),
            [
                b"read %b: message 1 is skipped: its content type is "
                b"application/octet-stream" % name,
                b"read %b: 2 messages skipped" % name,
            ],
        )

    def test_printed_events_are_shown_as_they_are(self) -> None:
        text = f"{self.stream.subject}.web1.a", "text/plain; charset=utf-8", b"hello\n"
        self.stream.publish(text, text)
        self.assertPrints(self.stream.tail(), b"hello\nhello\n")
        tail = self.stream.tail("--format", "json")
        self.assertEqual(tail.process.returncode, 1)
        self.assertIn(b"message 1 is printed already (text/plain; chars", tail.err)
        self.assertEqual(tail.err.count(b"\n"), 1)


class FollowTests(TailTests):
    def test_it_waits_for_what_is_to_come(self) -> None:
        self.stream.carry(EVENTS[0])
        with Program("tail", "--follow", self.stream.url) as tail:
            tail.wait_for(b"accepted")
            self.stream.carry(EVENTS[1])
            tail.wait_for(b"recv data: world\n")
            tail.process.send_signal(signal.SIGINT)
            self.assertEqual((tail.end(), tail.err), (-signal.SIGINT, b""))
        self.assertEqual(self.readers(), 0)

    def test_from_now(self) -> None:
        self.stream.carry(EVENTS[0])
        with Program("tail", "--follow", "--from", "now", self.stream.url) as tail:
            tail.wait_until(self.readers, "it does not read", every=0.02)
            self.stream.carry(EVENTS[1])
            tail.wait_for(b"recv data: world\n")
            tail.process.terminate()
            self.assertEqual(tail.end(), -signal.SIGTERM)
            self.assertEqual(tail.out, printed("classic", [EVENTS[1]]))

    def readers(self) -> int:
        async def count(client: NatsClient) -> int:
            info = await client.jetstream().stream_info(self.stream.subject.upper())
            return info.state.consumer_count

        found: int = self.stream.node.ask(count)
        return found


class NamedTests(TailTests):
    def test_it_goes_on_where_it_was(self) -> None:
        self.stream.carry(*EVENTS[:3])
        options = "--format", "log", "--name", "me"
        self.assertPrints(self.stream.tail(*options), printed("log", EVENTS[:3]))
        self.assertPrints(self.stream.tail(*options), b"")
        self.stream.carry(*EVENTS[3:])
        self.assertPrints(self.stream.tail(*options), printed("log", EVENTS[3:]))

    def test_what_a_reader_leaves_comes_at_once(self) -> None:
        """It is stopped: it has read more than its output has taken."""
        # Two requests to the engine bring 4 MiB, and it has 12.
        lines = [b"%d %b\n" % (n, b"x" * 60_000) for n in range(200)]
        self.stream.carry(*(Received(PEER, TIME, Lines(line)) for line in lines))
        options = "tail", self.stream.url, "--name", "me", "--format", "raw"
        with Program(*options) as first:
            first.wait_for(b"\n1 ")
            first.process.terminate()
            first.end()
        self.assertLess(len(first.out), len(b"".join(lines)))
        printed = (first.out + run(*options).out).splitlines(keepends=True)
        # What is delivered again may come in another order.
        self.assertEqual(sorted(printed), sorted(lines))

    def test_what_nobody_takes_is_not_done(self) -> None:
        self.stream.carry(EVENTS[1])
        options = "tail", self.stream.url, "--name", "me", "--follow", "--format", "raw"
        with Program(*options) as first:
            first.wait_for(b"world")
            self.wait_until_done(first)
            # It sees the end of its output and the messages in one moment.
            first.process.send_signal(signal.SIGSTOP)
            assert first.process.stdout is not None
            first.process.stdout.close()
            self.stream.carry(EVENTS[3], EVENTS[4])
            first.wait_until(
                lambda: self.consumer()[2] == 2, "2 are not delivered", every=0.02
            )
            first.process.send_signal(signal.SIGCONT)
            self.assertEqual((first.end(), first.err), (0, b""))
        lines = [b"bye\n", b"\xec\x95\x88\xeb\x85\x95\n"]
        with Program(*options) as second:
            for line in lines:
                second.wait_for(line)
        self.assertEqual(sorted(second.out.splitlines(keepends=True)), lines)

    def test_several_share_the_work(self) -> None:
        options = "tail", self.stream.url, "--name", "me", "--follow", "--format", "raw"
        with Program(*options) as one, Program(*options) as two:
            one.wait_until(lambda: self.consumer()[0] == 2, "2 do not read", every=0.02)
            for n in range(40):
                self.stream.carry(Received(PEER, TIME, Lines(b"%d\n" % n)))
            self.wait_until_done(one)
            for each in one, two:
                each.wait_for(b"\n")
                each.process.terminate()
                each.end()
        lines = sorted(int(line) for line in (one.out + two.out).split())
        self.assertEqual(lines, [*range(40)])

    def wait_until_done(self, tail: Program) -> None:
        """Wait until no message waits or is not done."""
        tail.wait_until(
            lambda: not any(self.consumer()[1:]), "some are not done", every=0.02
        )

    def consumer(self) -> list[int]:
        """Return how many readers wait, and how many messages wait or are not done."""

        async def counts(client: NatsClient) -> list[int | None]:
            streams, stream = client.jetstream(), self.stream.subject.upper()
            try:
                info = await streams.consumer_info(stream, "me")
            except NotFoundError:
                return []
            return [info.num_waiting, info.num_pending, info.num_ack_pending]

        return [each or 0 for each in self.stream.node.ask(counts)] or [0, 0, 0]

    def test_another_choice_of_peers_needs_another_name(self) -> None:
        self.stream.carry(*EVENTS)
        self.stream.tail("--name", "me")
        tail = self.stream.tail("--name", "me", "--peer", "127.0.0.1")
        self.assertEqual(tail.process.returncode, 1)
        subject = self.stream.subject
        self.assertEqual(
            tail.err.decode(),
            f"read {self.stream.url}: me reads the subjects {subject}.>, "
            f"not {subject}.*.127_0_0_1\n",
        )


class RecordingTests(SynchronousTestCase):
    def test_what_was_carried_as_a_ledger_is_drawn_and_exported(self) -> None:
        url = f"nats://127.0.0.1:{shared().port}/ledger"
        with tempfile.TemporaryDirectory() as folder:
            first, again = Path(folder, "first"), Path(folder, "again")
            outputs = "--output", "-", "--output", f"ledger:{url}"
            with Program(
                *(*SERVER, "--once", "--record", str(first)),
                *outputs,
            ) as server:
                with Client(server.port()) as client:
                    client.sendall(b"hello\n")
                server.end()
            tail = run("tail", url, "--record", str(again), "--output", "-")
            self.assertEqual((tail.out, tail.err), (server.out, b""))
            drawn = [run("draw", str(path)).out for path in (first, again)]
            self.assertIn(b"recv(", drawn[0])
            self.assertEqual(*drawn)
            exported = run("export", str(again), "-")
            self.assertIn(b"hello", exported.out)
            self.assertEqual(exported.process.returncode, 0)


class Ended:
    """A stream that is read to its end, and what reads it."""

    acknowledges = False
    identity = ""

    def open(self) -> Deferred[None]:
        return succeed(None)

    def read(self) -> Deferred[None]:
        return succeed(None)

    def close(self) -> Deferred[None]:
        return fail(OSError("odd"))


class EndTests(SynchronousTestCase):
    def test_stopped_while_the_last_output_is_slow(self) -> None:
        clock, done = Clock(), list[Any]()
        output, ended = Sluice(clock), Ended()
        service = TailService(
            cast("Any", ended),
            cast("Any", ended),
            tee(Printer(output)),
            done=done.append,
        )
        output.write(b"x")
        with capturedLogs() as logs:
            service.startService()
            stopped = service.stopService()
            clock.advance(service.drain_seconds)
            self.failureResultOf(stopped, OSError)
            del service
            gc.collect()  # This finds errors that nobody has handled.
        self.assertEqual([formatEvent(each) for each in logs], [])
        self.assertEqual(done, [])
        self.assertTrue(output.closed)


class ErrorTests(SynchronousTestCase):
    def assertFails(self, program: Program, why: str) -> None:
        self.assertEqual(program.err.decode(), f"{why}\n")
        self.assertEqual((program.process.returncode, program.out), (1, b""))

    def test_no_stream_and_other_subjects(self) -> None:
        name = "OTHER_SUBJECTS"
        where = f"nats://127.0.0.1:{Stream(name).node.port}"
        self.assertFails(
            run("tail", f"{where}/nothing"),
            f"read {where}/nothing: there is no stream NOTHING",
        )
        self.assertFails(
            run("tail", f"{where}/lab?stream={name}"),
            f"read {where}/lab: the stream {name} is there without the subjects lab.>; "
            "it has other_subjects.>",
        )

    def test_no_engine(self) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            where = f"127.0.0.1:{bound.getsockname()[1]}"
            self.assertFails(
                run("tail", f"nats://{where}/lab"),
                f"read nats://{where}/lab: {where}: Connection refused",
            )

    def test_wrong_credentials(self) -> None:
        if NATS_SERVER is None:
            raise SkipTest("there is no nats-server")
        node = Node("authorization { user: me, password: right }")
        self.addCleanup(node.remove)
        where = f"127.0.0.1:{node.port}"
        for follow in ([], ["--follow"]):
            self.assertFails(
                run("tail", f"nats://me:wrong@{where}/lab", *follow),
                f"read nats://{where}/lab: {where}: Authorization Violation",
            )

    def test_without_the_extra(self) -> None:
        options = TailOptions()
        options.parseOptions(["nats://127.0.0.1/lab"])
        with (
            mock.patch.dict("sys.modules", {"echolab.carrying.source": None}),
            self.assertRaisesRegex(
                InputError,
                "^read nats://127.0.0.1:4222/lab: .* needs the extra nats of",
            ),
        ):
            reactor: Any = MemoryReactorClock()
            tail_service(reactor, options.settings, done=lambda _: None)


class AwayTests(SynchronousTestCase):
    """With --follow, it waits for what is not there."""

    def setUp(self) -> None:
        if NATS_SERVER is None:
            raise SkipTest("there is no nats-server")
        self.node = Node()
        self.addCleanup(self.node.remove)

    def follow(self, url: str, *options: str) -> Program:
        return Program("tail", url, "--follow", "--format", "raw", *options)

    def test_the_engine_goes_and_comes_back(self) -> None:
        for name in ([], ["--name", "me"]):
            stream = Stream(f"AWAY{len(name)}", self.node)
            lines = [Received(PEER, TIME, Lines(b"%d\n" % n)) for n in range(4)]
            stream.carry(*lines[:2])
            with self.follow(stream.url, *name) as tail:
                tail.wait_for(b"1\n")
                self.node.kill()
                tail.wait_for(b"; waiting until it works\n", stream="err")
                self.node.start()
                stream.carry(*lines[2:])
                tail.wait_for(b"3\n")
                tail.process.terminate()
                tail.end()
            self.assertEqual(tail.out, b"0\n1\n2\n3\n")
            self.assertEqual(tail.err.count(b"\n"), 2)
            self.assertTrue(tail.err.endswith(b": works again\n"))

    def test_the_stream_is_made_later(self) -> None:
        url = f"nats://127.0.0.1:{self.node.port}/later"
        with self.follow(url) as tail:
            tail.wait_for(b"there is no stream LATER; waiting until", stream="err")
            stream = Stream("LATER", self.node)
            stream.carry(EVENTS[1])
            tail.wait_for(b"world\n")

    def test_the_stream_is_made_anew(self) -> None:
        stream = Stream("ANEW", self.node)
        stream.carry(*EVENTS[:4])
        with self.follow(stream.url) as tail:
            tail.wait_for("안녕".encode())
            self.node.ask(lambda client: client.jetstream().delete_stream("ANEW"))
            tail.wait_for(b"there is no stream ANEW; waiting until", stream="err")
            Stream("ANEW", self.node).carry(EVENTS[4], run="77")
            tail.wait_for(b"bye\n")
