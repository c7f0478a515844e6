"""The same bytes cut in every way; recordings played to protocols in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.basic import LineReceiver, NetstringReceiver
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Chunk,
    EndCause,
    Finished,
    LeftOut,
    Peer,
    SenderFactory,
)
from echolab.server.assembly import receiver_factory
from echolab.server.reply import echo
from echolab.server.settings import ServerSettings
from echolab.testing import (
    Behaviour,
    Transcript,
    connected,
    cut,
    cuttings,
    recut,
    replay_into,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from echolab import Event
    from echolab.testing import MemoryTransport, ServerKeywords

DATA = b"hello\nworld\n"


class Good(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line.upper())


class Netstrings(NetstringReceiver):
    def stringReceived(self, string: bytes) -> None:
        self.sendString(string)


class Naive(Protocol):
    """The naive protocol that most people write first."""

    def connectionMade(self) -> None:
        self.lines: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.lines += data.split(b"\n")[:-1]


def _lines_of_factory(protocol: Any) -> object:
    return protocol.factory.lines


class RecutTests(SynchronousTestCase):
    def test_no_piece_is_empty(self) -> None:
        self.assertEqual(cut(b"abc", [-1, 0, 2, 2, 3, 100]), [b"ab", b"c"])

    def test_one_that_is_right(self) -> None:
        recut(Good, DATA)
        recut(Factory.forProtocol(Good), DATA, seed=1)
        recut(Netstrings, b"5:hello,0:,x")

    def test_a_fresh_factory_each_time(self) -> None:
        class Counting(Factory[Protocol]):
            def __init__(self, name: str = "") -> None:
                self.lines: list[bytes] = []

            def buildProtocol(self, addr: object) -> Protocol:
                protocol = Collecting()
                protocol.factory = self
                return protocol

        class Collecting(LineReceiver):
            delimiter = b"\n"
            factory: Counting

            def lineReceived(self, line: bytes) -> None:
                self.factory.lines.append(line)

        for make in (Counting, lambda: Counting("x")):
            recut(make, DATA, observe=lambda protocol: protocol.factory.lines)
        with self.assertRaisesRegex(AssertionError, "it behaves differently"):
            recut(Counting(), DATA, observe=lambda protocol: protocol.factory.lines)
        recut(lambda: Counting().buildProtocol(None), DATA, observe=_lines_of_factory)

    def test_what_makes_no_protocol(self) -> None:
        with self.assertRaisesRegex(TypeError, "is a protocol: give what makes one"):
            recut(cast("Any", Naive()), DATA)
        with self.assertRaisesRegex(TypeError, "has made no protocol, but"):
            recut(dict, DATA)

    def test_one_that_is_wrong(self) -> None:
        with self.assertRaises(AssertionError) as caught:
            recut(Naive, DATA, observe=lambda protocol: protocol.lines, seed=7)
        self.assertEqual(
            str(caught.exception),
            "it behaves differently when cut (seed 7):\n"
            "  cut:   b'h' | b'ello\\nworld\\n'\n"
            "         wrote b'', observed [b'ello', b'world']\n"
            "  whole: b'hello\\nworld\\n'\n"
            "         wrote b'', observed [b'hello', b'world']",
        )

    def test_the_smallest_of_several_cuts(self) -> None:
        class WrongAfterThree(Protocol):
            reads = 0

            def dataReceived(self, data: bytes) -> None:
                self.reads += 1

        with self.assertRaises(AssertionError) as caught:
            recut(WrongAfterThree, b"abcdef", observe=lambda p: p.reads >= 3)
        [shown] = [x for x in str(caught.exception).splitlines() if " | " in x]
        self.assertEqual(shown.count("|"), 2)

    def test_what_it_raises_and_that_it_ends_is_compared(self) -> None:
        class Strict(Protocol):
            def dataReceived(self, data: bytes) -> None:
                if data != DATA:
                    raise ValueError("short")

        class Impatient(Protocol):
            transport: MemoryTransport

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(data)
                if data != DATA:
                    self.transport.abortConnection()

        with self.assertRaisesRegex(AssertionError, r"raised ValueError\('short'\)"):
            recut(Strict, DATA, observe=lambda protocol: 1)
        with self.assertRaisesRegex(AssertionError, "^uncut, it raises Val"):
            recut(Strict, b"x", observe=lambda protocol: 1)
        with self.assertRaisesRegex(AssertionError, "ended the connection"):
            recut(Impatient, DATA)

    def test_what_is_observed_has_a_value(self) -> None:
        observing: dict[str, Callable[[Any], object]] = {
            "cannot pickle 'generator'": lambda p: (each for each in p.lines),
            "cannot pickle '_thread.lock'": lambda p: [Lock()],
            "cannot pickle 'dict_keys'": lambda p: vars(p).keys(),
            "does not equal its own copy": lambda p: map(bytes, p.lines),
            "equal its own": lambda p: object(),
        }
        for why, observe in observing.items():
            with self.assertRaisesRegex(TypeError, f"^observe= returned .*{why}"):
                recut(Naive, DATA, observe=observe)
        recut(Good, DATA, observe=lambda protocol: (protocol.factory, Good, None))

    def test_nothing_to_compare(self) -> None:
        with self.assertRaisesRegex(ValueError, "nothing to compare.*observe="):
            recut(Naive, DATA)

    @given(cuttings(DATA))
    def test_with_hypothesis(self, pieces: list[bytes]) -> None:
        self.assertEqual(b"".join(pieces), DATA)
        self.assertTrue(all(pieces))
        recut(Good, DATA, pieces=pieces)

    def test_given_pieces(self) -> None:
        pieces = cut(DATA, [3, 6])
        self.assertEqual(pieces, [b"hel", b"lo\n", b"world\n"])
        with self.assertRaisesRegex(AssertionError, r"cut:   b'hel' \| b'lo"):
            recut(Naive, DATA, observe=lambda p: p.lines, pieces=pieces)
        with self.assertRaisesRegex(ValueError, "pieces are not of the data"):
            recut(Good, DATA, pieces=[b"x"])


ANN, BOB = (Peer(n, "IPv4", "127.0.0.1", n) for n in (1, 2))


def recording(*events: Event) -> Transcript:
    transcript = Transcript()
    for event in events:
        transcript(event)
    return transcript


def end(peer: Peer, time: float, cause: EndCause = EndCause.EOF) -> Finished:
    return Finished(peer, time, cause, received_bytes=0, seconds=time)


class ReplayTests(SynchronousTestCase):
    def test_chunks_and_gaps(self) -> None:
        seen: list[tuple[object, ...]] = []

        class Watcher(Protocol):
            transport: MemoryTransport

            def dataReceived(self, data: bytes) -> None:
                seen.append((clock.seconds(), data))
                self.transport.write(b"<" + data + b">")

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                seen.append((clock.seconds(), reason.type))

        events = (
            Accepted(ANN, 100.0),
            Accepted(BOB, 100.5),
            Chunk(ANN, 101.0, b"hel"),
            Chunk(ANN, 101.0, b"lo"),
            Chunk(BOB, 102.0, b"bob"),
            Chunk(ANN, 103.5, b"\n"),
        )
        clock = Clock()
        transcript = recording(
            *events, end(ANN, 104.0), end(BOB, 105.0, EndCause.RESET)
        )
        replayed = replay_into(Watcher, transcript, peer=1, clock=clock)
        self.assertEqual(
            seen,
            [(1.0, b"hel"), (1.0, b"lo"), (3.5, b"\n"), (4.0, ConnectionDone)],
        )
        self.assertEqual(replayed.written, b"<hel><lo><\n>")
        self.assertFalse(replayed.ended)
        clock, seen = Clock(), []
        replay_into(Watcher, transcript, peer=BOB, clock=clock)
        self.assertEqual(seen, [(1.5, b"bob"), (4.5, ConnectionLost)])
        with self.assertRaisesRegex(ValueError, "2 peers in it"):
            replay_into(Watcher, transcript)
        with self.assertRaisesRegex(ValueError, "no peer 3 in it"):
            replay_into(Watcher, transcript, peer=3)
        transcript(LeftOut(ANN, 9.0, 7, received_bytes=1, sent_bytes=0))
        with self.assertRaisesRegex(ValueError, "bytes of peer 1 were not kept"):
            replay_into(Watcher, transcript, peer=1)
        replay_into(Watcher, transcript, peer=BOB)

    def test_what_echolab_received_comes_to_others_as_it_came(self) -> None:
        talk = connected(behave="read-bytewise")
        talk.client.write(DATA)
        talk.client.finish()
        talk.flush()
        replayed = replay_into(Naive, talk.transcript)
        self.assertEqual(replayed.protocol.lines, [b""] * 2)
        self.assertEqual(replay_into(Good, talk.transcript).written, DATA.upper())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "lab.json")
            talk.transcript.save(path)
            self.assertEqual(replay_into(Good, path).written, DATA.upper())


class MemoryTests(SynchronousTestCase):
    def test_a_server_of_ones_own(self) -> None:
        talk = connected(Good)
        talk.client.write(b"hello\nyou")
        self.assertEqual(talk.from_client.deliver(3), b"hel")
        self.assertEqual(bytes(talk.from_server.waiting), b"")
        talk.flush(1)
        talk.transcript.assert_lines(["HELLO"])
        self.assertEqual(talk.transcript.received(), b"HELLO\n")
        talk.client.finish()
        talk.flush()
        self.assertEqual(
            talk.transcript.render(),
            "peer 1 connected\npeer 1 recv HELLO\n"
            "peer 1 sent hello\\nyou\n"
            "peer 1 finished eof, 6 bytes, 1 message, 9 bytes sent\n",
        )

    def test_a_client_of_ones_own(self) -> None:
        talk = connected(None, Good, reply="toast")
        talk.client.sendLine(b"hello")
        with self.assertRaisesRegex(RuntimeError, "never stop talking"):
            talk.flush()

    def test_a_server_of_ones_own_in_its_framing(self) -> None:
        talk = connected(Netstrings, framing="netstring")
        talk.client.write(b"5:hello,")
        talk.flush()
        talk.transcript.assert_lines(["hello"])
        with self.assertRaisesRegex(
            TypeError, "only echolab's own receiver takes behave"
        ):
            connected(Netstrings, behave="reset")

    def test_what_needs_a_socket(self) -> None:
        needing: list[ServerKeywords] = [
            {"host": "127.0.0.1"},
            {"unix": True},
            {"tls": True},
            {"tls": True, "behave": "half-close"},
            {"handshake_timeout": 1.0},
            {"backlog": 5},
        ]
        for keywords in needing:
            name = next(iter(keywords))
            with self.assertRaisesRegex(TypeError, f"^{name} needs a socket: in mem"):
                connected(None, Protocol, **keywords)
        for behave in (
            *("refuse", "reset+refuse:seconds=1", Behaviour.refuse()),
            Behaviour.hold_accept(),
        ):
            with self.assertRaisesRegex(ValueError, "^behave: it is the kernel that"):
                connected(None, Protocol, behave=behave)

    def test_what_needs_no_socket(self) -> None:
        talk = connected(None, Protocol, tls=False, unix=False, behave="half-close")
        talk.client.transport.write(b"hello\n")
        talk.flush()
        self.assertTrue(talk.from_server.ended)
        talk.transcript.assert_lines(["hello"])

    def test_a_reply_may_be_a_function(self) -> None:
        clock = Clock()
        settings = ServerSettings(reply=echo)
        factory = receiver_factory(settings, Transcript(clock=clock), clock=clock)
        talk = connected(factory, clock=clock)
        talk.client.write(b"hello\n")
        talk.flush()
        talk.transcript.assert_lines(["hello"])

    def test_a_framing_that_nobody_takes(self) -> None:
        with self.assertRaisesRegex(TypeError, "own sides take framing: neither is"):
            connected(Naive, Protocol, framing="int16")

    def test_an_abort_loses_what_waits(self) -> None:
        talk = connected(Naive, Protocol)
        talk.client.transport.write(b"hello\n")
        talk.client.transport.abortConnection()
        talk.flush()
        self.assertEqual(talk.server.lines, [])
        self.assertTrue(talk.from_server.disconnected)

    def test_one_that_refuses(self) -> None:
        class Nobody(Factory[Protocol]):
            def buildProtocol(self, addr: object) -> None:
                return None

        with self.assertRaisesRegex(ConnectionError, "refuses"):
            connected(Nobody())

    def test_backpressure(self) -> None:
        paused: list[str] = []

        class Producer:
            def pauseProducing(self) -> None:
                paused.append("pause")

            def resumeProducing(self) -> None:
                paused.append("resume")

            def stopProducing(self) -> None:
                paused.append("stop")

        talk = connected()
        talk.client.registerProducer(Producer(), True)
        talk.server.pause()
        talk.client.write(bytes(100_000))
        talk.flush()
        self.assertEqual(paused, ["pause"])
        talk.server.resume()
        talk.flush()
        self.assertEqual(paused, ["pause", "resume"])
        talk.server.abort()
        talk.flush()
        self.assertEqual(paused, ["pause", "resume", "stop"])
        self.assertEqual(talk.transcript.ends()[0].cause, EndCause.STOPPED)

    def test_a_pull_producer(self) -> None:
        class Pulled:
            left = 3

            def resumeProducing(self) -> None:
                self.left -= 1
                transport.write(b"x\n")
                if not self.left:
                    transport.unregisterProducer()
                    transport.loseConnection()

            def stopProducing(self) -> None:
                raise AssertionError

        talk = connected(None, Protocol)
        transport = talk.client.transport
        transport.registerProducer(Pulled(), False)
        with self.assertRaises(RuntimeError):
            transport.registerProducer(Pulled(), False)
        talk.flush()
        talk.transcript.assert_lines(["x", "x", "x"])

    def test_a_clock_of_ones_own(self) -> None:
        clock = Clock()
        factory = SenderFactory(Transcript(), clock=clock, wait_seconds=5)
        talk = connected(Naive, factory, clock=clock)
        talk.client.finish()
        talk.flush()
        self.assertIs(talk.clock, clock)
        self.assertEqual(clock.getDelayedCalls(), [])
