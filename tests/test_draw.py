"""``echolab draw``: figures of recordings, as text."""

from __future__ import annotations

import re
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from echolab import Called, Misbehaved, Peer
from echolab.formats.figure_words import cells, duration
from tests.drawing import BOTH, drawn, rows
from tests.sessions import TIME, Pair, hello
from tests.support import ROOT


class LectureTests(SynchronousTestCase):
    def test_both_figures_in_one(self) -> None:
        pair = hello()
        self.assertEqual(drawn(pair.at_server, pair.at_client), BOTH)

    def test_the_call_flow(self) -> None:
        pair = hello()
        shown = drawn(pair.at_server, pair.at_client, figure="calls", width=120)
        self.assertNotIn("SYN", shown)
        self.assertNotIn("deduced", shown)
        lines = rows(shown)
        for call, answer in (
            ("connect(127.0.0.1:8888) = 0", "accept() = 127.0.0.1:60612"),
            ("send(6) = 6", "recv(65536) = 6 300 µs later"),
            ("shutdown(SHUT_WR)", "recv(65536) = 0"),
        ):
            [line] = [line for line in lines if call in line]
            self.assertRegex(
                line, rf"│.*▶│ {answer.replace('(', '.').replace(')', '.')}"
            )

    def test_the_packet_flow_of_one_hello_has_eight_packets(self) -> None:
        pair = hello()
        shown = drawn(pair.at_server, pair.at_client, figure="packets")
        arrows = [line for line in rows(shown) if "▶" in line or "◀" in line]
        for arrow, words in zip(
            arrows,
            ("SYN", "SYN, ACK", "ACK", "6 bytes", "ACK", "FIN", "FIN, ACK", "ACK"),
            strict=True,
        ):
            self.assertIn(f" {words}", arrow)
        self.assertNotIn("recv", shown)
        self.assertIn("TIME_WAIT 60 s", shown)

    def test_it_fits(self) -> None:
        pair = hello()
        for width in (60, 80, 100, 120):
            for figure in ("both", "calls", "packets"):
                for recordings in (
                    (pair.at_server, pair.at_client),
                    (pair.at_server,),
                    (pair.at_client,),
                ):
                    shown = drawn(*recordings, figure=figure, width=width)
                    most = max(map(cells, shown.splitlines()))
                    self.assertLessEqual(most, width, shown)
                    lanes = {line.find("│") for line in rows(shown) if "│" in line}
                    self.assertEqual(len(lanes), 1, shown)


