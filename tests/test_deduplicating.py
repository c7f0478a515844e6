"""What is in a stream twice is taken once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, Batch, HalfClosed, Lines, Peer, Received
from echolab.carrying.deduplicating import Deduplicator
from echolab.carrying.schema import Carried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echolab import Event, Messages

PEER = Peer(1, "IPv4", "192.0.2.1", 60612)


def carried(
    number: int,
    *events: Event | Messages,
    stored: int = 0,
    run: str = "3f9a",
    client: tuple[str, int] | None = None,
) -> Carried:
    taken: list[Any] = [
        Received(PEER, 1.0, each) if isinstance(each, Lines | Batch) else each
        for each in events or [Lines(b"x\n")]
    ]
    return Carried("web1", run, number, stored, taken, client)


def messages(events: Sequence[Event]) -> list[Messages]:
    return [each.messages for each in events if isinstance(each, Received)]


class CopyTests(SynchronousTestCase):
    """One message of a receiver's run, stored by the engine twice."""

    def taken(self, *given: tuple[Carried, int], most: int = 9) -> list[int]:
        """Return the numbers of those that are fresh."""
        there = Deduplicator(most_messages=most)
        return [one.number for one, place in given if there.fresh(one, place)]

    def test_a_copy_is_dropped(self) -> None:
        self.assertEqual(self.taken((carried(1), 1), (carried(1), 2)), [1])

    def test_numbers_that_are_out_of_order_are_fresh(self) -> None:
        given = [(carried(2), 1), (carried(1), 2), (carried(3), 3), (carried(2), 4)]
        self.assertEqual(self.taken(*given), [2, 1, 3])

    def test_each_run_has_its_own_numbers(self) -> None:
        given = (carried(1, stored=0), 1), (carried(1, run="77"), 2)
        self.assertEqual(self.taken(*given), [1, 1])

    def test_what_the_engine_had_before_is_a_copy_though_it_is_not_known(self) -> None:
        given = (carried(9, stored=8), 20), (carried(8), 21), (carried(10), 22)
        self.assertEqual(self.taken(*given), [9, 10])

    def test_what_is_delivered_again_from_an_earlier_place_is_fresh(self) -> None:
        """Another reader has not printed it."""
        given = (carried(9, stored=8), 20), (carried(8), 19), (carried(8), 19)
        self.assertEqual(self.taken(*given), [9, 8])

    def test_memory_is_bounded(self) -> None:
        there = Deduplicator(most_messages=2, most_runs=2, most_clients=2)
        for n in range(1, 9):
            of_client = (f"c{n}", 1)
            there.fresh(carried(n, run=str(n), stored=1, client=of_client), n)
        self.assertEqual([len(each) for each in vars(there).values()], [2, 2, 2])


class SentAgainTests(SynchronousTestCase):
    """Messages that a client has numbered, and sent again."""

    def setUp(self) -> None:
        self.there = Deduplicator()
        self.number = 0

    def take(
        self, first: int, *events: Event | Messages, place: int = 0
    ) -> list[Messages]:
        self.number += 1
        of_client = carried(self.number, *events, client=("7f3a", first))
        return messages(self.there.fresh(of_client, place or self.number))

    def test_lines_that_came_before_are_cut_off(self) -> None:
        self.assertEqual(self.take(1, Lines(b"1\n2\n3\n")), [Lines(b"1\n2\n3\n")])
        self.assertEqual(self.take(2, Lines(b"2\n3\n4\n5\n")), [Lines(b"4\n5\n")])
        self.assertEqual(self.take(2, Lines(b"2\n3\n"), Lines(b"4\n5\n")), [])
        self.assertEqual(self.take(6, Lines(b"6\n")), [Lines(b"6\n")])

    def test_and_messages_of_any_bytes(self) -> None:
        self.take(1, Batch((b"1", b"2")))
        self.assertEqual(self.take(1, Batch((b"1", b"2", b"3"))), [Batch((b"3",))])

    def test_other_events_stay(self) -> None:
        self.take(1, Lines(b"1\n"))
        again = carried(
            7,
            Accepted(PEER, 1.0),
            Lines(b"1\n"),
            HalfClosed(PEER, 2.0),
            client=("7f3a", 1),
        )
        self.assertEqual(
            self.there.fresh(again, 7), [Accepted(PEER, 1.0), HalfClosed(PEER, 2.0)]
        )

    def test_pieces_have_the_number_of_their_message(self) -> None:
        pieces = Lines(b"2a\n", "overlong"), Lines(b"2b\n", "continued")
        rest = Lines(b"3\n")
        self.assertEqual(
            self.take(1, Lines(b"1\n"), pieces[0]), [Lines(b"1\n"), pieces[0]]
        )
        # The message was not complete: it comes again, in whatever pieces.
        self.assertEqual(self.take(1, Lines(b"1\n"), *pieces, rest), [*pieces, rest])
        self.assertEqual(self.take(2, *pieces, rest, Lines(b"4\n")), [Lines(b"4\n")])

    def test_a_message_without_an_end_has_not_been_sent(self) -> None:
        cut = Lines(b"1\n", "unterminated")
        self.assertEqual(self.take(1, cut), [cut])
        self.assertEqual(self.take(1, Lines(b"12\n")), [Lines(b"12\n")])

    def test_what_is_delivered_again_from_an_earlier_place_is_fresh(self) -> None:
        self.take(5, Lines(b"5\n6\n"), place=9)
        self.assertEqual(self.take(1, Lines(b"1\n2\n"), place=8), [Lines(b"1\n2\n")])
        self.assertEqual(self.take(5, Lines(b"5\n6\n"), place=10), [])

    def test_another_client_has_its_own_numbers(self) -> None:
        self.take(1, Lines(b"1\n"))
        other = carried(9, Lines(b"1\n"), client=("b", 1))
        self.assertEqual(messages(self.there.fresh(other, 9)), [Lines(b"1\n")])

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=20))
    def test_whatever_is_sent_again_each_line_comes_once(
        self, sendings: list[tuple[int, int]]
    ) -> None:
        """A sender goes back by any number of lines, but leaves none out."""
        there, end, lines = Deduplicator(), 0, b""
        for place, (back, count) in enumerate(sendings, 1):
            first = max(0, end - back)
            end = max(end, first + count)
            block = b"".join(b"%d\n" % n for n in range(first, first + count))
            of_client = carried(place, Lines(block), client=("c", first + 1))
            lines += b"".join(
                each.raw() for each in messages(there.fresh(of_client, place))
            )
        self.assertEqual(lines, b"".join(b"%d\n" % n for n in range(end)))
