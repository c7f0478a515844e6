"""Waits for a pattern in the bytes of a connection, however they are cut."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import Chunk, EndCause, Finished, Peer, Sent
from echolab.testing import BlockingTranscript, LabProcess, Transcript, connected
from echolab.testing.data_question import DataQuestion
from echolab.testing.stream import MATCH_BYTES

if TYPE_CHECKING:
    from echolab import Event

ANN = Peer(1, "IPv4", "127.0.0.1", 60612)
BOB = Peer(2, "IPv4", "127.0.0.1", 60613)
END = b""
"""Where a peer ends, in a list of chunks."""


def event_of(data: bytes, peer: Peer = ANN) -> Event:
    if data == END:
        return Finished(peer, 0, EndCause.EOF, received_bytes=0, seconds=0)
    return Chunk(peer, 0, data)


class WaitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transcript = Transcript(clock=Clock())

    def say(self, *chunks: bytes, peer: Peer = ANN) -> None:
        for chunk in chunks:
            self.transcript(event_of(chunk, peer))

    def test_a_match_that_is_there(self) -> None:
        self.say(b"hel", b"lo\r\n")
        found = self.transcript.wait_for_data(rb"l+o\r\n")
        self.assertEqual(self.successResultOf(found), b"llo\r\n")
        found = self.transcript.wait_for_data("^hel")
        self.assertEqual(self.successResultOf(found), b"hel")

    def test_a_match_that_comes_in_pieces(self) -> None:
        waiting = self.transcript.wait_for_data(re.compile("END.", re.DOTALL))
        for data in b"xxEND":
            self.say(bytes((data,)))
        self.assertNoResult(waiting)
        self.say(b"\n")
        self.assertEqual(self.successResultOf(waiting), b"END\n")

    def test_each_peer_by_itself(self) -> None:
        any_peer = self.transcript.wait_for_data("hello")
        of_bob = self.transcript.wait_for_data("hello", peer=BOB)
        self.say(b"hel")
        self.say(b"lo", peer=BOB)
        self.assertNoResult(any_peer)
        self.say(b"lo")
        self.assertEqual(self.successResultOf(any_peer), b"hello")
        self.assertNoResult(of_bob)
        self.say(b"hello", peer=BOB)
        self.assertEqual(self.successResultOf(of_bob), b"hello")

    def test_what_was_sent(self) -> None:
        sent = self.transcript.wait_for_sent("hello", peer=1)
        self.say(b"hello")
        self.assertNoResult(sent)
        self.transcript(Sent(ANN, 0, b"hel"))
        self.transcript(Sent(BOB, 0, b"hello"))
        self.assertNoResult(sent)
        self.transcript(Sent(ANN, 0, b"lo"))
        self.assertEqual(self.successResultOf(sent), b"hello")

    def test_too_late(self) -> None:
        clock = Clock()
        self.transcript = Transcript(clock=clock)
        late = {
            "b'bye' in the bytes of a peer: not within 3 s": (
                self.transcript.wait_for_data("bye", timeout=3)
            ),
            "b'bye' in the bytes of peer 1: not within 3 s": (
                self.transcript.wait_for_data("bye", 1, timeout=3)
            ),
            "b'bye' in the bytes sent to peer 2: not within 3 s": (
                self.transcript.wait_for_sent("bye", BOB, timeout=3)
            ),
            "b'bye' in the bytes sent to a peer: not within 3 s": (
                self.transcript.wait_for_sent("bye", timeout=3)
            ),
        }
        self.say(b"by")
        clock.advance(3)
        for what, waiting in late.items():
            why = self.failureResultOf(waiting, AssertionError).getErrorMessage()
            self.assertTrue(why.startswith(what), why)

    def test_a_dollar_is_the_end_of_the_stream(self) -> None:
        for pattern in (rb"OK$", rb"OK\Z", rb"OK(?!\w)", rb"OK\b"):
            self.setUp()
            waiting = self.transcript.wait_for_data(pattern)
            self.say(b"OK")
            self.assertNoResult(waiting)
            self.say(b"AY OK", END)
            self.assertEqual(self.successResultOf(waiting), b"OK")

    def test_a_dollar_is_the_end_of_a_line_if_that_is_wanted(self) -> None:
        waiting = self.transcript.wait_for_data(rb"(?m)^OK$")
        self.say(b"no\nOK")
        self.assertNoResult(waiting)
        self.say(b"\n")
        self.assertEqual(self.successResultOf(waiting), b"OK")

    def test_what_is_next_to_a_match_needs_no_end_of_the_stream(self) -> None:
        waiting = self.transcript.wait_for_data(rb"(?<!NOT )\bOK\b")
        self.say(b"NOT OK ", b"OK", b" ")
        self.assertEqual(self.successResultOf(waiting), b"OK")

    def test_a_circumflex_is_the_beginning_of_the_stream(self) -> None:
        waiting = self.transcript.wait_for_data(rb"^b+c")
        self.say(*[b"a"] * 3, b"bc", *[b"x" * MATCH_BYTES] * 5, b"bc")
        self.assertNoResult(waiting)
        self.say(b"b", b"bc", peer=BOB)
        self.assertEqual(self.successResultOf(waiting), b"bbc")

    def test_a_long_match_in_a_long_stream(self) -> None:
        waiting = self.transcript.wait_for_data(rb"(?s)(?<=!)BEGIN.*END")
        middle = MATCH_BYTES - 100
        self.say(*[b"x" * 5_000] * 100, b"!", b"BEG", b"IN")
        self.say(*[b"y" * 1_000] * (middle // 1_000), b"E", b"N")
        self.assertNoResult(waiting)
        self.say(b"D")
        found = self.successResultOf(waiting)
        self.assertEqual((found[:6], found[-4:]), (b"BEGINy", b"yEND"))

    def test_memory_is_bounded(self) -> None:
        question = DataQuestion("never", None)
        for number in range(300):
            question.look_at(event_of(b"x" * 9_999))
            question.look_at(event_of(b"x" * 9_999, Peer(number + 2, "IPv4")))
            self.assertIsNone(question.answer())
            question.look_at(event_of(END, Peer(number + 2, "IPv4")))
        self.assertLess(question.kept_bytes, 3 * MATCH_BYTES)
        for data in b"nev", b"er":
            question.look_at(event_of(data))
        self.assertEqual(question.answer(), b"never")

    def test_what_is_forgotten_is_not_the_beginning(self) -> None:
        self.transcript = Transcript(clock=Clock(), max_bytes=2_000)
        self.say(b"x" * 2_000, b"b", b"ye")
        self.assertTrue(self.transcript.forgotten)
        beginning = self.transcript.wait_for_data("^b?ye", peer=1)
        anywhere = self.transcript.wait_for_data("bye", peer=1)
        self.assertNoResult(beginning)
        self.assertEqual(self.successResultOf(anywhere), b"bye")

    @given(st.data())
    def test_however_it_is_cut(self, data: st.DataObject) -> None:
        stream = data.draw(st.text("ab\n", max_size=12)).encode()
        cuts = data.draw(st.sets(st.integers(1, max(1, len(stream) - 1))))
        where = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
        pieces = [stream[a:b] for a, b in pairwise(where) if a < b]
        pattern = data.draw(
            st.sampled_from(
                [
                    *(rb"ab", rb"^ab", rb"(?m)^ab", rb"b$", rb"(?m)b$", rb"b\Z"),
                    *(rb"(?<=a)b\n", rb"(?<!a)b", rb"a\b", rb"a(?!b)", rb"(?s)a.*b"),
                ]
            )
        )
        early, late = Transcript(clock=Clock()), Transcript(clock=Clock())
        waiting = early.wait_for_data(pattern)
        for piece in (*pieces, END):
            early(event_of(piece))
            late(event_of(piece))
        there = re.search(pattern, stream) is not None
        self.assertEqual(waiting.called, there and bool(stream))
        self.assertEqual(late.wait_for_data(pattern).called, waiting.called)


class BlockingTests(SynchronousTestCase):
    def test_it_blocks(self) -> None:
        transcript = BlockingTranscript()
        transcript(Chunk(ANN, 0, b"hel"))
        transcript(Chunk(ANN, 0, b"lo"))
        transcript(Sent(ANN, 0, b"bye"))
        self.assertEqual(transcript.wait_for_data("l+"), b"ll")
        self.assertEqual(transcript.wait_for_sent("bye"), b"bye")
        with self.assertRaisesRegex(AssertionError, "b'x' in the bytes of a peer: not"):
            transcript.wait_for_data("x", timeout=0.01)


class ChunkTests(SynchronousTestCase):
    WHY = "with the framing chunk, .* use wait_for_data"

    def test_in_memory(self) -> None:
        talk = connected(framing="chunk")
        talk.client.write(b"hello")
        with self.assertRaisesRegex(ValueError, self.WHY):
            talk.transcript.wait_for_line("hello")
        talk.flush(1)
        waiting = talk.transcript.wait_for_data("hello")
        self.assertEqual(self.successResultOf(waiting), b"hello")

    def test_a_process(self) -> None:
        with LabProcess(framing="chunk") as server:
            for each in server, server.another("-f", "chunk", framing="line"):
                with self.assertRaisesRegex(ValueError, self.WHY):
                    each.wait_for_line("hello")

    def test_a_transcript_of_ones_own(self) -> None:
        transcript = Transcript(clock=Clock())
        transcript.framing = "chunk"
        with self.assertRaisesRegex(ValueError, self.WHY):
            transcript.wait_for_line("hello")
