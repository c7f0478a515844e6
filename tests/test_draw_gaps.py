"""Figures of recordings that have not all events: what is left stays true."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Called,
    Chunk,
    Connected,
    EndCause,
    Event,
    Finished,
    LeftOut,
    Received,
    Sampled,
    Sent,
)
from echolab.formats.figure_words import cells
from echolab.lab.figures import figure_of
from echolab.lab.joining import Account, join
from echolab.lab.ledger import Data, End
from echolab.lab.mermaid import draw_mermaid
from echolab.lab.reading import sides_of
from echolab.lab.streams import UNKNOWN, Streams
from echolab.lab.svg import draw_svg
from tests.drawing import drawn, rows
from tests.gaps import echoes, without
from tests.sessions import TIME, Pair, older

NOTE = "… 1,234 events not kept: 56 kB received, 3000 bytes sent …"


def account_of(*recordings: list[Event]) -> Account:
    [account] = join([sides_of(events) for events in recordings])
    return account


def gap_of(pair: Pair, at: float, received: int, sent: int = 0) -> LeftOut:
    return LeftOut(pair.client, TIME + at, 1234, received, sent)


def with_gap() -> Pair:
    """Return a session whose server has a gap in the middle."""
    pair = Pair()
    pair.connects()
    pair.server_receives(1.0, b"one\n")
    pair.at_server.append(gap_of(pair, 5.0, 56_000, 3000))
    pair.server_receives(5.1, b"two\n")
    return pair


class NoteTests(SynchronousTestCase):
    def test_a_row_says_what_was_not_kept(self) -> None:
        shown = drawn(with_gap().at_server, width=140)
        [note] = [line for line in rows(shown) if "kept" in line]
        self.assertRegex(note, f"┊ +{NOTE} +┊")
        self.assertIn("\nnot all events of the server were kept\n", shown)
        self.assertNotIn("nothing", shown[shown.index("one") : shown.index("two")])

    def test_it_fits(self) -> None:
        for pair in (with_gap(), echoes()):
            recordings = [pair.at_server, *([pair.at_client] if pair.at_client else [])]
            for width in (60, 80, 100, 120):
                for encoding in ("utf-8", "ascii"):
                    shown = drawn(*recordings, width=width, encoding=encoding)
                    most = max(map(cells, shown.splitlines()))
                    self.assertLessEqual(most, width, shown)

    def test_in_every_form(self) -> None:
        figure = figure_of(account_of(with_gap().at_server), "both")
        self.assertIn(NOTE, draw_svg(figure))
        self.assertIn(NOTE, draw_mermaid(figure))

    def test_whose_events_they_are(self) -> None:
        pair = echoes()
        shown = drawn(without(pair.at_server, 10, 20), pair.at_client, width=140)
        self.assertIn("… 10 events of the server not kept: ", shown)

    def test_nothing_happened_before_or_after_a_gap_if_that_is_known(self) -> None:
        pair = Pair()
        pair.connects()
        pair.at_server.append(gap_of(pair, 5.0, 1))
        pair.server_receives(9.0, b"late\n")
        notes = [line for line in rows(drawn(pair.at_server)) if "nothing" in line]
        self.assertEqual(len(notes), 1)
        self.assertIn("… 4 s nothing …", notes[0])

    def test_nothing_is_said_of_the_time_of_a_gap(self) -> None:
        pair = echoes()
        events = without(pair.at_server, 10, 27)
        shown = rows(drawn(events, pair.at_client, width=140))
        found = [
            "nothing" in line for line in shown if " send(1" in line or "…" in line
        ]
        self.assertEqual(sum(found), 4, shown)  # Two before, two behind.

    def test_a_part_of_a_gap(self) -> None:
        pair = with_gap()
        shown = drawn(pair.at_server, width=140, between=(2.0, 3.0))
        self.assertIn(NOTE, shown)
        self.assertNotIn("nothing", shown)
        shown = drawn(pair.at_server, width=140, between=(5.06, 9.0))
        self.assertNotIn(NOTE, shown)

    def test_only_the_calls_were_not_kept(self) -> None:
        pair = Pair()
        pair.connects()
        pair.at_server.append(LeftOut(pair.client, TIME + 5.0, 1, 0, 0))
        self.assertIn("… 1 event not kept …", drawn(pair.at_server, width=120))

    def test_a_gap_without_anything_is_none(self) -> None:
        pair = Pair()
        pair.connects()
        pair.at_server.append(LeftOut(pair.client, TIME + 5.0, 0, 0, 0))
        self.assertNotIn("…", drawn(pair.at_server, width=120))

    def test_what_repeats_is_not_folded_across_a_gap(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(30):
            if at == 15:
                pair.at_server.append(gap_of(pair, 1.0 + at / 100, 5))
            pair.server_receives(1.0 + at / 100, b"x" * 100)
        shown = rows(drawn(pair.at_server, width=140))
        kinds = ["kept" if "kept" in line else "recv ×15" for line in shown[-3:]]
        self.assertEqual(kinds, ["recv ×15", "kept", "recv ×15"])

    def test_one_that_begins_in_the_middle(self) -> None:
        pair = with_gap()
        for first in (pair.at_server[0], None):
            begun = [e for e in pair.at_server if isinstance(e, Accepted)]
            gap = gap_of(pair, 1.0, 56_000, 3000)
            kept = begun if first else []
            pair.at_server = [*kept, gap]
            pair.server_receives(1.1, b"two\n")
            shown = drawn(pair.at_server, width=140)
            self.assertIn(NOTE, shown)
            is_continued = "the beginning of the connection is not" in shown
            self.assertEqual(is_continued, not first)
            [read] = [e for e in account_of(pair.at_server).entries if bytes_of(e.what)]
            self.assertEqual(bytes_of(read.what), (56_000, 4))


def bytes_of(what: object) -> tuple[int, int] | None:
    return (what.start, what.size) if isinstance(what, Data) else None


class PlaceTests(SynchronousTestCase):
    """What is left has the places that it has in the whole recording."""

    @given(st.data(), st.sampled_from([0, 3, 10]), st.booleans())
    def test_wherever_the_gaps_are(
        self, data: st.DataObject, late_bytes: int, is_server: bool
    ) -> None:
        pair = echoes(late_bytes=late_bytes)
        whole = pair.at_server if is_server else pair.at_client
        end = End.SERVER if is_server else End.CLIENT
        begins = [isinstance(each, Accepted | Connected) for each in whole].index(True)
        first = data.draw(st.integers(begins + 1, len(whole) - 2))
        last = data.draw(st.integers(first + 1, len(whole) - 1))
        events = without(whole, first, last)
        if data.draw(st.booleans()) and first > begins + 2:
            early = data.draw(st.integers(begins + 1, first - 2))
            events = without(
                events, early, data.draw(st.integers(early + 1, first - 1))
            )
        before, after = account_of(whole), account_of(events)
        true, kept = Streams(before), Streams(after)
        streams = {
            sends: b"".join(e.data for e in whole if isinstance(e, kind))
            for sends, kind in ((True, Sent), (False, Chunk))
        }
        places = [(e.latest, bytes_of(e.what)) for e in before.entries]
        for entry in after.entries:
            what = entry.what
            if isinstance(what, Data):
                self.assertIn((entry.latest, bytes_of(what)), places)
            if isinstance(what, Called) and what.result > 0:
                sends = what.call == "send"
                if not sends and what.call != "recv":
                    continue
                span = kept.span(end, what)
                if span[0] == UNKNOWN:
                    self.assertTrue(sends)
                    continue
                self.assertEqual(span, true.span(end, what))
                head = kept.head(end, *span, sends=sends)
                self.assertTrue(streams[sends][span[0] :].startswith(head))
        shown = drawn(events, width=140, unfolded=True)
        # Bytes are shown once: by their call, or as the program had them.
        figure = figure_of(after, "both", unfolded=True)
        for to in End:
            arrows = [row.arrow for row in figure.rows if row.arrow]
            spans = sorted(each.span for each in arrows if each.span and each.to is to)
            for (start, size), (later, _) in pairwise(spans):
                # What a program wrote before a gap may be sent behind it.
                twice = late_bytes if start + size > later else 0
                is_known = start != UNKNOWN
                self.assertTrue(not is_known or start + size - twice <= later, spans)
        # Who ended first is told truly, or not at all.
        first_end = next(e for e in drawn(whole).splitlines() if "first" in e)
        said = [e for e in shown.splitlines() if "ended" in e or "reset" in e]
        for line in said:
            if not line.startswith(("nobody has seen", "connection")):
                self.assertEqual(line, first_end)

    def test_both_ends_meet_behind_the_gap_of_one(self) -> None:
        pair = echoes()
        at = [type(e) for e in pair.at_server].index(Sent)
        events = without(pair.at_server, at - 1, at + 8)
        shown = drawn(events, pair.at_client, width=140, unfolded=True)
        for letter in "AF":
            [line] = [e for e in rows(shown) if f'"{letter}' in e and "▶" in e]
            self.assertIn("recv(65536)", line)
        # What the server has not kept of its sends is drawn at the client.
        lines = [e for e in rows(shown) if '"A' in e and "◀" in e]
        self.assertEqual(len(lines), 1, shown)
        self.assertIn("recv(65536)", lines[0])

    def test_messages_whose_bytes_are_not_kept_do_not_count_again(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_receives(1.0, b"one\n")
        *_, messages = pair.at_server
        self.assertIsInstance(messages, Received)
        pair.at_server[-3:] = [gap_of(pair, 1.0, 4), messages]
        pair.server_receives(2.0, b"two\n")
        datas = [bytes_of(each.what) for each in account_of(pair.at_server).entries]
        self.assertEqual([each for each in datas if each], [(4, 4)])

    def test_the_write_to_read_map(self) -> None:
        pair = echoes()
        at = [type(e) for e in pair.at_server].index(Sent)
        events = without(pair.at_server, at - 3, at + 8)
        shown = drawn(events, pair.at_client, figure="writes", width=120)
        lines = [line for line in shown.splitlines() if "│" in line]
        [first, *_] = [line for line in lines if "send 1: 11 bytes" in line]
        self.assertIn("not kept", first)
        self.assertNotIn("not read", shown)
        self.assertNotIn("not recorded", shown)
        self.assertNotIn(" became ", shown)
        self.assertIn("6 sends of the client and 4 recvs of the server", shown)


class TotalTests(SynchronousTestCase):
    def test_the_title_tells_of_all_bytes(self) -> None:
        for late in (0, 3):
            pair = echoes(late_bytes=late)
            end = pair.at_server[-1]
            assert isinstance(end, Finished)
            pair.at_server[-1] = replace(end, sent_bytes=81, unsent_bytes=2)
            at = [type(e) for e in pair.at_server].index(Sent)
            for last in range(at + 1, at + 9):
                title, *_ = drawn(without(pair.at_server, at - 2, last)).splitlines()
                self.assertEqual(
                    title,
                    "connection 1: 81 bytes to the server, 79 bytes to the client",
                )


class EndTests(SynchronousTestCase):
    """How a connection ends is told by what is left."""

    def test_an_end_whose_calls_are_not_kept(self) -> None:
        for cause, first in (
            (EndCause.EOF, "the client ended first"),
            (EndCause.STOPPED, "nobody has seen which side ended first"),
            (EndCause.RESET, "the client reset the connection"),
        ):
            pair = Pair()
            pair.connects()
            pair.server_receives(1.0, b"one\n")
            pair.at_server.append(gap_of(pair, 5.0, 10))
            pair.finishes(14, cause)
            shown = drawn(pair.at_server)
            self.assertIn(f"\n{first}\n", shown)
            self.assertIn(f"finished: {cause.value}", shown)

    def test_an_end_in_a_gap_is_not_guessed(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_receives(1.0, b"one\n")
        pair.at_server.append(gap_of(pair, 5.0, 10))
        pair.server_calls(5.1, "shutdown", "SHUT_RDWR")
        pair.server_calls(5.2, "close")
        pair.finishes(14)
        shown = drawn(pair.at_server)
        self.assertIn("\nnobody has seen which side ended first\n", shown)

    def test_a_shutdown_in_a_gap_makes_no_reset_of_the_close(self) -> None:
        pair = Pair()
        pair.connects()
        pair.at_server.append(gap_of(pair, 5.0, 10))
        pair.server_calls(5.2, "close")
        pair.finishes(14)
        self.assertNotIn("RST", drawn(pair.at_server))

    def test_what_comes_after_a_gap_tells(self) -> None:
        for seen in ("bytes", "state"):
            pair = Pair()
            pair.connects()
            pair.at_server.append(gap_of(pair, 5.0, 10))
            if seen == "bytes":
                pair.server_receives(5.1, b"two\n")
            else:
                sample = Sampled(pair.client, TIME + 5.1, "ESTABLISHED")
                pair.at_server.append(sample)
            pair.server_calls(5.2, "shutdown", "SHUT_RDWR")
            pair.server_calls(5.3, "close")
            pair.finishes(14)
            self.assertIn("\nthe server ended first\n", drawn(pair.at_server))

    def test_without_calls(self) -> None:
        shown = drawn(older(echoes().at_server))
        self.assertIn("the client ended first", shown)


class KernelTests(SynchronousTestCase):
    """What the kernel has counted in a gap is not told of the bytes around it."""

    def sampled(self, pair: Pair, at: float, **counters: int | float) -> None:
        known = {"segments_in": 9, "data_segments_in": 0, "data_segments_out": 0}
        pair.client_is_sampled(at, **{**known, **counters})

    def sends(self, pair: Pair, at: float, data: bytes, taken: int) -> None:
        pair.client_sends(at, data)
        pair.at_client[-2] = Sent(pair.server, TIME + at, data, taken)

    def test_segments(self) -> None:
        pair = Pair()
        pair.connects()
        self.sampled(pair, 0.2)
        gap = replace(gap_of(pair, 5.0, 0, 9000), peer=pair.server)
        pair.at_client.append(gap)
        self.sends(pair, 5.1, b"x" * 100, 9000)
        self.sampled(pair, 5.2, data_segments_out=400, acked_bytes=9101)
        self.sends(pair, 5.3, b"y" * 100, 9100)
        self.sampled(pair, 5.4, data_segments_out=402, acked_bytes=9201)
        shown = drawn(pair.at_client, width=120)
        self.assertNotIn("400", shown)
        self.assertRegex(shown, r'100 bytes "y+…", 2 segments')

    def test_a_window_that_was_closed_meanwhile(self) -> None:
        for before in (True, False):
            pair = Pair()
            pair.connects()
            if before:
                self.sampled(pair, 0.2, send_window=5000, window_seconds=0.5)
            gap = replace(gap_of(pair, 5.0, 0, 9000), peer=pair.server)
            pair.at_client.append(gap)
            self.sampled(pair, 5.2, send_window=0, unsent_bytes=900, window_seconds=3.5)
            shown = drawn(pair.at_client, width=140)
            self.assertIn("peer's window 0, 900 bytes unsent", shown)
            waited = "3 s" if before else "3.5 s"
            self.assertIn(f"waited for peer's window, {waited} in all", shown)
            self.assertIn(f"\nthe client waited {waited} for the server's", shown)

    def test_a_wait_that_goes_on_is_counted_once(self) -> None:
        pair = Pair()
        pair.connects()
        for at, waited in ((0.2, 0.0), (1.2, 1.0)):
            self.sampled(pair, at, window_seconds=waited)
        gap = replace(gap_of(pair, 5.0, 0, 9000), peer=pair.server)
        pair.at_client.append(gap)
        for at, waited in ((6.0, 4.0), (7.0, 6.0), (8.0, 6.0)):
            self.sampled(pair, at, window_seconds=waited)
        shown = drawn(pair.at_client, width=140)
        self.assertIn("\nthe client waited 6 s for the server's window\n", shown)
        self.assertNotIn("at once", shown)
