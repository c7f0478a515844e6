"""Calls and the kernel's facts: how formats show and recordings keep them."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Called,
    Classic,
    Connected,
    Diagnosed,
    Event,
    HalfClosed,
    Hex,
    Json,
    LeftOut,
    Listening,
    Log,
    Peer,
    Raw,
    Sampled,
    Style,
    SynSaved,
)
from echolab.formats.flow import Flow
from echolab.formats.recorded_event import NOT_AN_EVENT, event_of
from echolab.formats.recording import Recording
from echolab.testing import Transcript

ANN = Peer(1, "IPv4", "127.0.0.1", 60612)
PORT = Peer(0, "IPv4", "127.0.0.1", 8888)
HERE = replace(PORT, number=1)
TIME = 1_795_000_000.1234567

FACTS: tuple[Event, ...] = (
    Called(PORT, TIME, "bind", "127.0.0.1:8888", exact=False, monotonic=7.5),
    Called(PORT, TIME, "accept", result=-1, errno="EAGAIN", seconds=0.00001),
    Called(ANN, TIME, "recv", "65536", result=6, waited_seconds=0.000038),
    Listening(PORT, TIME, 1024, waiting=3, drops=1, somaxconn=4096, syn_backlog=512),
    SynSaved(ANN, TIME, b"E\0\0\x3c"),
    Sampled(ANN, TIME, "ESTABLISHED", rtt_seconds=0.000041, acked_bytes=6),
    Sampled(ANN, TIME, "CLOSE_WAIT", unread_bytes=9, window_seconds=1.5),
    Diagnosed(ANN, TIME, "own", "TIME_WAIT", timer_seconds=59.5),
    Diagnosed(ANN, TIME, "peer", "CLOSED"),
)
GAP = LeftOut(ANN, TIME, 1234, 56_000, 3000)
BEGINNINGS: tuple[Event, ...] = (
    Accepted(ANN, TIME, HERE, 12.25),
    Connected(ANN, TIME, HERE, 12.25),
    HalfClosed(ANN, TIME),
)


class RecordingTests(SynchronousTestCase):
    def test_a_recording_keeps_them(self) -> None:
        recording = Recording()
        for event in (*FACTS, GAP, *BEGINNINGS):
            self.assertEqual(event_of(recording(event)), event)

    def test_a_fact_says_its_source_and_a_call_its_certainty(self) -> None:
        recording = Recording()
        between, exact = recording(FACTS[0]), recording(FACTS[2])
        self.assertIn(b'"source":"app"', between)
        self.assertIn(b'"certainty":"between"', between)
        self.assertIn(b'"certainty":"exact"', exact)
        self.assertIn(b'"source":"sample"', recording(FACTS[5]))
        self.assertIn(b'"source":"diag"', recording(FACTS[7]))

    def test_a_recording_is_not_believed(self) -> None:
        for event, before, after in (
            (FACTS[1], b":-1,", b":-2,"),
            (FACTS[1], b"EAGAIN", b"\\u001b[2J"),
            (FACTS[2], b'"seconds":0.0', b'"seconds":-1'),
            (FACTS[5], b'"state":"ESTABLISHED"', b'"state":7'),
            (FACTS[5], b'"state":"ESTABLISHED",', b""),
            (FACTS[5], b'"retransmits":0', b'"retransmits":-1'),
            (FACTS[7], b'"own"', b'"mine"'),
            (BEGINNINGS[0], b":12.25", b":true"),
            (GAP, b":1234,", b":-1,"),
            (GAP, b":56000,", b":true,"),
            (GAP, b',"sent_bytes":3000', b""),
        ):
            line = Recording()(event)
            self.assertIn(before, line)
            with self.assertRaises(NOT_AN_EVENT):
                event_of(line.replace(before, after))


class FormatTests(SynchronousTestCase):
    def test_other_formats_leave_the_facts_out(self) -> None:
        for make in (Classic, Raw, Hex, Log, Json):
            for event in FACTS:
                self.assertEqual(make(Style(sent=True))(event), b"", make)

    def test_no_format_shows_what_was_not_kept(self) -> None:
        for make in (Classic, Raw, Hex, Log, Json):
            self.assertEqual(make(Style(sent=True, kernel=True))(GAP), b"", make)
        flow = Flow()
        flow(BEGINNINGS[0])
        self.assertEqual(flow(GAP), b"")

    def test_the_end_of_the_peers_side_is_shown(self) -> None:
        half = HalfClosed(ANN, TIME)
        self.assertTrue(Log()(half).endswith(b" 127.0.0.1:60612 half-closed\n"))
        self.assertIn(b'"event":"half_closed"', Json()(half))
        self.assertEqual(Classic()(half), b"")

    def test_json_shows_the_beginning_as_before(self) -> None:
        for begun in (Accepted, Connected):
            self.assertEqual(
                Json()(begun(ANN, TIME, HERE, 12.25)), Json()(begun(ANN, TIME))
            )


class TranscriptTests(SynchronousTestCase):
    def test_a_transcript_has_only_what_does_not_depend_on_time(self) -> None:
        transcript = Transcript()
        for event in (*FACTS, *BEGINNINGS):
            transcript(event)
        self.assertEqual(transcript.events, [*BEGINNINGS])
