"""Recordings without messages: what is made again is what was received."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Chunk,
    Event,
    Finished,
    InputError,
    LeftOut,
    Limits,
    Peer,
    Received,
    ReceiverFactory,
    framing_named,
)
from echolab.events import LEDGER
from echolab.formats.recording import Recording, read_recording
from echolab.formats.reframing import RecordedFraming, recorded_framing
from tests.support import FakeTransport

ADDRESS = IPv4Address("TCP", "127.0.0.1", 60612)
FRAMINGS = (
    *("line", "chunk", "netstring", "int16", r"delimiter:\0"),
    *("length:offset=1,width=1,order=little,plus=-1", "varint", "varint:offset=1"),
    *("octet-count", "resp", "crlf-dot", "crlf-dot:after=x"),
)
PIECES = st.one_of(
    st.sampled_from([b"a\n", b"b\r\n", b"3:abc,", b"\0\2ab", b"x\0y", b"\n", b"12345"]),
    st.sampled_from(
        [b"3 abc", b"*1\r\n", b"$1\r\nx\r\n", b".\r\n", b"\r\n.", b"x\r\n"]
    ),
    st.binary(max_size=9),
)
STEPS = st.lists(st.one_of(PIECES, st.none()), max_size=9)
"""The reads of a connection; None for a silence."""


def messages_of(events: list[Event]) -> list[tuple[int, float, bytes, str | None]]:
    return [
        (event.peer.number, event.time, message, event.messages.mark)
        for event in events
        if isinstance(event, Received)
        for message in event.messages
    ]


class ReframingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = f"{self.enterContext(tempfile.TemporaryDirectory())}/lab.jsonl"

    def received(
        self, framing: RecordedFraming, *connections: list[bytes | None]
    ) -> list[Event]:
        """Receive and record; return the events."""
        clock = Clock()
        events: list[Event] = []
        factory = ReceiverFactory(
            events.append,
            clock=clock,
            make_framer=framing_named(
                framing.framing, framing.max_message_bytes, framing.overlong
            ),
            limits=Limits(partial_seconds=0.5),
            report_chunks=True,
        )
        for steps in connections:
            transport: Any = FakeTransport()
            transport.peerAddr = ADDRESS
            protocol = factory.buildProtocol(ADDRESS)
            protocol.makeConnection(transport)
            for step in steps:
                if step is None:
                    clock.advance(1)
                elif step:
                    protocol.dataReceived(step)
                clock.advance(1 / 128)  # Seven digits hold it exactly.
            protocol.connectionLost(Failure(ConnectionError("lost")))
        form = Recording(framing=framing)
        Path(self.path).write_bytes(b"".join(map(form, events)))
        return events

    @given(
        st.sampled_from(FRAMINGS),
        st.sampled_from([1, 4, 65536]),
        st.sampled_from(["split", "close"]),
        STEPS,
        STEPS,
    )
    def test_any_bytes_in_any_framing(
        self, name: str, most: int, overlong: Any, one: Any, two: Any
    ) -> None:
        events = self.received(RecordedFraming(name, most, overlong), one, two)
        again = [*read_recording(self.path)]
        self.assertEqual(messages_of(again), messages_of(events))
        others = [event for event in events if not isinstance(event, Received)]
        self.assertEqual([e for e in again if not isinstance(e, Received)], others)

    def test_bytes_are_written_once(self) -> None:
        self.received(RecordedFraming("line"), [b"hello\n"])
        written = Path(self.path).read_bytes()
        self.assertEqual(written.count(b"hello"), 1)
        self.assertTrue(
            written.startswith(
                b'{"event":"recording","framing":"line","max_message":65536,'
                b'"overlong":"split"}\n'
            )
        )

    def test_runs_in_one_file_may_have_other_framings(self) -> None:
        self.received(RecordedFraming("line"), [b"one\n"])
        before = Path(self.path).read_bytes()
        self.received(RecordedFraming("netstring"), [b"3:two,"])
        with Path(self.path).open("rb+") as file:
            after = file.read()
            file.seek(0)
            file.write(before + after)
        again = messages_of([*read_recording(self.path)])
        self.assertEqual([(n, m) for n, _, m, _ in again], [(1, b"one"), (2, b"two")])

    def test_the_next_file_after_a_rotation_goes_on(self) -> None:
        events = self.received(RecordedFraming("line"), [b"one\n", b"two\n"])
        form = Recording(framing=RecordedFraming("line"))
        cut = events.index(next(e for e in events if isinstance(e, Received))) + 1
        b"".join(map(form, events[:cut]))
        form.restart()
        Path(self.path).write_bytes(b"".join(map(form, events[cut:])))
        again = messages_of([*read_recording(self.path)])
        self.assertEqual([message for _, _, message, _ in again], [b"two"])

    def test_after_a_gap_a_message_begins_afresh(self) -> None:
        ann = Peer(1, "IPv4", "127.0.0.1", 60612)
        for left, found in (
            (LeftOut(ann, 2.0, 9, 100, 0), [b"one", b"ree", b"four"]),
            (LeftOut(ann, 2.0, 9, 0, 100), [b"one", b"twree", b"four"]),
        ):
            events: tuple[Event, ...] = (
                *(Accepted(ann, 0.0), Chunk(ann, 1.0, b"one\ntw"), left),
                *(Chunk(ann, 3.0, b"ree\n"), Chunk(ann, 4.0, b"four\n")),
            )
            form = Recording(framing=RecordedFraming("line"))
            Path(self.path).write_bytes(b"".join(map(form, events)))
            again = [*read_recording(self.path)]
            self.assertEqual([m for _, _, m, _ in messages_of(again)], found)
            self.assertEqual(
                [e for e in again if not isinstance(e, Received)], [*events]
            )

    def test_after_a_gap_bytes_that_did_not_fit_stay_unframed(self) -> None:
        ann = Peer(1, "IPv4", "127.0.0.1", 60612)
        events: tuple[Event, ...] = (
            *(Accepted(ann, 0.0), Chunk(ann, 1.0, b"no netstring")),
            *(LeftOut(ann, 2.0, 9, 100, 0), Chunk(ann, 3.0, b"3:abc,")),
        )
        form = Recording(framing=RecordedFraming("netstring"))
        Path(self.path).write_bytes(b"".join(map(form, events)))
        self.assertEqual([*read_recording(self.path)], [*events])

    def test_of_other_peoples_framings_the_messages_are_written(self) -> None:
        self.assertIs(recorded_framing("python:mine:framing", 100, "split"), None)
        other: Any = object()
        self.assertIs(recorded_framing(other, 100, "split"), None)

    def test_a_recording_is_not_believed(self) -> None:
        for wrong in (
            b'"framing":"python:os:abort","max_message":9,"overlong":"split"',
            b'"framing":"nosuch","max_message":9,"overlong":"split"',
            b'"framing":"length:width=9","max_message":9,"overlong":"split"',
            b'"framing":"line","max_message":0,"overlong":"split"',
            b'"framing":"line","max_message":-1,"overlong":"split"',
            b'"framing":"line","max_message":9,"overlong":"drop"',
            b'"framing":7,"max_message":9,"overlong":"split"',
            b'"framing":"line"',
        ):
            Path(self.path).write_bytes(b'{"event":"recording",%b}\n' % wrong)
            with self.assertRaisesRegex(InputError, "line 1 is not of a recording"):
                [*read_recording(self.path)]

    def test_what_a_program_records(self) -> None:
        events = self.received(RecordedFraming("line"), [b"on", b"e\ntw", None, b"o"])
        kinds = [type(e) for e in events if not isinstance(e, LEDGER)]
        self.assertIn(Chunk, kinds)
        self.assertIn(Finished, kinds)
        again = messages_of([*read_recording(self.path)])
        self.assertEqual(
            [(message, mark) for _, _, message, mark in again],
            [(b"one", None), (b"tw", "partial"), (b"o", "unterminated")],
        )