class WritesTests(SynchronousTestCase):
    def pair(self) -> Pair:
        pair = Pair()
        pair.connects()
        for at, line in enumerate((b"one\n", b"two\n", b"three\n")):
            pair.client_sends(0.5 + at / 10_000, line)
        pair.server_receives(0.6, b"one\ntwo\nthree\n")
        syllables = "안녕\n".encode()
        pair.client_sends(1.0, syllables)
        pair.server_receives(1.1, syllables[:4])
        pair.server_receives(1.2, syllables[4:])
        pair.client_sends(2.0, b"bye\n")
        return pair

    def test_sends_are_cut_and_merged(self) -> None:
        pair = self.pair()
        shown = drawn(pair.at_server, pair.at_client, figure="writes")
        found = [re.split("  +|[│─▶]+", line) for line in rows(shown)]
        pieces = [[each.strip() for each in line if each.strip()] for line in found]
        self.assertEqual(
            [line[-3:] for line in pieces[:5]],
            [
                ["send 1: 4 bytes", r'bytes 0-3 "one\n"', "recv 1: 14 bytes"],
                ["send 2: 4 bytes", r'bytes 4-7 "two\n"', "… recv 1"],
                ["send 3: 6 bytes", r'bytes 8-13 "three\n"', "… recv 1"],
                ["send 4: 7 bytes", r'bytes 14-17 "안\xeb"', "recv 2: 4 bytes"],
                ["… send 4", r'bytes 18-20 "\x85\x95\n"', "recv 3: 3 bytes"],
            ],
        )
        self.assertEqual(pieces[5][-2:], ["send 5: 4 bytes", "not read"])
        self.assertIn("5 sends of the client became 3 recvs of the server", shown)

    def test_the_docs_show_it(self) -> None:
        pair = self.pair()
        shown = drawn(pair.at_server, pair.at_client, figure="writes")
        page = (ROOT / "docs" / "drawing.md").read_text()
        self.assertIn("\n".join(rows(shown)), page)

    def test_both_directions(self) -> None:
        pair = self.pair()
        pair.server_calls(3.0, "send", 9, 9)
        pair.client_calls(3.1, "recv", 65536, 9)
        shown = drawn(pair.at_server, pair.at_client, figure="writes")
        self.assertIn("1 send of the server became 1 recv of the client; 1 of", shown)
        self.assertRegex(rows(shown)[-1], r"recv 1: 9 bytes +│◀─+ bytes 0-8 ─+│ send 1")

    def test_thousands(self) -> None:
        pair = FoldTests().bulk(2000)
        shown = drawn(pair.at_server, pair.at_client, figure="writes")
        self.assertLess(len(rows(shown)), 40)
        self.assertRegex(shown, r"send ×\d+ .* recv ×\d+")

    def test_older_recordings_have_reads_and_writes(self) -> None:
        pair = self.pair()
        for recorded in pair.at_client, pair.at_server:
            recorded[:] = [event for event in recorded if not isinstance(event, Called)]
        shown = drawn(pair.at_server, pair.at_client, figure="writes")
        self.assertIn("5 writes of the client became 3 reads of the server", shown)


