"""The stream of updates to a browser, in memory with a fake clock."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from twisted.internet import error
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from echolab import EndCause, Peer, ReceiverFactory
from echolab.events import Chunk, LeftOut, Received, Refused, Sent
from echolab.facts import Sampled
from echolab.messages import Batch
from echolab.server.service import ReceiverService
from echolab.web.watching import Watch
from tests.browsing import (
    Browser,
    FakeKnown,
    Visit,
    ended_row,
    life,
    peer,
    row,
    said,
)
from tests.support import FakeTransport

ONE = [b"one"]


def refused(detail: str) -> Refused:
    who = Peer(0, "IPv4", "192.0.2.1", 5)
    return Refused(who, 3.0, EndCause.REFUSED, detail, 2)


class StreamCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser()
        self.watch = self.browser.watch

    def next(self, visit: Visit, seconds: float = 0.5) -> dict[str, Any]:
        """Let time pass; return the one update that comes."""
        before = len(visit.updates)
        self.browser.run(seconds)
        updates = visit.updates[before:]
        self.assertEqual(len(updates), 1)
        return updates[0]


class UpdateTests(StreamCase):
    def test_a_browser_gets_all_and_then_what_is_new(self) -> None:
        self.watch.open_rows = {1: row(1), 2: row(2)}
        self.watch.ended.append(ended_row(3))
        self.watch.refused.append(refused("denied"))
        visit = self.browser.ask("/events")
        self.assertEqual(visit.headers["content-type"][:17], "text/event-stream")
        whole = self.next(visit)
        self.assertEqual(whole["run"], "r1")
        self.assertEqual(whole["time"], 1000.5)
        self.assertTrue(whole["whole"])
        self.assertEqual(whole["rows"], [list(row(1)), list(row(2))])
        self.assertEqual(whole["gone"], [])
        self.assertEqual(whole["ended"], [list(ended_row(3))])
        told = [3.0, "192.0.2.1:5", "refused", "denied", 2]
        self.assertEqual(whole["refused"], [told])
        self.assertEqual(whole["totals"]["accepted"], 1)
        self.assertEqual(whole["totals"]["lag_seconds"], 0.002)
        queues = [["127.0.0.1:8888", 0, 1024, None]]
        self.assertEqual(whole["totals"]["queues"], queues)
        self.assertNotIn("detail", whole)

        self.watch.open_rows = {1: row(1), 4: row(4)}
        self.watch.ended.append(ended_row(2))
        self.watch.refused.append(refused("denied again"))
        new = self.next(visit)
        self.assertFalse(new["whole"])
        self.assertEqual(new["rows"], [list(row(4))])
        self.assertEqual(new["gone"], [2])
        self.assertEqual(new["ended"], [list(ended_row(2))])
        self.assertEqual([each[3] for each in new["refused"]], ["denied again"])

        self.watch.open_rows = {1: row(1, received_bytes=7), 4: row(4)}
        new = self.next(visit)
        self.assertEqual(new["rows"], [list(row(1, received_bytes=7))])
        self.assertEqual((new["gone"], new["ended"], new["refused"]), ([], [], []))

    def test_more_has_ended_than_is_kept(self) -> None:
        visit = self.browser.ask("/events")
        self.watch.ended.append(ended_row(1))
        self.next(visit)
        self.watch.ended.extend(map(ended_row, range(2, 302)))
        numbers = [each[0] for each in self.next(visit)["ended"]]
        self.assertEqual(numbers, [*range(102, 302)])

    def test_messages_are_bytes_with_a_direction_and_a_mark(self) -> None:
        visit = self.browser.ask("/events")
        self.watch.take(said(1, b"one\ntwo\n"))
        part = Received(peer(2), 12.0, Batch((b"\xff</script>",), "partial"))
        self.watch.take(part)
        self.watch.take(Sent(peer(1), 13.0, b"x" * 5000))
        messages = self.next(visit)["messages"]
        names = [message[0] for message in messages]
        self.assertEqual(names, sorted(set(names)))
        shown = [message[1:7] for message in messages]
        self.assertEqual(
            shown,
            [
                [1, "127.0.0.1:40001", 11.0, "in", "", 3],
                [1, "127.0.0.1:40001", 11.0, "in", "", 3],
                [2, "127.0.0.1:40002", 12.0, "in", "partial", 10],
                [1, "127.0.0.1:40001", 13.0, "out", "", 5000],
            ],
        )
        data = [b64decode(message[7]) for message in messages]
        self.assertEqual(data, [b"one", b"two", b"\xff</script>", b"x" * 4096])
        self.assertEqual(self.next(visit)["messages"], [])

    def test_the_newest_messages_are_shown_and_the_others_counted(self) -> None:
        visit = self.browser.ask("/events")
        self.assertEqual(self.next(visit)["left_out"], 0)
        for start in range(0, 100_000, 1000):
            lines = (b"%d\n" % number for number in range(start, start + 1000))
            self.watch.take(said(1, b"".join(lines)))
        update = self.next(visit)
        data = [int(b64decode(message[7])) for message in update["messages"]]
        self.assertEqual(data, [*range(99_800, 100_000)])
        self.assertEqual(update["left_out"], 99_800)
        self.watch.recent.clear()  # They were more than are kept.
        self.watch.take(said(1, b"last\n"))
        self.watch.recent.clear()
        self.assertEqual(self.next(visit)["left_out"], 1)
        self.assertEqual(self.next(visit)["left_out"], 0)

    def test_an_update_has_so_many_bytes_of_messages(self) -> None:
        visit = self.browser.ask("/events")
        self.watch.take(said(1, (b"y" * 100_000 + b"\n") * 100))
        update = self.next(visit)
        self.assertLessEqual(sum(len(each[7]) for each in update["messages"]), 1 << 17)
        self.assertEqual(len(update["messages"]) + update["left_out"], 100)
        self.assertGreater(len(update["messages"]), 20)
        self.assertEqual({each[6] for each in update["messages"]}, {100_000})

    def test_a_browser_goes_on_where_it_was(self) -> None:
        for text in (b"one\n", b"two\n", b"three\n"):
            self.watch.take(said(1, text))
        self.watch.open_rows = {1: row(1)}
        for name, expected in (
            ("r1-2", [b"three"]),
            ("r1-3", []),
            ("r0-2", [b"one", b"two", b"three"]),
            ("r1-", [b"one", b"two", b"three"]),
            ("r1-x", [b"one", b"two", b"three"]),
            ("r1-" + "9" * 100, [b"one", b"two", b"three"]),
            ("nonsense", [b"one", b"two", b"three"]),
        ):
            visit = self.browser.ask("/events", Last_Event_ID=name)
            update = self.next(visit)
            data = [b64decode(message[7]) for message in update["messages"]]
            self.assertEqual(data, expected, name)
            self.assertTrue(update["whole"])
            self.assertEqual(len(update["rows"]), 1)
            self.assertIn(b"\nid: r1-3\n", visit.body)
            visit.vanish()
        visit = self.browser.ask("/events", Last_Event_ID="r1-999999")
        self.next(visit)
        self.watch.take(said(1, b"four\n"))
        self.assertEqual(len(self.next(visit)["messages"]), 1)

    def test_no_peer_can_break_out_of_the_stream(self) -> None:
        name = "\n\nevent: evil\r\ndata: {}\u2028\udcff"
        self.watch.open_rows = {1: row(1, peer=name)}
        self.watch.take(said(1, b"\r\r\n\n\nevent: evil\n"))
        visit = self.browser.ask("/events")
        self.assertEqual(self.next(visit)["rows"][0][1], name)
        self.assertNotIn(b"\nevent: evil", visit.body)
        self.assertTrue(visit.body.isascii())


class DetailTests(StreamCase):
    def setUp(self) -> None:
        super().setUp()
        events = [
            *life(17)[:3],
            Sampled(peer(17), 11.5, "ESTABLISHED", 0.001, 1, 2, 3, 4, 5),
            LeftOut(peer(17), 12.0, 3, 100, 50),
            Chunk(peer(17), 12.0, b"ab\n"),
            Sent(peer(17), 12.0, b"abcd"),
            Sampled(peer(17), 12.5, "ESTABLISHED"),
        ]
        self.known = FakeKnown(17, events)
        self.watch.connections[17] = self.known
        self.watch.open_rows = {17: row(17), 18: row(18)}

    def test_one_connection_is_followed_while_it_is_looked_at(self) -> None:
        visit = self.browser.ask("/events?peer=17")
        self.assertEqual(self.watch.chosen, [17])
        detail = self.next(visit)["detail"]
        self.assertEqual((detail["peer"], detail["open"]), (17, True))
        self.assertTrue(detail["followed"])
        self.assertEqual(
            detail["moved"],
            [
                [11.0, 11.0, 6, 0, True],
                [11.5, 12.0, 106, 50, False],
                [12.0, 12.0, 109, 54, True],
                [12.5, 1000.5, 6, 0, False],
            ],
        )
        self.assertEqual(
            [each[0] for each in detail["seen"]], [11.5, 11.5, 12.5, 1000.5]
        )
        self.known.is_skimmed = True
        detail = self.next(visit)["detail"]
        self.assertEqual(detail["moved"], [[1000.5, 1001.0, 6, 0, True]])
        self.assertEqual(detail["seen"], [[1001.0, 0, 0, 0.001]])
        self.assertFalse(detail["followed"])
        self.known.is_open = False
        self.watch.open_rows = {}
        detail = self.next(visit)["detail"]
        self.assertFalse(detail["open"])
        self.assertEqual([each[0] for each in detail["moved"]], [11.0, 11.5, 12.0])
        self.assertEqual(self.next(visit)["detail"]["moved"], [])
        visit.vanish()
        self.assertEqual(self.watch.chosen, [])

    def test_its_messages_are_those_of_the_peer(self) -> None:
        visit = self.browser.ask("/events?peer=17")
        self.watch.take(said(18, b"other\n"))
        self.known.messages = [(1, said(17, b"a\nb\n")), (2, Sent(peer(17), 1.0, b"c"))]
        self.watch.taken = 2
        update = self.next(visit)
        data = [b64decode(message[7]) for message in update["messages"]]
        self.assertEqual(data, [b"a", b"b", b"c"])
        self.assertEqual(update["left_out"], 0)
        self.assertEqual(len(update["rows"]), 2)
        self.watch.open_rows = {17: row(17, messages=1001)}
        self.known.messages = [(3, said(17, b"a\n" * 300))]
        self.watch.taken = 3
        update = self.next(visit)
        self.assertEqual(len(update["messages"]), 200)
        self.assertEqual(update["left_out"], 800)

    def test_a_peer_that_is_not_known(self) -> None:
        visit = self.browser.ask("/events?peer=99")
        detail = self.next(visit)["detail"]
        self.assertEqual(detail, {"peer": 99, "open": False, "unknown": True})
        self.watch.connections[99] = FakeKnown(99, life(99))
        self.assertTrue(self.next(visit)["detail"]["open"])

    def test_the_figure_is_asked_for_again_now_and_then(self) -> None:
        visit = self.browser.ask("/events?peer=17")
        first = self.next(visit)["detail"]["revision"]
        revisions = []
        for _ in range(20):
            self.known.revision += 100
            revisions.append(self.next(visit)["detail"]["revision"])
        self.assertEqual(len({*revisions} - {first}), 10)
        self.known.revision += 1
        last = self.known.revision
        self.next(visit)
        self.assertEqual(self.next(visit)["detail"]["revision"], last)


class TickTests(StreamCase):
    def test_the_kernel_is_not_asked_while_nobody_looks(self) -> None:
        self.browser.run(10.0)
        self.assertEqual(self.watch.looks, 0)
        visits = [self.browser.ask("/events") for _ in range(3)]
        for _ in range(4):
            self.browser.run()
        self.assertEqual(self.watch.looks, 4)
        self.assertEqual([len(visit.updates) for visit in visits], [4, 4, 4])
        for visit in visits:
            visit.vanish()
        self.assertEqual(self.browser.clock.getDelayedCalls(), [])

    def test_a_tick_takes_its_share_of_the_time(self) -> None:
        def look() -> None:
            self.browser.spent += 0.025

        self.patch(self.watch, "look", look)
        visit = self.browser.ask("/events")
        self.next(visit)
        self.browser.run(4.9)
        self.assertEqual(len(visit.updates), 1)
        visit.vanish()
        again = self.browser.ask("/events")  # To ask anew is not quicker.
        self.browser.run(0.0)
        self.assertEqual(again.updates, [])
        self.next(again, 0.1)

    def test_a_stream_is_never_silent_for_long(self) -> None:
        def look() -> None:
            self.browser.spent += 0.25

        self.patch(self.watch, "look", look)
        visit = self.browser.ask("/events")
        self.next(visit)
        for _ in range(3):
            before = len(visit.body)
            self.browser.run(15.0)
            self.assertEqual(visit.body[before:], b":\n\n")
        self.next(visit, 5.0)

    def test_so_many_streams_at_a_time(self) -> None:
        visits = [self.browser.ask("/events") for _ in range(8)]
        self.assertEqual(self.browser.ask("/events").status, 503)
        self.assertEqual(self.browser.ask("/events", method="HEAD").status, 503)
        self.assertEqual(self.browser.ask("/").status, 200)
        visits[3].vanish()
        self.assertEqual(self.browser.ask("/events", method="HEAD").status, 200)
        self.assertEqual(self.browser.ask("/events").status, 200)
        self.assertEqual(self.browser.ask("/events").status, 503)

    def test_a_fault_of_ours_ends_the_streams_and_is_logged(self) -> None:
        def look() -> None:
            raise ZeroDivisionError

        patched = self.patch(self.watch, "look", look)
        visit = self.browser.ask("/events")
        self.browser.run()
        self.assertTrue(visit.wire.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        visit.vanish()
        patched.restore()
        self.next(self.browser.ask("/events"))


class SlowBrowserTests(StreamCase):
    def test_a_browser_that_does_not_read_gets_nothing_until_it_reads(self) -> None:
        self.watch.open_rows = {1: row(1), 2: row(2)}
        visit, other = self.browser.ask("/events"), self.browser.ask("/events")
        self.next(visit)
        visit.wire.producer.pauseProducing()
        size = len(visit.raw)
        for number in range(40):
            self.watch.take(said(1, b"%d\n" % number * 1000))
            self.watch.open_rows = {1: row(1, received_bytes=number)}
            self.browser.run()
        self.assertEqual(len(visit.raw), size)
        self.assertEqual(len(other.updates), 41)
        visit.wire.producer.resumeProducing()
        update = self.next(visit)
        self.assertFalse(update["whole"])
        self.assertEqual(update["rows"], [list(row(1, received_bytes=39))])
        self.assertEqual(update["gone"], [2])
        self.assertEqual(len(update["messages"]), 200)
        self.assertEqual(update["left_out"], 39_800)

    def test_nothing_is_looked_at_for_browsers_that_do_not_read(self) -> None:
        visit = self.browser.ask("/events")
        visit.wire.producer.pauseProducing()
        self.browser.run(5.0)
        self.assertEqual(self.watch.looks, 0)

    def test_a_browser_that_never_reads_is_dropped(self) -> None:
        visit = self.browser.ask("/events")
        for _ in range(3):  # It may be slow for as long as it likes.
            visit.wire.producer.pauseProducing()
            self.browser.run(59.0)
            visit.wire.producer.resumeProducing()
        self.assertFalse(visit.wire.aborted)
        visit.wire.producer.pauseProducing()
        self.browser.run(60.0)
        self.assertTrue(visit.wire.aborted)


class ServerTests(SynchronousTestCase):
    """The page of a real server, in memory."""

    def test_a_browser_sees_what_a_server_receives(self) -> None:
        clock = Clock()
        watch = Watch(clock, may_skim=True)
        self.addCleanup(watch.close)
        factory = ReceiverFactory(
            watch, clock=clock, report_chunks=True, report_sent=True
        )
        watch.watch(ReceiverService([], factory, clock=clock, done=lambda _: None))
        protocol: Any = factory.buildProtocol(None)
        protocol.makeConnection(FakeTransport())
        protocol.dataReceived(b"one\n")
        browser = Browser(watch=watch, clock=clock)
        visits = [browser.ask("/events"), browser.ask("/events?peer=1")]
        clock.advance(0.5)
        for visit in visits:
            [update] = visit.updates
            self.assertEqual([row[6:9] for row in update["rows"]], [[4, 1, 0]])
            self.assertEqual([b64decode(each[7]) for each in update["messages"]], ONE)
            self.assertEqual(update["left_out"], 0)
            self.assertEqual(update["totals"]["received_messages"], 1)
        first = visits[1].updates[0]["detail"]
        self.assertTrue(first["open"] and first["followed"])
        self.assertEqual(len(first["seen"]), 1)
        for _ in range(3000):
            protocol.dataReceived(b"two\nthree\n")
        clock.advance(1.0)
        for visit in visits:
            update = visit.updates[-1]
            self.assertEqual(len(update["messages"]) + update["left_out"], 6000)
        self.assertGreater(visits[1].updates[-1]["detail"]["revision"], 1)
        protocol.connectionLost(Failure(error.ConnectionDone()))
        clock.advance(0.5)
        for visit in visits:
            update = visit.updates[-1]
            self.assertEqual(update["gone"], [1])
            self.assertEqual([each[4] for each in update["ended"]], ["eof"])
        for path in ("connections/1.svg", "connections/1.jsonl", "recording.pcapng"):
            visit = browser.ask(f"/{path}")
            clock.advance(0)
            self.assertEqual(visit.status, 200, path)
            self.assertFalse(visit.wire.aborted)
