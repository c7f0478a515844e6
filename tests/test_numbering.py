"""Connections of several receivers have numbers of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, EndCause, Finished, Lines, Listening, Peer, Received
from echolab.carrying.numbering import Numbering
from echolab.carrying.schema import Carried
from echolab.facts import Diagnosed

if TYPE_CHECKING:
    from echolab import Event

TIME = 1764410000.25


def carried(number: int, kind: str, receiver: str = "web1", run: str = "a") -> Carried:
    peer = Peer(number, "IPv4", "192.0.2.1", 60000 + number)
    events: dict[str, Event] = {
        "accepted": Accepted(peer, TIME),
        "received": Received(peer, TIME, Lines(b"x\n")),
        "diagnosed": Diagnosed(peer, TIME, "own", "TIME_WAIT"),
        "listening": Listening(peer, TIME, 5),
        "finished": Finished(peer, TIME, EndCause.EOF, received_bytes=0, seconds=1.0),
    }
    return Carried(receiver, run, 1, 0, (events[kind],))


def peers(numbering: Numbering, *given: Carried) -> list[Peer]:
    return [event.peer for each in given for event in numbering(each, each.events)]


def numbers(numbering: Numbering, *given: Carried) -> list[int]:
    return [peer.number for peer in peers(numbering, *given)]


class NumberTests(SynchronousTestCase):
    def test_one_server_has_its_numbers_again(self) -> None:
        given = [carried(n, "accepted") for n in (1, 2, 3)]
        given += [carried(2, "received"), carried(0, "listening")]
        self.assertEqual(numbers(Numbering(), *given), [1, 2, 3, 2, 0])

    def test_connections_of_several_receivers_and_runs_never_mix(self) -> None:
        given = (
            *(carried(1, "accepted"), carried(1, "accepted", "web2")),
            *(carried(1, "received", "web2"), carried(1, "received")),
            *(carried(1, "accepted", run="b"), carried(1, "received", run="b")),
        )
        self.assertEqual(numbers(Numbering(), *given), [1, 2, 2, 1, 3, 3])

    def test_what_comes_after_the_end_has_the_number(self) -> None:
        given = carried(1, "accepted"), carried(1, "finished"), carried(1, "diagnosed")
        self.assertEqual(numbers(Numbering(), *given), [1, 1, 1])

    def test_memory_is_bounded(self) -> None:
        numbering = Numbering(most_open=2, most_ended=1)
        numbers(numbering, *(carried(n, "accepted") for n in range(1, 9)))
        numbers(numbering, carried(7, "finished"), carried(8, "finished"))
        self.assertEqual(numbers(numbering, carried(7, "received")), [9])
        self.assertEqual(numbers(numbering, carried(8, "diagnosed")), [8])


class ReceiverTests(SynchronousTestCase):
    def test_it_is_named_from_the_second_on(self) -> None:
        given = (
            *(carried(1, "accepted"), carried(1, "accepted", run="b")),
            *(carried(1, "accepted", "web2"), carried(1, "received")),
            carried(0, "listening"),
        )
        self.assertEqual(
            [peer.receiver for peer in peers(Numbering(), *given)],
            [None, None, "web2", "web1", "web1"],
        )