class SafetyTests(SynchronousTestCase):
    def test_nothing_in_a_recording_drives_a_terminal(self) -> None:
        evil = "\x1b[2J\u202e\u05d0\x9b\u200b\xa0\ufeff".encode() + b"\xff\r"
        pair = Pair(Peer(1, "IPv4", "127.0.0.1", 60612, name="\x1b[31m"))
        pair.connects()
        pair.server_receives(0.1, evil)
        pair.server_calls(0.2, "recv", "\u05d0\u202e", 5)
        pair.at_server.append(Misbehaved(pair.client, TIME, "\x1b]0;\u05d0"))
        for encoding in ("utf-8", "ascii", "latin-1"):
            shown = drawn(pair.at_server, encoding=encoding, width=140)
            shown.encode(encoding)
            bad = {each for each in shown if not each.isprintable()} - {"\n"}
            self.assertEqual(bad, set())
            self.assertNotIn("\u05d0", shown)

    def test_without_unicode(self) -> None:
        pair = Pair()
        pair.connects()
        pair.saves_syn()
        pair.client_sends(0.8, "안녕\n".encode())
        for encoding in ("ascii", "iso-8859-15"):
            shown = drawn(pair.at_server, pair.at_client, encoding=encoding)
            self.assertTrue(shown.isascii() or encoding != "ascii")
            self.assertRegex(shown, r"\|-+ SYN, MSS 65495 -+>\|")
            self.assertIn("... 800 ms nothing ...", shown)
            self.assertIn("\\uc548", shown)
            self.assertLessEqual(max(map(len, shown.splitlines())), 80)

    def test_long_words_are_broken_where_they_are_made_of_parts(self) -> None:
        pair = hello()
        long = "close:after-messages=1,more=2"
        at = pair.at_server[-1].time
        pair.at_server.append(Misbehaved(pair.client, at, long))
        lines = rows(drawn(pair.at_server, pair.at_client))
        place = next(n for n, line in enumerate(lines) if "misbehaves:" in line)
        words = [line.rsplit("│", 1)[1].strip() for line in lines[place : place + 3]]
        self.assertRegex(words[1], "[-=,:]$")
        self.assertEqual("".join(words), f"misbehaves:{long}")

    def test_wide_characters_keep_the_lanes_straight(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_receives(0.1, "안녕하세요, 여러분 반갑습니다\n".encode())
        shown = drawn(pair.at_server)
        ends = {cells(line[: line.rfind("│")]) for line in rows(shown) if "│" in line}
        self.assertEqual(len(ends), 1, shown)
        self.assertIn("안녕하", shown)


class DurationTests(SynchronousTestCase):
    def test_two_digits_and_a_unit(self) -> None:
        for seconds, text in (
            (38e-6, "38 µs"),
            (0.0042, "4.2 ms"),
            (60, "60 s"),
            (100, "1.7 min"),
            (5900, "98 min"),
            (7500, "2.1 h"),
            (90_000, "25 h"),
            (345_600, "4 d"),
        ):
            self.assertEqual(duration(seconds), text)


class FoldTests(SynchronousTestCase):
    def bulk(self, number: int) -> Pair:
        pair = Pair()
        pair.connects()
        for at in range(number):
            pair.client_sends(1 + at / number, b"x" * 65536)
            pair.server_receives(1.0001 + at / number, b"x" * 65536)
        pair.ends(3.0, number * 65536)
        return pair

    def test_what_repeats_is_one_row(self) -> None:
        pair = self.bulk(412)
        shown = drawn(pair.at_server, pair.at_client)
        self.assertLess(len(rows(shown)), 25)
        self.assertIn("send ×412", shown)
        self.assertIn("recv ×412", shown)
        self.assertIn("27 MB in ", shown)

    def test_all_of_it_if_asked_for(self) -> None:
        pair = self.bulk(412)
        shown = drawn(pair.at_server, pair.at_client, unfolded=True)
        self.assertEqual(shown.count("send("), 412)
        self.assertNotIn("×412", shown)

    def test_what_the_kernel_says_is_folded_too(self) -> None:
        pair = Pair()
        pair.connects()
        counted = {"segments_in": 1, "data_segments_in": 0}
        pair.client_is_sampled(0.5, data_segments_out=0, **counted)
        for at in range(50):
            pair.client_sends(1 + at / 100, b"x" * 1000)
            pair.client_is_sampled(
                1.001 + at / 100,
                send_window=at % 2,
                data_segments_out=at * 3 + 3,
                **counted,
            )
        for figure in ("both", "packets"):
            shown = drawn(pair.at_client, figure=figure)
            self.assertLess(len(rows(shown)), 20)
            self.assertIn("window 0 ×25", " ".join(shown.split()))
            self.assertIn("150 segments", shown)
            self.assertEqual(shown.count("ACK"), 2)  # The handshake is not folded.

    def test_a_stall_is_not_lost(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(50):
            pair.client_is_sampled(1 + at / 100, send_window=at % 2)
        shown = drawn(pair.at_client)
        self.assertIn("window 0 ×24", " ".join(shown.split()))

    def test_a_stall_breaks_a_fold(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(200):
            late = 3 if at > 99 else 0
            time = 1 + at / 1000 + late
            pair.client_calls(time, "recv", 65536, 10)
            pair.client_sends(time + 0.0001, b"x" * 10)
            waited = at % 2 * 0.02 + at * 0.02 + late
            pair.client_is_sampled(time + 0.0002, window_seconds=waited)
        shown = drawn(pair.at_client, width=120)
        self.assertLess(len(rows(shown)), 60)
        self.assertIn("… 3 s nothing …", shown)
        self.assertRegex(shown, r"waited for peer's window ×\d+, [\d.]+ m?s at most")
        self.assertRegex(shown, r"the client waited [\d.]+ s for the server's window")
        times = re.findall(r"^\d+\.\d{3} \d{3}", shown, re.MULTILINE)
        self.assertEqual(times, sorted(times))

    def test_the_longest_rest_is_not_lost(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(20):
            pair.server_calls(3 + at / 1000, "recv", 65536, 10)
            waited = 2.0 if at == 5 else 1e-5
            call = pair.at_server[-1]
            assert isinstance(call, Called)
            pair.at_server[-1] = replace(call, waited_seconds=waited)
        shown = drawn(pair.at_server, width=120)
        self.assertIn("recv ×20, waited 2 s at most", shown)
        self.assertIn("\nthe server left bytes unread for 2 s\n", shown)

    def test_bulk_in_both_directions_is_two_rows(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(200):
            pair.client_sends(1 + at / 1000, b"x" * 65536)
            pair.server_calls(1.0002 + at / 1000, "recv", 65536, 65536)
            if at % 2:
                pair.server_calls(1.0004 + at / 1000, "send", 131072, 131072)
                pair.client_calls(1.0006 + at / 1000, "recv", 65536, 65536)
        shown = drawn(pair.at_server, pair.at_client, width=120)
        self.assertLess(len(rows(shown)), 30)
        self.assertEqual(len(re.findall(r"send ×\d+", shown)), 2)

    def test_a_folded_row_tells_what_was_received_of_its_bytes(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(20):
            pair.client_sends(1 + at / 1000, b"x" * 65536)
            if at < 5:
                pair.server_calls(1.0002 + at / 1000, "recv", 65536, 65536)
        shown = drawn(pair.at_server, pair.at_client, width=120)
        self.assertRegex(shown, r"send ×20 +│─+ 1\.3 MB .*▶│ recv ×5, 328 kB")

    def test_segments_are_told_if_those_of_all_bytes_are_counted(self) -> None:
        pair = Pair()
        pair.connects()
        counted = {"segments_in": 1, "data_segments_in": 0}
        pair.client_is_sampled(0.5, data_segments_out=0, **counted)
        for at in range(20):
            pair.client_sends(1 + at / 1000, b"x" * 65536)
            if at == 2:
                pair.client_is_sampled(1.0021, data_segments_out=3, **counted)
        self.assertNotIn("segments", drawn(pair.at_client))

    def test_what_the_kernel_has_not_taken_hides_no_calls(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(20):
            pair.client_sends(1 + at / 1000, b"x" * 65536, *[65536] * (at < 19))
        pair.at_client.pop()
        shown = drawn(pair.at_client)
        self.assertIn("send ×19", shown)
        self.assertNotIn("wrote", shown)

    def test_what_a_program_writes_over_tls_is_folded(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_calls(0.5, "recv", 65536, 2000)
        for at in range(50):
            pair.client_sends(1 + at / 1000, b"x" * 1000, 1022)
        shown = drawn(pair.at_client)
        self.assertLess(len(rows(shown)), 20)
        self.assertIn("wrote ×50", " ".join(shown.split()))

    def test_data_comes_before_the_fin(self) -> None:
        pair = Pair()
        pair.connects()
        counted = {"segments_in": 1, "data_segments_in": 0}
        pair.client_is_sampled(0.1, data_segments_out=0, **counted)
        pair.client_sends(0.2, b"hello\n")
        pair.client_sends(0.3, b"hello\n")
        pair.client_calls(0.4, "shutdown", "SHUT_WR")
        pair.client_is_sampled(0.5, data_segments_out=2, **counted)
        shown = drawn(pair.at_client, figure="packets")
        self.assertLess(shown.index("2 segments"), shown.index("FIN"))

    def test_a_long_talk(self) -> None:
        pair = Pair()
        pair.connects()
        for at in range(1000):
            pair.client_sends(at, b"ping\n")
            pair.server_receives(at + 0.01, b"ping\n")
            pair.server_calls(at + 0.02, "send", 5, 5)
            pair.client_calls(at + 0.03, "recv", 65536, 5)
        shown = drawn(pair.at_server, pair.at_client)
        self.assertLess(len(rows(shown)), 120)
        self.assertEqual(shown.count("4940 bytes in 16 min "), 2)

    def test_a_part_of_it(self) -> None:
        pair = hello()
        shown = drawn(pair.at_server, pair.at_client, between=(0.5, 1.0))
        self.assertIn("0.812 300", shown)
        for word in ("connect(", "listen(", "FIN"):
            self.assertNotIn(word, shown)

    def test_a_part_without_anything(self) -> None:
        pair = hello()
        shown = drawn(pair.at_server, pair.at_client, between=(2.0, 3.0))
        self.assertIn("nothing happened", shown)
