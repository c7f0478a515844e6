"""The transcript: asked, waited for, as text, on disk."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
import threading
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Batch,
    Chunk,
    Connected,
    EndCause,
    Finished,
    InputError,
    LeftOut,
    Misbehaved,
    Peer,
    Received,
    Refused,
)
from echolab.client.replay import Recorded
from echolab.formats.recording import events_of
from echolab.testing import BlockingTranscript, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from echolab import Event
    from echolab.messages import Mark

ANN = Peer(1, "IPv4", "127.0.0.1", 60612)
BOB = Peer(2, "UNIX", path="/tmp/lab.sock", pid=7, uid=1000)
TIME = 1_795_000_000.1234567


def received(peer: Peer, *lines: bytes, mark: Mark | None = None) -> Received:
    return Received(peer, TIME, Batch(lines, mark))


def finished(peer: Peer, cause: EndCause = EndCause.EOF) -> Finished:
    return Finished(peer, TIME, cause, received_bytes=8, messages=2, seconds=0.25)


CONVERSATION = (
    Accepted(ANN, TIME),
    Accepted(BOB, TIME),
    received(ANN, b"hello"),
    received(BOB, b"\xff\x1b[2J", b"from bob"),
    Misbehaved(ANN, TIME, "reset:messages=2"),
    received(ANN, b"by", mark="partial"),
    received(ANN, b"e", mark="continued"),
    finished(ANN, EndCause.RESET),
    received(BOB, b"unfinis", mark="unterminated"),
    finished(BOB),
)


def transcript_of(*events: Event) -> Transcript:
    transcript = Transcript(clock=Clock())
    for event in events:
        transcript(event)
    return transcript


class QuestionTests(SynchronousTestCase):
    def test_lines(self) -> None:
        transcript = transcript_of(*CONVERSATION)
        self.assertEqual(transcript.lines(ANN), [b"hello", b"bye"])
        self.assertEqual(transcript.lines(2), [b"\xff\x1b[2J", b"from bob", b"unfinis"])
        self.assertEqual(len(transcript.lines()), 5)
        self.assertEqual(transcript.peers(), [ANN, BOB])
        self.assertEqual([e.cause.value for e in transcript.ends(1)], ["reset"])

    def test_a_piece_whose_rest_never_came_is_the_last_line(self) -> None:
        transcript = transcript_of(
            Accepted(ANN, TIME), received(ANN, b"by", mark="partial"), finished(ANN)
        )
        self.assertEqual(transcript.lines(), [b"by"])
        self.assertIn("recv(unterminated) by", transcript.render())

    def test_assert_lines(self) -> None:
        transcript = transcript_of(*CONVERSATION)
        transcript.assert_lines(["hello", b"bye"], peer=1)
        with self.assertRaises(AssertionError) as caught:
            transcript.assert_lines(["hello", "good bye"], peer=ANN)
        self.assertEqual(
            str(caught.exception),
            "not the lines expected (- missing, + unexpected):\n"
            "  hello\n"
            "- good bye\n"
            "+ bye\n"
            "peer 1: 127.0.0.1:60612 finished reset, 8 bytes, 2 messages",
        )

    def test_assert_lines_says_who_is_still_there(self) -> None:
        transcript = transcript_of(Accepted(ANN, TIME))
        with self.assertRaisesRegex(AssertionError, "\n- x\npeer 1: .*60612 is open"):
            transcript.assert_lines(["x"])

    def test_render_is_stable(self) -> None:
        self.assertEqual(
            transcript_of(*CONVERSATION).render(),
            "peer 1 accepted\n"
            "peer 1 recv hello\n"
            "peer 1 misbehaved reset:messages=2\n"
            "peer 1 recv bye\n"
            "peer 1 finished reset, 8 bytes, 2 messages\n"
            "peer 2 accepted\n"
            "peer 2 recv \\xff\\x1b[2J\n"
            "peer 2 recv from bob\n"
            "peer 2 recv(unterminated) unfinis\n"
            "peer 2 finished eof, 8 bytes, 2 messages\n",
        )

    def test_memory_is_bounded_and_that_is_said(self) -> None:
        transcript = Transcript(max_bytes=10_000)
        for number in range(100):
            transcript(received(ANN, b"%d" % number))
        self.assertLess(len(transcript.events), 20)
        self.assertEqual(len(transcript.events) + transcript.forgotten, 100)
        self.assertEqual(self.successResultOf(transcript.wait_for_line("99")), b"99")
        for ask in (
            transcript.lines,
            transcript.chunks,
            transcript.received,
            transcript.peers,
            transcript.ends,
            lambda: transcript.assert_lines([]),
        ):
            with self.assertRaisesRegex(
                AssertionError, "first .* events are forgotten"
            ):
                ask()
        self.assertIn("events are forgotten", transcript.render())
        self.assertIn("events are forgotten", str(transcript))

    def test_after_forgetting_a_wait_is_right_or_says_that_it_cannot_be(self) -> None:
        early = Transcript(clock=Clock(), max_bytes=3_000)
        peers = early.wait_for_peers(2)
        lines = early.wait_for_line("x", times=11)
        events: list[Event] = [
            Accepted(ANN, TIME),
            *(received(ANN, b"x %d" % number) for number in range(10)),
            Accepted(BOB, TIME),
            Chunk(BOB, TIME, b"x\n"),
            received(BOB, b"x"),
            finished(BOB),
        ]
        for event in events:
            early(event)
        self.assertEqual(early.forgotten, 10)
        self.assertEqual(self.successResultOf(peers), [ANN, BOB])
        self.assertEqual(self.successResultOf(lines), b"x")
        for unknown in (
            early.wait_for_peers(1),
            early.wait_for_bytes(1),
            early.wait_for_bytes(1, peer=1),
            early.wait_for_line("x", times=2),
        ):
            why = self.failureResultOf(unknown, AssertionError).getErrorMessage()
            self.assertRegex(why, "^cannot answer: .the first 10 events are forgott")
        self.assertEqual(self.successResultOf(early.wait_for_bytes(2, BOB)), b"x\n")
        self.assertEqual(self.successResultOf(early.wait_for_end(BOB)), finished(BOB))
        of_all, of_ann = early.wait_for_end(), early.wait_for_end(ANN)
        self.assertNoResult(of_all)
        self.assertNoResult(of_ann)
        early(finished(ANN))
        self.assertEqual(self.successResultOf(of_all), finished(ANN))
        self.assertEqual(self.successResultOf(of_ann), finished(ANN))

    def test_what_a_recording_has_not_kept_is_not_answered(self) -> None:
        gap = LeftOut(ANN, TIME, 1234, received_bytes=56, sent_bytes=0)
        transcript = transcript_of(*CONVERSATION[:3], gap, *CONVERSATION[3:])
        why = r"cannot answer: \(1234 events of peer 1 were not kept\)"
        for ask in (
            *(transcript.lines, transcript.chunks, transcript.received),
            *(transcript.sent, lambda who=None: transcript.assert_lines([], who)),
        ):
            for who in (None, ANN, 1):
                with self.assertRaisesRegex(AssertionError, why):
                    ask(who)
        self.assertEqual(len(transcript.lines(BOB)), 3)
        self.assertEqual(transcript.peers(), [ANN, BOB])
        self.assertEqual(len(transcript.ends()), 2)
        for text in (str(transcript), transcript.render(), transcript.report()):
            self.assertIn("(1234 events of peer 1 were not kept)\n", text)
        transcript(LeftOut(BOB, TIME, 1, 0, 0))
        self.assertIn("(1235 events of 2 peers were not kept)\n", str(transcript))

    def test_pieces_before_and_after_a_gap_are_not_one_line(self) -> None:
        transcript = transcript_of(
            *(Accepted(ANN, TIME), received(ANN, b"by", mark="partial")),
            *(LeftOut(ANN, TIME, 9, 50, 0), received(ANN, b"late"), finished(ANN)),
        )
        shown = transcript.render()
        self.assertIn("recv(partial) by\n", shown)
        self.assertIn("recv late\n", shown)

    def test_a_line_of_which_the_beginning_is_forgotten_is_none(self) -> None:
        transcript = Transcript(clock=Clock(), max_bytes=2_000)
        for number in range(3):
            transcript(received(ANN, b"%d" % number * 400, mark="overlong"))
        self.assertTrue(transcript.forgotten)
        waiting = transcript.wait_for_line("^[12]+$")
        transcript(received(ANN, b"2", b"22", mark="continued"))
        self.assertEqual(self.successResultOf(waiting), b"22")
        transcript(received(ANN, b"3" * 2_000))
        self.assertEqual(transcript.events, [])
        waiting = transcript.wait_for_line("4")
        transcript(received(ANN, b"4"))
        self.assertEqual(self.successResultOf(waiting), b"4")

    def test_the_last_end_is_never_forgotten(self) -> None:
        transcript = Transcript(clock=Clock(), max_bytes=1)
        for event in Accepted(ANN, TIME), finished(ANN), Accepted(BOB, TIME):
            transcript(event)
        self.assertEqual(
            self.successResultOf(transcript.wait_for_end(ANN)), finished(ANN)
        )
        self.assertNoResult(transcript.wait_for_end())
        transcript(finished(BOB))
        self.assertEqual(transcript.events, [])
        self.assertEqual(self.successResultOf(transcript.wait_for_end()), finished(BOB))
        why = self.failureResultOf(transcript.wait_for_end(ANN), AssertionError)
        self.assertIn("cannot answer", why.getErrorMessage())

    @given(st.data())
    def test_whatever_is_forgotten(self, data: st.DataObject) -> None:
        few = Transcript(clock=Clock(), max_bytes=data.draw(st.integers(1, 5_000)))
        whole = Transcript(clock=Clock())
        there: list[Peer] = []
        numbers = iter(range(1, 100))
        for act in data.draw(st.lists(st.sampled_from("aaeccccpppll"), max_size=30)):
            if act == "a":
                there.append(Peer(next(numbers), "IPv4", "127.0.0.1", 1))
                event: Event = Accepted(there[-1], TIME)
            elif not there:
                continue
            else:
                peer = data.draw(st.sampled_from(there))
                if act == "e":
                    there.remove(peer)
                    event = finished(peer)
                elif act == "c":
                    event = Chunk(peer, TIME, b"%d" % data.draw(st.integers(0, 9)))
                else:
                    line = b"%d" % data.draw(st.integers(10, 99))
                    event = received(peer, line, mark="partial" if act == "p" else None)
            few(event)
            whole(event)
        who = data.draw(st.none() | st.integers(1, 5))
        count = data.draw(st.integers(1, 3))
        asking: list[Callable[[Transcript], Deferred[Any]]] = [
            lambda transcript: transcript.wait_for_end(who),
            lambda transcript: transcript.wait_for_bytes(count, who),
            lambda transcript: transcript.wait_for_peers(count),
            lambda transcript: transcript.wait_for_line("^1", who, times=1 + count),
        ]
        for ask in asking:
            answers = [ask(few), ask(whole)]
            for answer in answers:
                answer.addErrback(lambda why: why.getErrorMessage()[:14])
            found, right = (getattr(answer, "result", None) for answer in answers)
            if found != "cannot answer:":
                self.assertEqual(found, right)
        line_found = few.wait_for_line("^1", who)
        if line_found.called:
            self.assertIn(self.successResultOf(line_found), whole.lines(who))

    def test_a_failure_says_no_more_than_one_can_read(self) -> None:
        transcript = Transcript(clock=Clock())
        lines = [b"%d" % number for number in range(5_000)]
        transcript(received(ANN, *lines, b"x" * 100_000))
        transcript(Chunk(ANN, TIME, b"y"))
        with self.assertRaises(AssertionError) as raised:
            transcript.assert_lines([*lines[:1_000], *lines[1_001:]])
        said = str(raised.exception)
        self.assertLess(len(said), 10_000)
        self.assertIn("  ... 997 lines are as expected ...\n  997\n", said)
        self.assertIn("\n+ 1000\n  1001\n", said)
        self.assertIn("+ ... and 3951 more", said)
        self.assertIn("its last bytes were b'y'", said)
        excerpt = transcript.excerpt()
        self.assertLess(len(excerpt), 20_000)
        self.assertIn(" recv 49\n... 4852 lines are left out ...\n", excerpt)
        self.assertRegex(excerpt, r"x\.\.\. \(1000\d\d characters\)")
        self.assertIn(" recv 2500\n", str(transcript))

    def test_long_lines_that_differ(self) -> None:
        transcript = transcript_of(received(ANN, b"x" * 1_000 + b"a"))
        with self.assertRaisesRegex(AssertionError, "line 1 differs after 1000 bytes"):
            transcript.assert_lines([b"x" * 1_000 + b"b"])

    def test_what_is_no_line_and_no_peer(self) -> None:
        transcript = Transcript()
        with self.assertRaisesRegex(TypeError, r"give a list of lines: \['x'\]"):
            transcript.assert_lines("x")
        with self.assertRaisesRegex(TypeError, "a line is a str or bytes, not 1"):
            transcript.assert_lines(cast("list[str]", [1]))
        with self.assertRaisesRegex(TypeError, "a peer is its number, or .*, not 0.1"):
            transcript.wait_for_line("x", cast("int", 0.1))
        for waiting in (transcript, BlockingTranscript()):
            with self.assertRaisesRegex(TypeError, "a number of seconds, not '1s'"):
                waiting.wait_for_line("x", timeout=cast("float", "1s"))

    def test_what_is_unfinished_is_shown_and_no_peer_is_number_minus_one(self) -> None:
        transcript = transcript_of(Accepted(ANN, TIME), Chunk(ANN, TIME, b"hel"))
        self.assertTrue(
            str(transcript).endswith(
                "(127.0.0.1:60612 is open; its last bytes were b'hel')"
            )
        )
        with self.assertRaisesRegex(ValueError, "numbered from 1"):
            transcript.lines(-1)

    def test_what_makes_no_sense(self) -> None:
        with self.assertRaisesRegex(ValueError, "max_bytes must be at least 1"):
            Transcript(max_bytes=0)
        with self.assertRaisesRegex(ValueError, "times must be at least 1"):
            Transcript().wait_for_line("x", times=0)

    def test_nothing(self) -> None:
        self.assertEqual(str(Transcript()), "(nothing has happened)")
        self.assertEqual(Transcript().render(), "")
        Transcript().assert_lines([])


class WaitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript(clock=self.clock)

    def test_what_was_and_what_comes(self) -> None:
        self.transcript(Accepted(ANN, TIME))
        self.transcript(received(ANN, b"hello"))
        there = self.transcript.wait_for_line("^hel+o$")
        self.assertEqual(self.successResultOf(there), b"hello")
        coming = self.transcript.wait_for_line(b"bye", peer=ANN, times=2)
        for line in (b"bye 1", b"by", b"bye 2"):
            self.assertNoResult(coming)
            self.transcript(received(ANN, line))
        self.assertEqual(self.successResultOf(coming), b"bye 2")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_of_one_peer(self) -> None:
        waiting = self.transcript.wait_for_line("x", peer=2)
        self.transcript(received(ANN, b"x"))
        self.assertNoResult(waiting)
        self.transcript(received(BOB, b"", b"x"))
        self.assertEqual(self.successResultOf(waiting), b"x")

    def test_one_answer_may_end_another_wait(self) -> None:
        first = self.transcript.wait_for_line("x")
        second = self.transcript.wait_for_line(re.compile("X", re.IGNORECASE))
        first.addCallback(lambda _: second.cancel())
        self.transcript(received(ANN, b"x"))
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_waits_that_are_given_up(self) -> None:
        waited_for = self.transcript.wait_for_line("x")
        seen: list[object] = []
        waited_for.addErrback(lambda why: seen.append(why.getErrorMessage()))
        self.transcript.give_up("the server was stopped")
        self.assertIn("b'x': the server was stopped; the transcript", str(seen))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.transcript(received(ANN, b"x"))

    def test_a_failure_is_trials_own(self) -> None:
        with self.assertRaises(self.failureException):
            self.transcript.assert_lines(["x"])

    def test_an_empty_line_is_one(self) -> None:
        waiting = self.transcript.wait_for_line("^$")
        self.transcript(received(ANN, b""))
        self.assertEqual(self.successResultOf(waiting), b"")

    def test_bytes(self) -> None:
        self.transcript(Chunk(ANN, TIME, b"hel"))
        waiting = self.transcript.wait_for_bytes(5, peer=ANN)
        self.transcript(Chunk(BOB, TIME, b"bob"))
        self.assertNoResult(waiting)
        self.transcript(Chunk(ANN, TIME, b"lo!"))
        self.assertEqual(self.successResultOf(waiting), b"hello!")

    def test_ends(self) -> None:
        of_bob = self.transcript.wait_for_end(BOB)
        of_all = self.transcript.wait_for_end()
        self.transcript(Accepted(ANN, TIME))
        self.transcript(Connected(BOB, TIME))
        self.transcript(finished(ANN))
        self.assertNoResult(of_all)
        self.transcript(finished(BOB, EndCause.IDLE))
        self.assertIs(self.successResultOf(of_bob).cause, EndCause.IDLE)
        self.assertEqual(self.successResultOf(of_all).peer, BOB)

    def test_the_end_of_all_is_when_none_is_open(self) -> None:
        for event in (Accepted(ANN, TIME), finished(ANN), Accepted(BOB, TIME)):
            self.transcript(event)
        waiting = self.transcript.wait_for_end()
        self.assertNoResult(waiting)
        self.transcript(finished(BOB))
        self.assertEqual(self.successResultOf(waiting), finished(BOB))

    def test_peers(self) -> None:
        waiting = self.transcript.wait_for_peers(2)
        self.transcript(Accepted(ANN, TIME))
        self.assertNoResult(waiting)
        self.transcript(Accepted(BOB, TIME))
        self.assertEqual(self.successResultOf(waiting), [ANN, BOB])

    def test_too_late(self) -> None:
        late = {
            "a line of peer 1 with b'bye', 2 times: not within 3 s": (
                self.transcript.wait_for_line("bye", peer=1, timeout=3, times=2)
            ),
            "connection of peer 2: not": self.transcript.wait_for_end(BOB, timeout=3),
            "the connection: not within": self.transcript.wait_for_end(timeout=3),
            "7 bytes: not within 3 s": self.transcript.wait_for_bytes(7, timeout=3),
            "2 peers: not within 3 s": self.transcript.wait_for_peers(2, timeout=3),
        }
        self.transcript(received(ANN, b"hello"))
        self.clock.advance(2.9)
        for waiting in late.values():
            self.assertNoResult(waiting)
        self.clock.advance(0.2)
        for what, waiting in late.items():
            why = self.failureResultOf(waiting, AssertionError).getErrorMessage()
            self.assertIn(what, why)
            self.assertIn("the transcript so far:\n", why)
            self.assertIn("127.0.0.1:60612 recv hello", why)
        self.transcript(received(ANN, b"bye", b"bye"))  # No wait is left.

    def test_too_late_and_nobody_has_asked(self) -> None:
        asked = self.transcript.wait_for_line("seen", timeout=3)
        unasked = self.transcript.wait_for_line("unseen", timeout=3)
        asked.addErrback(lambda _why: None)
        self.clock.advance(3)
        with self.assertRaises(AssertionError) as caught:
            self.transcript.assert_awaited()
        self.assertRegex(
            str(caught.exception),
            r"transcript\.py:\d+: missing await: a line with b'unseen': not within",
        )
        self.assertNotIn("b'seen'", str(caught.exception))
        self.assertIsNone(self.successResultOf(unasked))  # It is reported once.

    def test_where_the_installed_reactor_does_not_run(self) -> None:
        async def wait() -> None:
            with self.assertRaisesRegex(RuntimeError, "a loop of asyncio runs here"):
                Transcript().wait_for_line("x")

        asyncio.run(wait())


class BlockingTests(SynchronousTestCase):
    def test_answers_come_from_another_thread(self) -> None:
        transcript = BlockingTranscript()
        asked = threading.Event()

        def happen() -> None:
            asked.wait(20)
            for event in CONVERSATION:
                transcript(event)

        thread = threading.Thread(target=happen)
        thread.start()
        self.addCleanup(thread.join)
        asked.set()
        self.assertEqual(transcript.wait_for_line("by", timeout=20), b"bye")
        self.assertEqual(transcript.wait_for_peers(2, timeout=20), [ANN, BOB])
        self.assertEqual(transcript.wait_for_end(timeout=20), finished(BOB))
        transcript.assert_lines(["hello", "bye"], peer=1)

    def test_too_late(self) -> None:
        transcript = BlockingTranscript()
        transcript(received(ANN, b"hello"))
        with self.assertRaisesRegex(AssertionError, "b'x': not within 0.01 s.*\n.*hel"):
            transcript.wait_for_line("x", timeout=0.01)
        transcript.give_up("the server has ended")
        with self.assertRaisesRegex(AssertionError, "b'x': the server has ended"):
            transcript.wait_for_line("x", timeout=20)


class RecordingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()), "lab.json")

    def test_the_messages_of_one_read_are_one_event_again(self) -> None:
        events: list[Event] = [
            Accepted(ANN, TIME),
            received(ANN, b"one", b"\xff", b'two","x":"', b""),
            received(BOB, b"one", b"two"),
            Received(BOB, TIME + 1, Batch((b"three", b"four"))),
            received(BOB, b"fi", mark="partial"),
            received(BOB, b"ve", mark="partial"),
            received(BOB, b"!", mark="continued"),
            finished(BOB),
        ]
        transcript_of(*events).save(self.path)
        again = Transcript.load(self.path).events
        self.assertEqual(
            [e.messages for e in again if isinstance(e, Received)],
            [e.messages for e in events if isinstance(e, Received)],
        )

    def test_wherever_it_is_cut_off(self) -> None:
        transcript = transcript_of(
            Accepted(ANN, TIME),
            Chunk(ANN, TIME, b"\xff"),
            received(ANN, "1ä\x00}".encode(), b"2", b"\xff}", b"4}"),
            finished(ANN),
        )
        transcript.save(self.path)
        whole = self.path.read_bytes()
        for size in range(len(whole)):
            lines = whole[:size].count(b"\n")
            last = whole[:size].rpartition(b"\n")[2]
            for data in whole[:size], whole[:size] + b"\n" * bool(last) + whole:
                self.path.write_bytes(data)
                there = Transcript.load(self.path).lines(1)
                self.assertEqual(there, transcript.lines()[: len(there)])
                if lines:  # Else no peer would have connected before the second run.
                    behind = range(max(0, lines - 2), max(1, lines))
                    self.assertIn(len(there), behind, data)

    def test_the_line_that_is_wrong_is_named(self) -> None:
        transcript_of(received(ANN, *[b"%d" % n for n in range(5)])).save(self.path)
        lines = self.path.read_bytes().splitlines(keepends=True)
        for number in range(1, 6):
            wrong = [*lines]
            wrong[number - 1] = wrong[number - 1].replace(b"peer", b"pear")
            self.path.write_bytes(b"".join(wrong))
            why = f"line {number} is not of a recording"
            with self.assertRaisesRegex(InputError, why):
                Transcript.load(self.path)

    def test_a_peer_that_would_forge_its_label_is_wrong(self) -> None:
        transcript_of(Accepted(ANN, TIME)).save(self.path)
        [line] = self.path.read_bytes().splitlines()
        for good, bad in (
            (b'"127.0.0.1"', b'"1] recv data: forged"'),
            (b'"127.0.0.1"', b"1"),
            (b'"IPv4"', b'"\\u001b[2J"'),
            (b"60612", b'"forged"'),
        ):
            self.path.write_bytes(line.replace(good, bad) + b"\n")
            with self.assertRaisesRegex(InputError, "line 1 is not of a recording"):
                Transcript.load(self.path)

    def test_a_reason_that_would_drive_a_terminal_is_wrong(self) -> None:
        for event in (
            Misbehaved(ANN, TIME, "reset\x1b[2J"),
            Refused(ANN, TIME, EndCause.REFUSED, "no\nforged", 0),
            replace(finished(ANN), detail="\u202e"),
        ):
            transcript_of(event).save(self.path)
            with self.assertRaisesRegex(InputError, "line 1 is not of a recording"):
                Transcript.load(self.path)

    def test_any_name_is_loaded_as_it_was(self) -> None:
        peers = [
            Peer.of(1, UNIXAddress(b"\xff ]")),
            Peer.of(2, UNIXAddress(b"\\xff ]"), name="a\u05d0, @"),
            Peer.of(3, UNIXAddress(b"\0\0")),
        ]
        transcript_of(*(Accepted(peer, TIME) for peer in peers)).save(self.path)
        loaded = Transcript.load(self.path).events
        self.assertEqual([event.peer for event in loaded], peers)

    def test_what_is_saved_is_loaded(self) -> None:
        transcript = transcript_of(
            Chunk(ANN, TIME, b"\xff\x00\n"),
            Chunk(ANN, TIME, "ä\r\n".encode()),
            Refused(Peer(0, "IPv4", "127.0.0.1", 1), TIME, EndCause.REFUSED, "no", 3),
            *CONVERSATION,
            Connected(Peer(3, "IPv6", "::1", 1), TIME),
        )
        transcript.save(self.path)
        loaded = Transcript.load(self.path)
        self.assertEqual(loaded.render(), transcript.render())
        self.assertEqual(loaded.chunks(), [b"\xff\x00\n", "ä\r\n".encode()])
        self.assertEqual(
            [each for each in loaded.events if not isinstance(each, Received)],
            [each for each in transcript.events if not isinstance(each, Received)],
        )

    def test_several_runs_in_one_file(self) -> None:
        transcript_of(*CONVERSATION).save(self.path)
        with self.path.open("ab") as file:
            again = self.path.read_bytes()
            file.write(again)
        loaded = Transcript.load(self.path)
        self.assertEqual([peer.number for peer in loaded.peers()], [1, 2, 3, 4])
        self.assertEqual(loaded.lines(3), loaded.lines(1))

    def test_what_is_none_is_refused(self) -> None:
        transcript_of(Accepted(ANN, TIME)).save(self.path)
        good = self.path.read_text()
        for bad in (
            "hello",
            "[]",
            "{}",
            '{"event":"toast"}',
            good.replace("accepted", "toast"),
            good.replace("2026", "x"),
            good.replace("accepted", "chunk"),
            '"event"',
            "[" * 100_000,
        ):
            self.path.write_text(good + bad + "\n")
            with self.assertRaises(InputError) as caught:
                Transcript.load(self.path)
            self.assertEqual(
                str(caught.exception),
                f"read {self.path}: line 2 is not of a recording",
            )
        self.path.write_text(good + good[:50])  # Like after a crash.
        self.assertEqual(len(Transcript.load(self.path).events), 1)
        self.path.unlink()
        with self.assertRaisesRegex(InputError, "^open .*: No such file or directory$"):
            Transcript.load(self.path)

    def test_members_of_another_kind_are_refused(self) -> None:
        events: list[Event] = [
            Accepted(Peer(1, "UNIX", "h", 7, "/p", 8, 9, "name"), TIME),
            Chunk(ANN, TIME, b"\xff"),
            received(ANN, b"one", b"two", b"three"),
            Misbehaved(ANN, TIME, "reset"),
            Refused(ANN, TIME, EndCause.REFUSED, "no", 3),
            Finished(
                *(ANN, TIME, EndCause.EOF),
                received_bytes=8,
                messages=2,
                seconds=0.5,
                detail="why",
                rtt_seconds=0.25,
                retransmits=1,
            ),
        ]
        transcript_of(*events).save(self.path)
        lines = self.path.read_bytes().splitlines()
        wrong = ["true", "-1", "1.5e400", "NaN", "Infinity", "1" * 5_000, "[]", "{}"]
        # CPython 3.14 reads brackets as deep as its stack is: 8 MiB, as a rule.
        wrong += [r'"\ud800"', "[" * 500_000]
        for number, line in enumerate(lines):
            values = re.findall(rb'(:"[^"]*"|:[-0-9.e]+)', line)
            self.assertGreater(len(values), 3)
            for value, bad in product(values, wrong):
                with self.subTest(value=value, bad=bad[:20]):
                    spoilt = line.replace(value, b":" + bad.encode(), 1)
                    self.path.write_bytes(b"\n".join([*lines[:number], spoilt, b""]))
                    with self.assertRaises(InputError) as caught:
                        Transcript.load(self.path)
                    self.assertEqual(
                        str(caught.exception),
                        f"read {self.path}: line {number + 1} is not of a recording",
                    )

    def test_times_that_cannot_be(self) -> None:
        transcript_of(Accepted(ANN, 0)).save(self.path)
        good = self.path.read_text()
        for time in (
            "1970-01-01T00:00:44.1e400Z",
            "9999-12-31T23:59:59.9999999Z",
            "1969-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00+01:00Z",
            "١٩٧٠-01-01T00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.0000000000Z",
        ):
            self.path.write_text(good.replace("1970-01-01T00:00:00.0000000Z", time))
            with self.assertRaises(InputError, msg=time):
                Transcript.load(self.path)
        last = good.replace("1970-01-01T00:00:00.0", "9999-12-31T23:59:59.0")
        self.path.write_text(last)
        Transcript.load(self.path).save(self.path)
        self.assertEqual(self.path.read_text(), last)

    def test_a_member_that_stands_there_twice_is_refused(self) -> None:
        transcript_of(received(ANN, b"one", b"two")).save(self.path)
        good = self.path.read_text()
        for more in (
            ',"message":"2"',
            ',"peer":{}',
            '},{"message":"2"',
            ',"message":[]',
        ):
            for spoilt in (
                good.replace('"one"}', f'"one"{more}}}'),
                good.replace('"two"}', f'"two"{more}}}'),
            ):
                self.path.write_text(spoilt)
                with self.assertRaises(InputError, msg=spoilt):
                    Transcript.load(self.path)

    def test_very_many_lines_that_are_cut_off(self) -> None:
        transcript_of(Accepted(ANN, TIME)).save(self.path)
        with self.path.open("a") as file:
            file.write("{\n" * 200_000)
        with capturedLogs() as logs:
            self.assertEqual(Transcript.load(self.path).peers(), [ANN])
        path = self.path
        self.assertEqual(
            [formatEvent(each) for each in logs],
            [
                f"{path}: line 2 is not of a recording: cut off",
                f"{path}: 199999 more lines are cut off",
            ],
        )

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def test_whatever_is_in_it(self, data: st.DataObject) -> None:
        if not self.path.exists():
            transcript_of(*CONVERSATION, Chunk(BOB, TIME, b"\xff")).save(self.path)
        good = self.path.with_suffix(".good")
        if not good.exists():
            self.path.rename(good)
        text = bytearray(good.read_bytes())
        junk = st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [
                    *(
                        b"1e999",
                        b"-1",
                        b"null",
                        b"true",
                        b"NaN",
                        b"9999-",
                        b"1" * 4_400,
                    ),
                    *(b'"', b"\n", b"{", b"}", b"[", b"]", b",", rb"\ud800", b"\xff"),
                ]
            ),
        )
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(text)))
            text[at : at + data.draw(st.integers(0, 12))] = data.draw(junk)
        self.path.write_bytes(text)
        with contextlib.suppress(InputError):
            transcript = Transcript.load(self.path)
            transcript.render()
            transcript.save(self.path)
            again = Transcript.load(self.path)
            self.assertEqual(again.render(), transcript.render())
            list(Recorded(str(self.path)))

    @given(
        st.binary(max_size=60),
        st.floats(0, 4e9, allow_nan=False).map(lambda t: round(t, 6)),
    )
    def test_bytes_and_times_are_exact(self, data: bytes, time: float) -> None:
        event = Chunk(ANN, time, data)
        transcript = transcript_of(event)
        transcript.save(self.path)
        [again] = events_of([self.path.read_bytes()])
        assert isinstance(again, Chunk)
        self.assertEqual(again.data, data)
        self.assertAlmostEqual(again.time, time, places=6)
