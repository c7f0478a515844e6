"""Figures and downloads of what the page keeps, in memory with a fake clock."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from echolab.command.exporting import export
from echolab.events import Chunk, Received
from echolab.formats.recording import read_recording
from echolab.lab.export_settings import ExportSettings
from echolab.messages import Batch
from tests.browsing import Browser, FakeKnown, Visit, life, peer

if TYPE_CHECKING:
    from echolab.events import Event


def read_as(event: Event) -> str:
    """Return an event as it is read from a recording, as text."""
    if isinstance(event, Received):
        event = replace(event, messages=Batch(tuple(event.messages)))
    return str(event)


class KeptCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser()
        self.watch = self.browser.watch
        for number in (1, 2):
            self.watch.connections[number] = FakeKnown(number, life(number))
        self.known = self.watch.connections[1]

    def get(self, path: str) -> Visit:
        """Ask for a path until all has come."""
        visit = self.browser.ask(path)
        self.browser.turn()
        visit.vanish()
        return visit

    def written(self, visit: Visit) -> str:
        """Write what was downloaded to a file; return its path."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = Path(folder, "download")
        path.write_bytes(visit.body)
        return str(path)


class DownloadTests(KeptCase):
    def test_a_recording_of_one_connection_or_of_all(self) -> None:
        for path, name, numbers in (
            ("/connections/2.jsonl", "echolab-2.jsonl", [2]),
            ("/recording.jsonl", "echolab.jsonl", [1, 2]),
        ):
            visit = self.get(path)
            self.assertTrue(visit.is_whole)
            self.assertEqual(visit.headers["content-type"], "application/x-ndjson")
            disposition = visit.headers["content-disposition"]
            self.assertEqual(disposition, f'attachment; filename="{name}"')
            events = [*read_recording(self.written(visit))]
            expected = [each for number in numbers for each in life(number)]
            self.assertEqual([*map(str, events)], [*map(read_as, expected)])

    def test_a_capture_of_one_connection_or_of_all(self) -> None:
        for path, number in (("/connections/2", 2), ("/recording", None)):
            visit = self.get(f"{path}.pcapng")
            self.assertTrue(visit.is_whole)
            self.assertEqual(visit.headers["content-type"], "application/x-pcapng")
            recording = self.written(self.get("/recording.jsonl"))
            export(
                ExportSettings(
                    recording=recording, file=f"{recording}.pcapng", peer=number
                )
            )
            self.assertEqual(visit.body, Path(f"{recording}.pcapng").read_bytes())
            self.assertIn(b"hello\n", visit.body)

    def test_nothing_is_kept(self) -> None:
        self.watch.connections.clear()
        for form in ("jsonl", "pcapng"):
            visit = self.get(f"/recording.{form}")
            self.assertEqual(visit.status, 200)
            self.assertTrue(visit.is_whole)

    def test_a_download_is_made_while_it_is_read(self) -> None:
        made: list[int] = []

        def events() -> Any:
            for number in range(10_000):
                if number == 1000:
                    visit.wire.producer.pauseProducing()
                made.append(number)
                yield Chunk(peer(1), 11.0, b"y" * 1000)

        self.patch(self.watch, "recording", events)
        visit = self.browser.ask("/recording.jsonl")
        self.assertLess(len(made), 100)
        self.browser.turn()
        self.assertLess(len(made), 1100)
        so_far = len(visit.raw)
        self.browser.run(59.0)
        self.assertEqual(len(visit.raw), so_far)
        self.assertFalse(visit.wire.aborted)
        visit.wire.producer.resumeProducing()
        self.browser.turn()
        self.assertTrue(visit.is_whole)
        self.assertEqual(len(made), 10_000)
        self.assertEqual(visit.body.count(b"\n"), 10_000)

    def costly(self, seconds: float) -> None:
        """Let each event of a recording cost time."""

        def events() -> Any:
            for _ in range(1000):
                self.browser.spent += seconds
                yield Chunk(peer(1), 11.0, b"y")

        self.patch(self.watch, "recording", events)

    def test_all_downloads_together_take_a_fifth_of_the_time(self) -> None:
        self.costly(0.0005)
        visits = [self.browser.ask("/recording.jsonl") for _ in range(4)]
        for milliseconds in range(1, 9000):
            self.browser.run(0.001)
            self.assertLess(self.browser.spent, milliseconds * 0.0002 + 0.002)
        self.assertGreater(self.browser.spent, 1.5)
        sizes = [len(visit.body) for visit in visits]  # No one is ahead.
        self.assertLess(max(sizes) - min(sizes), max(sizes) / 50)
        for _ in range(3000):
            self.browser.run(0.001)
        for visit in visits:
            self.assertEqual(visit.body.count(b"\n"), 1000)
            self.assertTrue(visit.is_whole)

    def test_a_piece_of_a_download_takes_about_a_millisecond(self) -> None:
        self.costly(0.0005)
        visit = self.browser.ask("/recording.jsonl")
        self.assertEqual(visit.body.count(b"\n"), 2)
        self.costly(0.1)  # The second of many waits for the first.
        self.browser.ask("/recording.jsonl").vanish()
        self.browser.turn()
        self.assertEqual(visit.body.count(b"\n"), 2)
        self.browser.run(0.005)
        self.assertEqual(visit.body.count(b"\n"), 4)

    def test_a_download_that_vanishes_while_it_waits_leaves_nothing(self) -> None:
        self.costly(0.0005)
        visit = self.browser.ask("/recording.jsonl")
        other = self.browser.ask("/recording.jsonl")
        other.vanish()
        visit.vanish()
        self.assertEqual(self.browser.clock.getDelayedCalls(), [])

    def test_a_download_that_nobody_reads_is_dropped(self) -> None:
        visit = self.browser.ask("/recording.jsonl")
        visit.wire.producer.pauseProducing()
        self.browser.run(60.0)
        self.assertTrue(visit.wire.aborted)

    def test_so_many_downloads_at_a_time(self) -> None:
        visits = [self.browser.ask("/recording.jsonl") for _ in range(4)]
        self.assertEqual(self.browser.ask("/recording.pcapng").status, 503)
        self.assertEqual(self.browser.ask("/connections/1.jsonl").status, 503)
        visits[0].vanish()
        self.assertEqual(self.browser.ask("/connections/1.jsonl").status, 200)
        self.browser.turn()
        self.assertEqual(self.get("/recording.pcapng").status, 200)

    def test_a_fault_of_ours_ends_the_download_without_its_end(self) -> None:
        def events() -> Any:
            yield from life(1) * 1000
            raise ZeroDivisionError

        self.patch(self.watch, "recording", events)
        visit = self.get("/recording.jsonl")
        self.assertTrue(visit.wire.aborted)
        self.assertFalse(visit.is_whole)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_no_bytes_of_a_peer_are_in_a_header(self) -> None:
        evil = replace(peer(1), name='a"\r\nSet-Cookie: evil=1')
        self.known.peer = evil
        self.known.kept = [replace(each, peer=evil) for each in life(1)]
        for path in ("1.svg", "1.jsonl", "1.pcapng"):
            visit = self.get(f"/connections/{path}")
            self.assertEqual(visit.status, 200)
            self.assertNotIn("evil", str(visit.headers))


