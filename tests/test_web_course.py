"""How a connection has gone, as browsers are told it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.trial.unittest import SynchronousTestCase

from echolab.events import Accepted, Called, Chunk, Event, LeftOut, Sent
from echolab.facts import Sampled
from echolab.web.course import Course
from tests.browsing import FakeKnown, life, peer, row

if TYPE_CHECKING:
    from echolab.web.totals import Row

WHO = peer(17)
BEGUN: list[Event] = [Called(peer(0), 2.0, "listen"), Accepted(WHO, 10.0)]


class CourseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.course = Course()
        self.known = FakeKnown(17, BEGUN)

    def moved(self, now: Row | None, time: float) -> list[Any]:
        known: Any = self.known
        return [tuple(each) for each in self.course.next(known, now, time)[0]]

    def seen(self, now: Row | None, time: float) -> list[Any]:
        known: Any = self.known
        return [tuple(each) for each in self.course.next(known, now, time)[1]]

    def counted(self, received: int, sent: int = 0) -> Row:
        return row(17, received_bytes=received, sent_bytes=sent)

    def test_bytes_are_told_with_their_times(self) -> None:
        self.known.kept = [
            *BEGUN,
            Chunk(WHO, 11.0, b"abc"),
            Sent(WHO, 11.1, b"ABC"),
            Chunk(WHO, 11.2, b"d"),
            Chunk(WHO, 19.0, b"efg"),
        ]
        self.assertEqual(
            self.moved(self.counted(7, 3), 25.0),
            [
                (11.0, 11.2, 4, 3, True),
                (19.0, 19.0, 7, 3, True),
                (19.0, 25.0, 7, 3, True),
            ],
        )
        self.assertEqual(
            self.moved(self.counted(9, 3), 25.5), [(25.0, 25.5, 9, 3, True)]
        )

    def test_silence_was_seen_but_bytes_are_not_guessed(self) -> None:
        self.assertEqual(self.moved(self.counted(0), 80.0), [(10.0, 80.0, 0, 0, True)])
        self.assertEqual(self.moved(self.counted(0), 99.0), [(80.0, 99.0, 0, 0, True)])
        self.assertEqual(
            self.moved(self.counted(5), 199.0), [(99.0, 199.0, 5, 0, False)]
        )

    def test_bytes_that_no_event_tells_of_leave_a_gap(self) -> None:
        self.known.kept = [*BEGUN, Chunk(WHO, 11.0, b"abc")]
        self.assertEqual(
            self.moved(self.counted(900), 12.0)[-1], (11.0, 12.0, 900, 0, False)
        )

    def test_what_was_left_out_is_a_gap(self) -> None:
        self.known.kept = [
            *BEGUN,
            Sampled(WHO, 11.0, "ESTABLISHED", unread_bytes=3),
            LeftOut(WHO, 15.0, 8, 100, 50),
            Chunk(WHO, 15.0, b"abc"),
            Sampled(WHO, 15.5, "ESTABLISHED"),
        ]
        known: Any = self.known
        moved, seen = self.course.next(known, self.counted(103, 50), 16.0)
        self.assertEqual(
            moved,
            [
                (11.0, 15.0, 100, 50, False),
                (15.0, 15.0, 103, 50, True),
                (15.5, 16.0, 103, 50, True),
            ],
        )
        self.assertEqual(
            seen,
            [
                (11.0, 3, 0, None),
                (11.0, None, None, None),
                (15.5, 0, 0, None),
                (16.0, 0, 0, 0.001),
            ],
        )

    def test_what_waits_is_more_than_the_kernel_has(self) -> None:
        self.known.kept = [
            *BEGUN,
            Sent(WHO, 11.0, b"x" * 9000),
            Sampled(WHO, 11.0, "ESTABLISHED", unacknowledged_bytes=5, acked_bytes=1000),
            Sampled(WHO, 11.5, "ESTABLISHED", unacknowledged_bytes=5),
        ]
        waiting = [each[2] for each in self.seen(self.counted(0, 9000), 12.0)]
        self.assertEqual(waiting, [8000, 5, 0])

    def test_the_end_is_told_once(self) -> None:
        self.known.kept = life(17)
        self.moved(self.counted(0), 10.5)
        self.assertEqual(self.moved(None, 12.5), [(11.0, 11.0, 6, 0, True)])
        self.assertEqual(self.moved(None, 13.0), [])
        self.course = Course()
        self.assertEqual(self.moved(None, 12.5), [(11.0, 11.0, 6, 0, True)])
