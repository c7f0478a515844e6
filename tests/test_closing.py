"""Which FIN and RST have travelled, as calls and the kernel's states tell it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Called,
    Diagnosed,
    EndCause,
    Event,
    Finished,
    HalfClosed,
    Peer,
    Sampled,
)
from echolab.formats.closing import Closing
from echolab.formats.tcp_states import Told, told_by

if TYPE_CHECKING:
    from collections.abc import Iterable

ANN = Peer(1, "IPv4", "127.0.0.1", 60612)
OWN, PEERS = True, False


def call(name: str, result: int = 0, errno: str = "") -> Called:
    return Called(ANN, 0.0, name, "SHUT_WR", result, errno)


def look(state: str, unsent: int = 0, **facts: int) -> Sampled:
    facts = {"unacknowledged_bytes": unsent, "arrived_bytes": 0, **facts}
    return Sampled(ANN, 0.0, state, unsent_bytes=unsent, **facts)


def left(state: str) -> Diagnosed:
    return Diagnosed(ANN, 0.0, "own", state)


def peer_is(state: str) -> Diagnosed:
    return Diagnosed(ANN, 0.0, "peer", state)


def finished(cause: EndCause, unread: int = 0, detail: str = "") -> Finished:
    return Finished(
        ANN,
        0.0,
        cause,
        received_bytes=0,
        unread_bytes=unread,
        seconds=0.0,
        detail=detail,
    )


OPEN = look("ESTABLISHED")
SHUT, CLOSE, EOF = call("shutdown"), call("close"), call("recv")
SHUT_BOTH = replace(SHUT, arguments="SHUT_RDWR")
REFUSED_SHUT = call("shutdown", -1, "ENOTCONN")
RESET = call("recv", -1, "ECONNRESET")
HELD = look("FIN_WAIT_1", 9)
GONE = look("CLOSED")

SESSIONS: dict[str, tuple[list[Event], str]] = {
    "nothing": ([OPEN], ""),
    # In order.
    "the peer ends first": (
        [OPEN, EOF, look("CLOSE_WAIT"), SHUT, GONE, CLOSE, left("CLOSED")],
        "peer FIN, own FIN",
    ),
    "the peer's end is not read": (
        [OPEN, look("CLOSE_WAIT"), SHUT, look("LAST_ACK"), CLOSE],
        "peer FIN, own FIN",
    ),
    "the peer's end is behind bytes that are not read yet": (
        [OPEN, look("CLOSE_WAIT", unread_bytes=6)],
        "",
    ),
    "both ends are behind bytes": (
        [OPEN, look("CLOSE_WAIT", unread_bytes=6), SHUT, look("LAST_ACK", 9)],
        "peer FIN",
    ),
    "this end is first": (
        [OPEN, SHUT, look("FIN_WAIT_1"), left("FIN_WAIT_2"), left("TIME_WAIT")],
        "own FIN, peer FIN",
    ),
    "both within one look": (
        [OPEN, SHUT, look("CLOSED", arrived_bytes=1), CLOSE, left("TIME_WAIT")],
        "own FIN, peer FIN",
    ),
    "the peer was first, as nothing is left": (
        [OPEN, SHUT, look("CLOSED", arrived_bytes=1), EOF, CLOSE, left("CLOSED")],
        "peer FIN, own FIN",
    ),
    "nothing tells what is left": (
        [OPEN, SHUT, GONE, EOF, CLOSE, finished(EndCause.EOF)],
        "own FIN, peer FIN, in unknown order",
    ),
    "half of it": (
        [OPEN, SHUT, look("FIN_WAIT_2"), call("recv", 6), EOF, GONE, REFUSED_SHUT],
        "own FIN, peer FIN",
    ),
    # Behind unsent bytes.
    "held": ([OPEN, SHUT, HELD], ""),
    "held, then sent": (
        [OPEN, SHUT, HELD, look("FIN_WAIT_1", 1), look("FIN_WAIT_1")],
        "own FIN",
    ),
    "held; the peer answers": (
        [OPEN, SHUT, HELD, EOF, GONE, CLOSE, left("TIME_WAIT"), peer_is("CLOSED")],
        "own FIN, peer FIN",
    ),
    "held; the peer, on another machine, ends, too": (
        [OPEN, SHUT, HELD, EOF, GONE, CLOSE, left("TIME_WAIT")],
        "own FIN, peer FIN, in unknown order",
    ),
    "held; the peer did not wait": (
        [OPEN, SHUT, HELD, EOF, GONE, CLOSE, left("TIME_WAIT"), peer_is("TIME_WAIT")],
        "own FIN, peer FIN, in unknown order",
    ),
    "held; the peer did not wait, as a look tells before the read": (
        [OPEN, SHUT, HELD, GONE, peer_is("TIME_WAIT"), EOF, CLOSE, left("TIME_WAIT")],
        "own FIN, peer FIN, in unknown order",
    ),
    "held; the peer is first": (
        [OPEN, SHUT, HELD, EOF, look("CLOSING", 9), GONE, CLOSE],
        "peer FIN, own FIN",
    ),
    "held; both between two looks": (
        [OPEN, SHUT, HELD, EOF, look("CLOSING")],
        "peer FIN, own FIN, in unknown order",
    ),
    "held and closed; the peer answers": (
        [
            *(OPEN, SHUT, HELD, CLOSE, left("FIN_WAIT_1"), left("TIME_WAIT")),
            *(peer_is("CLOSED"),),
        ],
        "own FIN, peer FIN",
    ),
    "held and closed; nothing tells which is first": (
        [OPEN, SHUT, HELD, CLOSE, left("CLOSING"), left("TIME_WAIT")],
        "peer FIN, own FIN, in unknown order",
    ),
    "held and closed; it has arrived": (
        [OPEN, SHUT, HELD, CLOSE, peer_is("CLOSE_WAIT")],
        "own FIN",
    ),
    "held; the peer resets": (
        [OPEN, SHUT, HELD, RESET, look("CLOSED", 9), REFUSED_SHUT, CLOSE],
        "peer RST",
    ),
    "held; sent, but not acknowledged before the reset": (
        [OPEN, SHUT, HELD, look("CLOSED", unacknowledged_bytes=9), RESET, CLOSE],
        "own FIN, peer RST",
    ),
    "held; a reset that no call meets": (
        [
            *(OPEN, SHUT, HELD, look("CLOSED", 9), REFUSED_SHUT, CLOSE),
            finished(EndCause.RESET, detail="ECONNRESET"),
        ],
        "peer RST",
    ),
    "held and closed; a reset": (
        [OPEN, SHUT, HELD, CLOSE, left("FIN_WAIT_1"), left("CLOSED")],
        "RST deduced",
    ),
    "held by the last look, without another": (
        [look("ESTABLISHED", 9), SHUT, CLOSE],
        "",
    ),
    # At the same time.
    "crossing": (
        [OPEN, SHUT, look("CLOSING"), GONE, CLOSE],
        "own FIN, peer FIN, in unknown order",
    ),
    "crossing, as what is left of both tells": (
        [
            *(OPEN, SHUT, look("FIN_WAIT_1"), CLOSE, left("TIME_WAIT")),
            *(peer_is("TIME_WAIT"),),
        ],
        "own FIN, peer FIN, in unknown order",
    ),
    # Resets.
    "a reset": ([OPEN, RESET, GONE, REFUSED_SHUT, CLOSE, left("CLOSED")], "peer RST"),
    "a reset of a send": ([call("send", -1, "EPIPE"), REFUSED_SHUT], "peer RST"),
    "a reset of what comes after the peer's end": (
        [
            OPEN,
            EOF,
            look("CLOSE_WAIT"),
            call("send", 5),
            GONE,
            REFUSED_SHUT,
            CLOSE,
            finished(EndCause.EOF),
        ],
        "peer FIN, peer RST deduced",
    ),
    "a reset that the last call meets": (
        [OPEN, call("recv", 1), GONE, RESET, REFUSED_SHUT, CLOSE],
        "peer RST",
    ),
    "closed with SO_LINGER": ([OPEN, CLOSE, left("CLOSED")], "own RST deduced"),
    "closed with unread bytes": (
        [OPEN, SHUT, look("FIN_WAIT_1", unread_bytes=6), CLOSE, left("CLOSED")],
        "own FIN, own RST deduced",
    ),
    "closed with unread bytes, its FIN held": (
        [OPEN, SHUT, look("FIN_WAIT_1", 9, unread_bytes=6), CLOSE],
        "own RST deduced",
    ),
    "closed with unread bytes, without looks": (
        [SHUT, CLOSE, finished(EndCause.STOPPED, unread=6)],
        "own FIN, own RST deduced",
    ),
    "bytes came after the end": (
        [OPEN, SHUT_BOTH, look("CLOSED", data_segments_in=1), CLOSE, left("CLOSED")],
        "own FIN, own RST deduced",
    ),
    "bytes came twice, then a reset": (
        [OPEN, SHUT, look("CLOSED", data_segments_in=1), RESET, REFUSED_SHUT, CLOSE],
        "own FIN, peer RST",
    ),
    "a reset after the end, by one of the two": (
        [OPEN, SHUT, look("FIN_WAIT_2"), CLOSE, left("FIN_WAIT_2"), left("CLOSED")],
        "own FIN, RST deduced",
    ),
    # Without a packet.
    "the peer vanishes": (
        [
            *(OPEN, call("recv", -1, "ETIMEDOUT"), GONE, REFUSED_SHUT, CLOSE),
            *(left("CLOSED"), finished(EndCause.TIMEOUT, detail="ETIMEDOUT")),
        ],
        "",
    ),
    "the kernel gives up while nothing is read": (
        [
            *(OPEN, GONE, REFUSED_SHUT, CLOSE, left("CLOSED")),
            finished(EndCause.TIMEOUT, detail="ETIMEDOUT"),
        ],
        "",
    ),
    "the peer resets while nothing is read": (
        [
            *(OPEN, GONE, REFUSED_SHUT, CLOSE, left("CLOSED")),
            finished(EndCause.RESET, detail="ECONNRESET"),
        ],
        "peer RST",
    ),
    "the peer vanishes, as a look finds first": (
        [
            OPEN,
            call("recv", 1),
            GONE,
            call("recv", -1, "ETIMEDOUT"),
            REFUSED_SHUT,
            CLOSE,
        ],
        "",
    ),
    "nothing is ready": ([OPEN, call("recv", -1, "EAGAIN")], ""),
    # TLS: its end is not that of TCP.
    "TLS ends": ([OPEN, call("recv", 24), HalfClosed(ANN, 0.0)], ""),
    # Without calls.
    "looks without calls": (
        [OPEN, look("CLOSE_WAIT"), GONE, finished(EndCause.EOF)],
        "peer FIN, own FIN deduced",
    ),
    "only eof": ([finished(EndCause.EOF)], "peer FIN, own FIN deduced"),
    "only half-closed": (
        [HalfClosed(ANN, 0.0), finished(EndCause.STOPPED)],
        "peer FIN, own FIN deduced",
    ),
    "only idle": ([finished(EndCause.IDLE, unread=3)], "own RST deduced"),
    "only reset": ([finished(EndCause.RESET, detail="ECONNRESET")], "peer RST"),
    "only timeout": ([finished(EndCause.TIMEOUT)], ""),
}


def told(closing: Closing[str]) -> str:
    """Return all marks in words."""
    words = [
        f"{mark.end or ''} {mark.kind}{'' if mark.is_noticed else ' deduced'}".strip()
        for mark in closing.marks
    ]
    return ", ".join(words + ["in unknown order"] * (not closing.is_ordered))


def closed(events: Iterable[Event], *, has_packets: bool = True) -> Closing[str]:
    closing = Closing("own", "peer", has_packets=has_packets)
    for event in events:
        closing.take("own", event)
    return closing


class SessionTests(SynchronousTestCase):
    def test_one_end_tells(self) -> None:
        for name, (events, marks) in SESSIONS.items():
            self.assertEqual(told(closed(events)), marks, name)

    def test_the_other_end_tells(self) -> None:
        """The two ends have the same rules."""
        for name, (events, marks) in SESSIONS.items():
            closing = Closing("peer", "own")
            for event in events:
                closing.take("own", event)
            self.assertEqual(told(closing), marks, name)


class TwoEndsTests(SynchronousTestCase):
    def closed(self, *events: tuple[str, Event]) -> str:
        closing = Closing("own", "peer")
        for end, event in events:
            closing.take(end, event)
        closing.end()
        return told(closing)

    def test_what_the_other_end_reads_was_sent(self) -> None:
        found = self.closed(
            *(("own", OPEN), ("own", SHUT), ("own", HELD), ("peer", EOF)),
            *(("peer", SHUT), ("own", EOF), ("own", GONE)),
        )
        self.assertEqual(found, "own FIN, peer FIN")

    def test_a_reset_is_met_by_the_other_end(self) -> None:
        found = self.closed(("own", OPEN), ("own", CLOSE), ("peer", RESET))
        self.assertEqual(found, "own RST")

    def test_crossing_is_ordered_by_the_calls_of_both(self) -> None:
        found = self.closed(
            *(("own", OPEN), ("own", SHUT), ("peer", SHUT), ("own", look("CLOSING"))),
            *(("own", CLOSE), ("own", left("TIME_WAIT"))),
            ("own", peer_is("TIME_WAIT")),
        )
        self.assertEqual(found, "own FIN, peer FIN")

    def test_a_reset_by_one_side_is_that_of_whose_the_other_meets(self) -> None:
        found = self.closed(
            *(("own", OPEN), ("own", SHUT), ("own", HELD), ("own", CLOSE)),
            *(("own", left("CLOSED")), ("peer", RESET)),
        )
        self.assertEqual(found, "own RST")


class PlaceTests(SynchronousTestCase):
    def test_a_fin_stands_at_the_call_that_has_sent_it(self) -> None:
        closing = closed([OPEN, SHUT])
        self.assertTrue(closing.is_undecided)
        [mark] = closing.take("own", look("FIN_WAIT_1"))
        self.assertIs(mark.at, SHUT)
        self.assertFalse(closing.is_undecided)

    def test_a_read_is_undecided_while_the_own_end_is_held(self) -> None:
        closing = closed([OPEN, SHUT, HELD, EOF])
        self.assertTrue(closing.is_undecided)
        closing.take("own", GONE)
        marks = closing.take("own", left("TIME_WAIT"))
        self.assertEqual([mark.at for mark in marks], [EOF, EOF])
        self.assertFalse(closing.is_undecided)

    def test_a_fin_that_was_first_stands_at_the_call_of_the_other(self) -> None:
        closing = closed([OPEN, SHUT, GONE, EOF, CLOSE, left("CLOSED")])
        self.assertEqual([mark.at for mark in closing.marks], [SHUT, SHUT])

    def test_a_fin_is_told_after_the_bytes_before_it(self) -> None:
        bye = call("recv", 4)
        waits = look("CLOSE_WAIT", unread_bytes=4)
        acknowledged = look("CLOSED", unread_bytes=4)
        for begin in (
            (waits, SHUT, look("LAST_ACK", unread_bytes=4)),
            (waits, SHUT, acknowledged),
            (OPEN, SHUT, acknowledged),
        ):
            closing = Closing("own", "peer", after_bytes=True)
            events: list[Event] = [*begin, bye, EOF, CLOSE, left("CLOSED")]
            for event in events:
                closing.take("own", event)
            self.assertEqual(told(closing), "own FIN, peer FIN")
            self.assertEqual([mark.at for mark in closing.marks], [SHUT, EOF])
            self.assertEqual([mark.is_late for mark in closing.marks], [False, True])
            first = closing.first
            assert first is not None
            self.assertEqual(first.end, "peer")

    def test_without_looks_there_is_nothing_to_wait_for(self) -> None:
        closing = closed([SHUT])
        self.assertFalse(closing.is_undecided)
        self.assertEqual(told(closing), "own FIN")

    def test_a_recording_that_breaks_off(self) -> None:
        closing = closed([OPEN, SHUT])
        self.assertEqual(told(closing), "")
        closing.end()
        self.assertEqual(told(closing), "own FIN")

    def test_who_still_waits(self) -> None:
        self.assertEqual(closed([OPEN, SHUT, HELD, CLOSE]).held, "own")
        self.assertIsNone(closed([OPEN, SHUT, HELD, RESET]).held)
        self.assertIsNone(closed([OPEN]).held)


class UnixTests(SynchronousTestCase):
    def test_a_side_ends_with_its_call(self) -> None:
        for events, marks in (
            ([EOF, SHUT, CLOSE], "peer FIN, own FIN"),
            ([CLOSE], "own FIN"),
            ([SHUT, EOF, CLOSE], "own FIN, peer FIN"),
            ([RESET, REFUSED_SHUT, CLOSE], ""),
        ):
            self.assertEqual(told(closed(events, has_packets=False)), marks)


class StateTests(SynchronousTestCase):
    """The states of RFC 9293, figure 6."""

    def test_what_each_state_tells(self) -> None:
        for state, unsent, unread, was_held, tells in (
            ("ESTABLISHED", 0, 0, False, Told(())),
            ("FIN_WAIT_1", 0, 0, False, Told((OWN,))),
            ("FIN_WAIT_1", 5, 0, False, Told(())),
            ("FIN_WAIT_1", None, 0, True, Told(())),
            ("FIN_WAIT_2", None, 0, True, Told((OWN,))),
            ("CLOSE_WAIT", 5, 0, False, Told((PEERS,))),
            ("CLOSE_WAIT", 0, 5, False, Told(())),
            ("LAST_ACK", 0, 5, False, Told((PEERS, OWN))),
            ("LAST_ACK", 5, 0, False, Told((PEERS,))),
            ("LAST_ACK", None, 0, False, Told((PEERS,))),
            ("CLOSING", 5, 0, True, Told((PEERS,))),
            ("CLOSING", 5, 5, True, Told(())),
            ("CLOSING", 0, 0, False, Told((OWN, PEERS), is_ordered=False)),
            ("CLOSING", 0, 0, True, Told((PEERS, OWN), is_ordered=False)),
            ("CLOSING", None, 0, True, Told((PEERS,), is_ordered=False)),
            ("TIME_WAIT", None, 0, False, Told((OWN, PEERS))),
            ("TIME_WAIT", None, 0, True, Told((OWN, PEERS), is_ordered=False)),
            ("CLOSED", 0, 0, False, Told(())),
            ("NEW_SYN_RECV", 0, 0, False, Told(())),
        ):
            found = told_by(state, unsent=unsent, unread=unread, was_held=was_held)
            self.assertEqual(found, tells, (state, unsent, unread, was_held))


ANY = st.sampled_from(
    [event for events, _ in SESSIONS.values() for event in events]
    + [replace(SHUT, arguments="SHUT_RD"), peer_is("CLOSED")]
)


class HostileTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.sampled_from(["own", "peer"]), ANY)), st.booleans())
    def test_each_end_ends_once(
        self, events: list[tuple[str, Event]], has_packets: bool
    ) -> None:
        closing = Closing("own", "peer", has_packets=has_packets)
        for end, event in events:
            closing.take(end, event)
        closing.end()
        fins = [mark.end for mark in closing.marks if mark.kind == "FIN"]
        self.assertEqual(len(fins), len({*fins}))
        resets = [mark for mark in closing.marks if mark.kind == "RST"]
        self.assertLessEqual(len(resets), has_packets)
        self.assertEqual(resets, closing.marks[-1:] if resets else [])