class FigureTests(KeptCase):
    def test_a_connection_is_drawn(self) -> None:
        for kind in ("both", "calls", "packets"):
            visit = self.get(f"/connections/1.svg?figure={kind}")
            kind_of_svg = "image/svg+xml; charset=utf-8"
            self.assertEqual(visit.headers["content-type"], kind_of_svg)
            root = ElementTree.fromstring(visit.body)
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            self.assertIn(b"connection 1: 6 bytes to the server", visit.body)
        plain = self.get("/connections/1.svg")
        self.assertEqual(plain.body, self.get("/connections/1.svg?figure=both").body)

    def test_a_figure_has_no_style_of_its_own_and_no_markup_of_a_peer(self) -> None:
        evil = b'</text><script>alert(1)</script><a href="x" onload="y">\x1b[31m&\xff\n'
        who = replace(peer(1), name="<script>alert(2)</script>\u202e\udcff")
        self.known.kept = [replace(each, peer=who) for each in life(1, evil)]
        self.known.kept[0] = life(1)[0]
        for kind in ("both", "calls", "packets"):
            body = self.get(f"/connections/1.svg?figure={kind}").body
            root = ElementTree.fromstring(body)
            tags = {each.tag.partition("}")[2] for each in root.iter()}
            self.assertLessEqual(tags, {"svg", "title", "rect", "path", "g", "text"})
            for each in root.iter():
                for name in each.attrib:
                    self.assertFalse(name.startswith(("on", "href", "style")), name)
            self.assertIsNone(re.search(rb"[\x00-\x08\x0b-\x1f]", body))
            self.assertNotIn("\u202e".encode(), body)

    def test_a_large_figure_comes_piece_by_piece(self) -> None:
        head, *_, end = life(1)
        chunks = (Chunk(peer(1), 11.0 + n, b"%d\n" % n) for n in range(1000))
        self.known.kept = [head, *chunks, end]
        visit = self.get("/connections/1.svg?figure=calls")
        self.assertEqual(int(visit.headers["content-length"]), len(visit.body))
        ElementTree.fromstring(visit.body)

    def test_a_figure_is_drawn_again_when_there_is_more_to_see(self) -> None:
        self.get("/connections/1.svg")
        self.get("/connections/1.svg")
        self.assertEqual(self.known.drawn, 1)
        self.known.revision += 1
        self.get("/connections/1.svg")
        self.assertEqual(self.known.drawn, 1)  # It was drawn less than a second ago.
        self.browser.run(1.0)
        self.get("/connections/1.svg")
        self.assertEqual(self.known.drawn, 2)

    def test_drawing_takes_its_share_of_the_time(self) -> None:
        def events() -> Any:
            self.known.drawn += 1
            self.browser.spent += 0.3
            return life(1)

        self.patch(self.known, "events", events)
        visit = self.browser.ask("/events?peer=2")
        other = self.watch.connections[2]
        for _ in range(200):
            self.known.revision += 1
            other.revision += 1
            self.get("/connections/1.svg")
            self.browser.run()
        self.assertEqual(self.known.drawn, 10)
        # The figures of all connections share it.
        revisions = {each["detail"]["revision"] for each in visit.updates}
        self.assertLess(len(revisions), 15)

    def costly(self, seconds: float, last: int = 50) -> None:
        """Let drawing a connection cost time, and let there be many."""
        for number in range(1, last + 1):
            known = self.watch.connections[number] = FakeKnown(number, life(number))

            def events(known: FakeKnown = known) -> Any:
                known.drawn += 1
                self.browser.spent += seconds
                return known.kept

            self.patch(known, "events", events)

    def test_figures_of_many_connections_share_the_time(self) -> None:
        self.costly(0.03)
        visits = [self.browser.ask(f"/connections/{n}.svg") for n in range(1, 51)]
        for second in range(10):
            self.assertAlmostEqual(self.browser.spent, 0.03 * (second + 1))
            answered = [visit.status for visit in visits if visit.raw]
            self.assertEqual(answered, [200] * (second + 1))
            for _ in range(100):
                self.browser.run(0.01001)
        statuses = [visit.status for visit in visits]
        self.assertEqual(statuses, [200] * 10 + [503] * 40)
        for visit in visits:
            visit.vanish()
        self.browser.run(1.0)
        self.assertEqual(self.browser.clock.getDelayedCalls(), [])
        self.assertAlmostEqual(self.browser.spent, 0.3)

    def test_a_figure_is_refused_at_once_if_its_turn_is_far(self) -> None:
        self.costly(0.4)
        self.assertEqual(self.browser.ask("/connections/1.svg").status, 200)
        self.assertEqual(self.browser.ask("/connections/2.svg").status, 503)
        self.assertEqual(self.browser.ask("/connections/1.svg").status, 200)

    def test_a_figure_that_two_browsers_wait_for_is_drawn_once(self) -> None:
        self.costly(0.03)
        visits = [self.browser.ask(f"/connections/{n}.svg") for n in (1, 2, 2)]
        for _ in range(3):
            self.browser.run(1.0)
        self.assertEqual(visits[1].body, visits[2].body)
        self.assertEqual(self.watch.connections[2].drawn, 1)

    def test_a_browser_that_vanishes_before_its_turn_leaves_nothing(self) -> None:
        self.costly(0.03)
        self.get("/connections/1.svg")
        self.browser.ask("/connections/2.svg").vanish()
        self.assertEqual(self.browser.clock.getDelayedCalls(), [])
        self.browser.run(1.0)
        self.assertEqual(self.watch.connections[2].drawn, 0)

    def test_a_fault_of_ours_in_a_figure_that_has_waited(self) -> None:
        self.costly(0.03)
        self.get("/connections/1.svg")
        self.patch(self.watch.connections[2], "kept", [None])
        visit = self.browser.ask("/connections/2.svg")
        self.browser.run(1.0)
        self.assertEqual(visit.status, 500)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        visit = self.browser.ask("/connections/3.svg")
        self.browser.run(1.0)
        self.assertEqual(visit.status, 200)

    def test_nothing_is_known_to_draw(self) -> None:
        self.known.kept = []
        self.assertEqual(self.get("/connections/1.svg").status, 404)

    def test_the_figures_of_few_connections_are_kept(self) -> None:
        for number in range(3, 103):
            self.watch.connections[number] = FakeKnown(number, life(number))
            self.get(f"/connections/{number}.svg")
        self.get("/connections/102.svg")
        self.assertEqual(self.watch.connections[102].drawn, 1)
        self.get("/connections/3.svg")
        self.assertEqual(self.watch.connections[3].drawn, 2)
