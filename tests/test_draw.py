"""``echolab draw``: figures of recordings, as text."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Called,
    Chunk,
    Diagnosed,
    EndCause,
    Event,
    Finished,
    HalfClosed,
    Listening,
    Misbehaved,
    Peer,
    Sampled,
    Sent,
)
from echolab.command.cli import main
from echolab.formats.figure_words import cells, duration
from echolab.lab.figures import figure_of
from echolab.lab.joining import join
from echolab.lab.reading import sides_of
from echolab.lab.text import draw_text
from tests.sessions import TIME, Pair, hello, older, write
from tests.support import ECHOLAB, ROOT


def drawn(
    *recordings: list[Event],
    figure: str = "both",
    width: int = 80,
    encoding: str = "utf-8",
    unfolded: bool = False,
    between: tuple[float, float] | None = None,
) -> str:
    """Return the figure of the only connection."""
    [account] = join([sides_of(events) for events in recordings])
    made = figure_of(account, figure, unfolded=unfolded, between=between)
    return draw_text(made, width, encoding)


def rows(text: str) -> list[str]:
    """Return the rows of a figure: between the names of the lanes and the legend."""
    return text.split("\n\n")[1].splitlines()[1:]


BOTH = """\
connection 1: 6 bytes to the server, 0 bytes to the client
two recordings: one machine, one clock
the client ended first

                client 127.0.0.1:60612             server 127.0.0.1:8888
                               │                          │ socket()
                               │                          │ bind(127.0.0.1:8888)
                               │                          │ listen(1024)
0.000 000  socket()            │                          │
0.000 000  connect(            │──── SYN, MSS 65495 ─────▶│
             127.0.0.1:8888)   │                          │
             = -1 EINPROGRESS  │                          │
0.000 100  connect(            │◀······· SYN, ACK ········│
             127.0.0.1:8888)   │                          │
             = 0               │                          │
0.000 200                      │·········· ACK ··········▶│ accept() =
                               │                          │   127.0.0.1:60612
                               ┊    … 812 ms nothing …    ┊
0.812 300  send(6) = 6         │─── 6 bytes "hello\\n" ───▶│ recv(65536) = 6
                               │                          │   300 µs later
                               │◀·········· ACK ··········│
                               ┊    … 4.2 s nothing …     ┊
4.999 990  shutdown(SHUT_WR)   │─ ─ ─ ─ ─  FIN ─ ─ ─ ─ ─ ▶│ recv(65536) = 0
                               │                          │   110 µs later
5.000 190                      │◀─ ─ ─ ─ FIN, ACK ─ ─ ─ ─ │ shutdown(SHUT_RDWR)
                               │      1 or 2 packets      │
                               │·········· ACK ··········▶│
5.000 290                      │                          │ close()
5.000 500  recv(65536) = 0     │                          │
5.000 590  close()             │                          │
5.000 700  TIME_WAIT 60 s      │                          │

──── seen   ─ ─  between two looks   ···· deduced
"""


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


class HonestyTests(SynchronousTestCase):
    def test_one_recording_says_only_what_it_knows(self) -> None:
        pair = hello()
        server = drawn(pair.at_server)
        self.assertIn("only the server's recording", server)
        for word in ("connect(", "send("):
            self.assertNotIn(word, server)
        [line] = [line for line in rows(server) if "6 bytes" in line]
        self.assertRegex(line, r'│─+ 6 bytes "hello\\n" ─+▶│ recv')

        client = drawn(pair.at_client)
        for word in ("accept(", "listen("):
            self.assertNotIn(word, client)
        [line] = [line for line in rows(client) if " SYN ·" in line]
        self.assertIn("·▶", line)  # The server has not kept the client's SYN.

    def test_older_recordings(self) -> None:
        pair = hello()
        shown = drawn(older(pair.at_server))
        for word in ("accepted", '6 bytes "hello\\n"', "read", "finished: eof", "FIN"):
            self.assertIn(word, shown)
        for word in ("recv(", "accept(", "close("):
            self.assertNotIn(word, shown)

    def test_what_json_prints_has_no_chunks(self) -> None:
        events = [
            event
            for event in older(hello().at_server)
            if type(event).__name__ != "Chunk"
        ]
        [line] = [line for line in rows(drawn(events)) if '"hello"' in line]
        self.assertIn(' 5 bytes of messages "hello" ', line)
        self.assertIn("got messages", line)

    def test_a_connection_that_is_gone_was_reset(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_calls(1.0, "recv", 65536, 0)
        pair.client_sends(2.0, b"late\n")
        pair.at_client.append(Sampled(pair.server, TIME + 2.1, "CLOSED"))
        pair.client_calls(3.0, "shutdown", "SHUT_RDWR", -1, "ENOTCONN")
        pair.client_calls(3.1, "close")
        shown = rows(drawn(pair.at_client))
        [reset] = [line for line in shown if " RST " in line]
        self.assertIn("2.1", reset)
        self.assertIn("◀", reset)

    def test_no_sequence_numbers(self) -> None:
        pair = hello()
        self.assertNotIn("1234", drawn(pair.at_server, pair.at_client))

    def test_several_writes_in_one_send(self) -> None:
        pair = Pair()
        pair.connects()
        for data in b"hell", b"o":
            pair.at_client.append(Sent(pair.server, TIME + 0.5, data))
        pair.client_calls(0.5, "send", 5, 5)
        self.assertIn('5 bytes "hello" ', drawn(pair.at_client))

    def test_several_writes_between_two_looks(self) -> None:
        pair = Pair()
        pair.connects()
        counted = {"segments_in": 1, "data_segments_in": 0}
        pair.client_is_sampled(0.1, data_segments_out=0, **counted)
        for at in (0.2, 0.3):
            pair.client_sends(at, b"x" * 100)
        pair.client_is_sampled(0.4, data_segments_out=5, **counted)
        shown = drawn(pair.at_client)
        [line] = [line for line in rows(shown) if "segments" in line]
        self.assertRegex(line, "─ these in ×5 segments ─ ")

    def test_a_segment_is_not_drawn_twice(self) -> None:
        pair = Pair()
        pair.connects()
        sample = Sampled(pair.client, TIME + 0.1, "ESTABLISHED", data_segments_in=0)
        pair.at_server.append(sample)
        arrived = replace(sample, time=TIME + 0.2, data_segments_in=1, unread_bytes=5)
        pair.at_server.append(arrived)
        pair.server_receives(0.3, b"hell")
        pair.server_receives(0.4, b"o")
        pair.at_server.append(replace(arrived, time=TIME + 0.5, unread_bytes=0))
        shown = drawn(pair.at_server)
        self.assertEqual(shown.count("segment"), 1)
        self.assertLess(shown.index('"o"'), shown.index("these in ×1 segment"))

    def test_segments_before_the_first_look_are_not_counted(self) -> None:
        pair = Pair()
        pair.connects()
        sample = Sampled(
            pair.client, TIME + 0.1, "ESTABLISHED", unread_bytes=5, data_segments_in=1
        )
        pair.at_server.append(sample)
        for at, data in ((0.2, b"hello"), (0.3, b"again")):
            pair.server_receives(at, data)
        later = replace(sample, time=TIME + 0.4, unread_bytes=0, data_segments_in=2)
        pair.at_server.append(later)
        self.assertNotIn("segment", drawn(pair.at_server))

    def test_a_fin_that_acknowledges_is_no_ack_besides(self) -> None:
        pair = Pair()
        pair.connects()
        sample = Sampled(
            pair.client,
            TIME + 0.1,
            "ESTABLISHED",
            acked_bytes=0,
            segments_in=1,
            data_segments_in=0,
        )
        pair.at_server.append(sample)
        pair.server_calls(0.2, "send", 5, 5)
        pair.server_calls(0.3, "recv", 65536, 0)
        pair.at_server.append(
            replace(
                sample,
                time=TIME + 0.4,
                state="CLOSE_WAIT",
                acked_bytes=5,
                segments_in=2,
            )
        )
        shown = drawn(pair.at_server)
        self.assertNotIn(" ACK ", shown[shown.index("send(5)") :])

    def test_a_client_behind_a_balancer(self) -> None:
        pair = Pair()
        pair.connects()
        pair.saves_syn()
        client = replace(pair.client, host="10.1.2.3", port=5555)
        events = [
            replace(event, peer=client) if event.peer.number else event
            for event in pair.at_server
        ]
        shown = drawn(events, width=120)
        self.assertIn("\nthe client is behind 127.0.0.1:60612: its packets", shown)
        self.assertIn("accept() = 127.0.0.1:60612\n", shown)
        self.assertIn("client 10.1.2.3:5555 ", shown)

    def test_a_refused_client(self) -> None:
        pair = Pair()
        pair.client_calls(0.0, "socket")
        pair.client_calls(0.1, "connect", "127.0.0.1:8888", -1, "ECONNREFUSED")
        pair.client_calls(0.2, "close")
        shown = drawn(pair.at_client)
        self.assertRegex(shown, r"connect\([^◀]* SYN ·+▶")
        self.assertRegex(shown, r"◀·+ RST ·+│")
        self.assertNotIn("ACK", shown)
        self.assertNotIn("FIN", shown)

    def test_a_try_that_is_under_way_and_fails(self) -> None:
        pair = Pair()
        where = str(pair.port)
        for at in (0.0, 1.0):
            pair.client_calls(at, "socket")
            pair.client_calls(at + 0.1, "connect", where, -1, "EINPROGRESS")
            pair.client_calls(at + 0.2, "connect", where, -1, "ECONNREFUSED")
            pair.client_calls(at + 0.3, "close")
        shown = drawn(pair.at_client, width=120)
        self.assertEqual(shown.count(" SYN "), 2)
        self.assertEqual(shown.count(" RST "), 2)

    def test_a_try_that_only_the_sockets_error_tells(self) -> None:
        pair = Pair()
        pair.client_calls(0.1, "connect", str(pair.port), -1, "EINPROGRESS")
        pair.client_calls(0.2, "getsockopt", "SO_ERROR", 0, "ECONNREFUSED")
        shown = drawn(pair.at_client, width=120)
        self.assertRegex(shown, r"getsockopt\(SO_ERROR\) = 0 ECONNREFUSED +│◀·+ RST ·")
        self.assertTrue(shown.startswith("no connection\n"))

    def test_how_long_bytes_have_waited(self) -> None:
        pair = hello()
        pair.at_server = [
            replace(event, waited_seconds=0.00025)
            if isinstance(event, Called) and event.call == "recv" and event.result
            else event
            for event in pair.at_server
        ]
        shown = drawn(pair.at_server, pair.at_client, width=120)
        self.assertIn("recv(65536) = 6 waited 250 µs\n", shown)
        self.assertIn("waited 250 µs", drawn(pair.at_server, width=120))

    def test_a_reset(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_sends(0.5, b"hello\n")
        pair.client_calls(1.0, "close")
        pair.server_receives(0.6, b"hello\n")
        pair.server_calls(1.1, "recv", 65536, -1, "ECONNRESET")
        pair.finishes(6, EndCause.RESET)
        for recordings in (pair.at_server, pair.at_client), (pair.at_server,):
            shown = drawn(*recordings, width=120)
            self.assertEqual(shown.count(" RST "), 1, shown)
            self.assertNotIn("FIN", shown)
            self.assertIn("the client reset the connection", shown)
            self.assertIn("finished: reset, ECONNRESET", shown)

    def test_nothing_answers_a_reset(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.1, "recv", 65536, -1, "ECONNRESET")
        pair.server_calls(1.2, "shutdown", "SHUT_RDWR", -1, "ENOTCONN")
        pair.server_calls(1.3, "close")
        pair.finishes(0, EndCause.RESET)
        shown = drawn(pair.at_server, figure="packets")
        arrows = [line for line in rows(shown) if "▶" in line or "◀" in line]
        self.assertIn(" RST ", arrows[-1])

    def test_bytes_that_are_left_unread_cause_a_reset(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.0, "close")
        pair.finishes(0, EndCause.STOPPED)
        last = pair.at_server[-1]
        assert isinstance(last, Finished)
        pair.at_server[-1] = replace(last, unread_bytes=7)
        self.assertRegex(drawn(pair.at_server), r"◀·+ RST ·+│ close\(\)")

    def test_a_shutdown_before_it_sends_a_fin_if_there_is_a_connection(self) -> None:
        for result, errno, packets in (
            (0, "", ["FIN", "RST"]),
            (-1, "ENOTCONN", []),
        ):
            pair = Pair()
            pair.connects()
            pair.server_calls(0.9, "shutdown", "SHUT_RDWR", result, errno)
            pair.server_calls(1.0, "close")
            pair.finishes(0, EndCause.STOPPED)
            last = pair.at_server[-1]
            assert isinstance(last, Finished)
            pair.at_server[-1] = replace(last, unread_bytes=7)
            shown = drawn(pair.at_server)
            self.assertEqual(re.findall("FIN|RST", shown), packets, shown)

    def test_close_without_shutdown_is_a_reset(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.0, "close")
        pair.finishes(0, EndCause.STOPPED)
        shown = drawn(pair.at_server)
        self.assertRegex(shown, r"◀·+ RST ·+│ close\(\)")
        self.assertNotIn("FIN", shown)

    def test_a_fin_waits_behind_unsent_bytes(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_is_sampled(0.4)
        pair.client_sends(0.5, b"hello\n")
        pair.client_calls(0.6, "shutdown", "SHUT_WR")
        for at, state, unsent in (
            (0.7, "FIN_WAIT_1", 7),
            (0.8, "FIN_WAIT_1", 1),
            (0.9, "FIN_WAIT_2", 0),
        ):
            sample = Sampled(pair.server, TIME + at, state, unsent_bytes=unsent)
            pair.at_client.append(sample)
        alone = drawn(pair.at_client)
        words = ("shutdown(", "FIN_WAIT_1", " FIN ", "FIN_WAIT_2")
        self.assertEqual(sorted(words, key=alone.index), list(words))
        pair.server_receives(0.81, b"hello\n")
        pair.server_calls(0.82, "recv", 65536, 0)
        both = drawn(pair.at_server, pair.at_client)
        self.assertRegex(both, r"FIN[─ ]+▶│ recv\(65536\) = 0")
        self.assertEqual(both.count(" FIN "), 1)

    def test_bytes_that_no_call_has_sent_are_not_counted(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_sends(0.5, b"hello\n")
        for calls, number in ((), 0), ((4,), 4):
            for taken in calls:
                pair.server_calls(0.7, "send", 6, taken)
            at_server = [*pair.at_server, Sent(pair.client, TIME + 0.6, b"hello\n")]
            end = Finished(
                pair.client,
                TIME + 1,
                EndCause.STOPPED,
                received_bytes=0,
                seconds=1.0,
                sent_bytes=6,
            )
            at_server.append(end)
            self.assertIn(f", {number} bytes to the client", drawn(at_server))

    def test_a_fin_behind_bytes_that_are_not_read_yet(self) -> None:
        pair = Pair()
        pair.connects()
        state = Sampled(pair.client, TIME + 0.4, "CLOSE_WAIT", unread_bytes=6)
        pair.at_server.append(state)
        pair.at_server.append(
            Diagnosed(pair.client, TIME + 0.4, "peer", "FIN_WAIT_2", 60.0)
        )
        pair.server_receives(0.5, b"hello\n")
        pair.server_calls(0.6, "recv", 65536, 0)
        pair.at_server.append(replace(state, time=TIME + 0.7, unread_bytes=0))
        shown = drawn(pair.at_server)
        words = ("6 bytes", " FIN ", "CLOSE_WAIT")
        self.assertEqual(sorted(words, key=shown.index), list(words))
        self.assertNotIn("FIN_WAIT_2", shown)

    def test_who_waits_for_whom(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_sends(0.1, b"x" * 65536)
        for at, waited in enumerate((0.0, 1.0, 2.0, 3.0, 3.0)):
            pair.at_client.append(
                Sampled(
                    pair.server,
                    TIME + 0.2 + at,
                    "ESTABLISHED",
                    send_window=0 if 0 < at < 4 else 65536,
                    unsent_bytes=1000,
                    window_seconds=waited,
                )
            )
        shown = drawn(pair.at_client, width=120)
        self.assertIn("peer's window 0, 1000 bytes unsent", shown)
        self.assertIn("waited for peer's window, 3 s, with 1000 bytes unsent", shown)
        self.assertIn("\nthe client waited 3 s for the server's window\n", shown)

    def test_a_wait_that_has_not_ended(self) -> None:
        pair = Pair()
        pair.connects()
        for at, waited in enumerate((0.0, 1.0, 2.0)):
            pair.client_is_sampled(0.2 + at, unsent_bytes=9, window_seconds=waited)
        shown = ""
        for ends in (), ("close",):
            for name in ends:
                pair.client_calls(2.5, name)
            shown = drawn(pair.at_client, width=120)
            self.assertIn("still waits for peer's window, 2 s, with 9 bytes", shown)
            self.assertIn("\nthe client waited 2 s for the server's window\n", shown)
        self.assertLess(shown.index("still waits"), shown.index("close()"))

    def test_several_waits_are_added(self) -> None:
        pair = Pair()
        pair.connects()
        for at, waited in enumerate((0.0, 1.0, 1.0, 3.0, 3.0)):
            pair.client_is_sampled(0.2 + at, window_seconds=waited)
        self.assertIn(
            "\nthe client waited 3 s for the server's window, 2 s of it at once\n",
            drawn(pair.at_client),
        )

    def test_a_fin_that_is_not_read_yet(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_receives(0.5, b"hello\n")
        pair.at_server.append(Sampled(pair.client, TIME + 0.6, "CLOSE_WAIT"))
        pair.server_calls(2.0, "recv", 65536, 0)
        shown = drawn(pair.at_server)
        self.assertLess(shown.index(" FIN "), shown.index("CLOSE_WAIT"))
        self.assertLess(shown.index("CLOSE_WAIT"), shown.index("recv(65536) = 0"))
        self.assertEqual(shown.count(" FIN "), 1)

    def test_the_server_ends_first(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.0, "shutdown", "SHUT_RDWR")
        pair.client_calls(1.1, "recv", 65536, 0)
        pair.client_calls(3.1, "shutdown", "SHUT_RDWR")
        shown = drawn(pair.at_server, pair.at_client)
        self.assertIn("the server ended first", shown)
        # It has ended long before the client has: it was acknowledged by itself.
        arrows = [line for line in rows(shown) if "▶" in line or "◀" in line]
        ends = [line.split("│")[1].strip("─ ·▶◀") for line in arrows[-4:]]
        self.assertEqual(ends, ["FIN", "ACK", "FIN", "ACK"])

    def test_a_fin_is_acknowledged_after_fin_wait_1(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.0, "shutdown", "SHUT_RDWR")
        pair.at_server.append(Sampled(pair.client, TIME + 1.0006, "FIN_WAIT_1"))
        pair.client_calls(1.001, "recv", 65536, 0)
        own = Diagnosed(pair.client, TIME + 1.2, "own", "FIN_WAIT_2")
        pair.at_server.append(own)
        pair.client_calls(3.1, "shutdown", "SHUT_WR")
        shown = drawn(pair.at_server, pair.at_client, width=120)
        places = [shown.index(word) for word in ("FIN_WAIT_1", "FIN_WAIT_2")]
        self.assertIn(" ACK ·", shown[slice(*places)])
        self.assertNotIn(" ACK ·", shown[shown.index(" FIN ") : places[0]])

    def test_the_handshake_comes_before_the_wait_to_be_accepted(self) -> None:
        first, second = (
            Pair(Peer(number, "IPv4", "127.0.0.1", 60611 + number)) for number in (1, 2)
        )
        first.listens(0.0)
        look = Listening(first.port, TIME + 0.5, 1, waiting=1)
        first.at_server.append(look)
        for at, waiting in ((1.0, 2), (1.5, 0)):
            first.at_server.append(replace(look, time=TIME + at, waiting=waiting))
        first.connects(accepted=2.0)
        second.connects(accepted=2.1)
        sides = sides_of([*first.at_server, *second.at_server])
        for account in join([sides]):
            shown = draw_text(figure_of(account, "both"), 120)
            words = [" SYN, ACK ", "2 of 1 wait", "0 of 1 wait", "accept()"]
            self.assertEqual(sorted(words, key=shown.index), words)

    def test_who_has_ended_it(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.0, "close")
        pair.finishes(0, EndCause.STOPPED)
        shown = drawn(pair.at_server)
        self.assertIn("\nthe server reset the connection\n", shown)
        self.assertTrue(shown.startswith("connection 1: 0 bytes to the server, 0 byt"))
        pair.finishes(0, EndCause.IDLE)
        self.assertIn(
            ", ended by idle\n", drawn([*pair.at_server[:-2], pair.at_server[-1]])
        )

    def client_is_held(self) -> Pair:
        """Return a session in which the client's FIN waits behind unsent bytes."""
        pair = Pair()
        pair.connects()
        pair.client_is_sampled(0.4)
        pair.client_sends(0.5, b"hello\n")
        pair.client_calls(0.6, "shutdown", "SHUT_WR")
        held = Sampled(pair.server, TIME + 0.61, "FIN_WAIT_1", unsent_bytes=7)
        pair.at_client.append(held)
        return pair

    def test_a_fin_behind_unsent_bytes_that_the_other_answers(self) -> None:
        left: Diagnosed | None
        for state, verdict in (
            ("CLOSED", "the client ended first"),
            ("TIME_WAIT", "nobody has seen which side ended first"),
            (None, "nobody has seen which side ended first"),
        ):
            pair = self.client_is_held()
            pair.client_calls(2.0, "recv", 65536, 0)
            pair.at_client.append(Sampled(pair.server, TIME + 2.01, "CLOSED"))
            pair.client_calls(2.02, "close")
            left = Diagnosed(pair.server, TIME + 2.03, "own", "TIME_WAIT", 60.0)
            pair.at_client.append(left)
            if state is not None:
                pair.at_client.append(replace(left, end="peer", state=state))
            for figure in "both", "packets", "calls":
                shown = drawn(pair.at_client, figure=figure)
                self.assertIn(f"\n{verdict}\n", shown)
            shown = drawn(pair.at_client)
            ends = [line for line in rows(shown) if re.search(" FIN[ ,]", line)]
            self.assertEqual(["▶" in line for line in ends], [True, False])
            self.assertIn("recv(65536) = 0", ends[1])
            self.assertEqual("order unknown" in shown, state != "CLOSED")

    def test_a_fin_that_never_left(self) -> None:
        pair = self.client_is_held()
        shown = drawn(pair.at_client)
        self.assertNotIn(" FIN ", "".join(rows(shown)))
        self.assertIn("\nthe client ended its side; its FIN still waited ", shown)

    def test_the_peers_fin_lies_between_two_looks(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.0, "shutdown", "SHUT_RDWR")
        pair.server_calls(1.1, "close")
        for at, state in (1.2, "FIN_WAIT_2"), (1.4, "TIME_WAIT"):
            left = Diagnosed(pair.client, TIME + at, "own", state, 60.0)
            pair.at_server.append(left)
        shown = drawn(pair.at_server)
        ends = re.findall(r"(◀?)[─ ]+ FIN [─ ]+|(FIN_WAIT_2|TIME_WAIT)", shown)
        found = ["".join(each) for each in ends]
        self.assertEqual(found, ["◀", "FIN_WAIT_2", "", "TIME_WAIT"])
        self.assertIn("\nthe server ended first\n", shown)

    def test_a_reset_of_one_of_the_two(self) -> None:
        pair = Pair()
        pair.connects()
        pair.server_calls(1.0, "shutdown", "SHUT_RDWR")
        pair.server_calls(1.1, "close")
        for at, state in (1.2, "FIN_WAIT_2"), (1.4, "CLOSED"):
            pair.at_server.append(Diagnosed(pair.client, TIME + at, "own", state))
        shown = drawn(pair.at_server)
        self.assertEqual(shown.count("gone: one side has reset it"), 1)
        self.assertNotIn("RST", shown)

    def test_the_end_of_tls_is_no_fin(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_calls(1.0, "recv", 65536, 24)
        pair.at_client.append(HalfClosed(pair.server, TIME + 1.0))
        pair.client_calls(2.0, "shutdown", "SHUT_RDWR")
        shown = drawn(pair.at_client)
        self.assertIn("end of the stream", shown)
        self.assertIn("\nthe client ended first\n", shown)

    def test_bytes_after_the_end_are_answered_with_a_reset(self) -> None:
        pair = Pair()
        pair.connects()
        sample = Sampled(
            pair.client,
            TIME + 0.5,
            "ESTABLISHED",
            arrived_bytes=0,
            data_segments_in=0,
        )
        pair.at_server.append(sample)
        pair.server_calls(1.0, "shutdown", "SHUT_RDWR")
        gone = replace(sample, time=TIME + 1.5, state="CLOSED", data_segments_in=1)
        pair.at_server.append(gone)
        pair.server_calls(1.6, "close")
        shown = drawn(pair.at_server)
        words = [" FIN ", "×1 segment ", " RST ", "close()"]
        self.assertEqual(sorted(words, key=shown.index), words)
        self.assertRegex(shown, r"◀·+ RST ·+│\n")

    def test_a_client_that_gives_up(self) -> None:
        pair = Pair()
        pair.client_calls(0.0, "connect", str(pair.port), -1, "EINPROGRESS")
        pair.client_calls(2.0, "shutdown", "SHUT_RDWR")
        pair.client_calls(2.1, "close")
        shown = drawn(pair.at_client, width=120)
        self.assertEqual(shown.count("gave up: no answer for 2 s"), 1)

    def test_bytes_may_acknowledge_a_fin(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_calls(1.0, "shutdown", "SHUT_WR")
        pair.server_calls(1.001, "recv", 65536, 0)
        pair.server_calls(1.002, "send", 3, 3)
        pair.server_calls(2.0, "shutdown", "SHUT_RDWR")
        shown = drawn(pair.at_server, pair.at_client)
        self.assertEqual(shown[shown.index(" FIN ") :].count("·· ACK ·"), 1)
        self.assertNotIn("FIN, ACK", shown)

    def test_whether_a_fin_acknowledges_the_other(self) -> None:
        for sent, words in (
            (None, ["FIN", "FIN, ACK", "1 or 2 packets", "ACK"]),
            (2, ["FIN", "FIN, ACK", "ACK"]),
            (3, ["FIN", "ACK", "FIN", "ACK"]),
        ):
            pair = Pair()
            pair.connects()
            counted = {"data_segments_out": 0, "data_segments_in": 0}
            pair.client_is_sampled(0.5, segments_out=1, **counted)
            pair.server_calls(1.0, "shutdown", "SHUT_RDWR")
            pair.client_calls(1.001, "recv", 65536, 0)
            pair.client_calls(1.002, "shutdown", "SHUT_RDWR")
            if sent is not None:
                pair.client_is_sampled(1.003, segments_out=sent, **counted)
                last = pair.at_client[-1]
                assert isinstance(last, Sampled)
                pair.at_client[-1] = replace(last, state="CLOSED")
            lines = rows(drawn(pair.at_server, pair.at_client))
            ends = [each.split("│")[1].strip("─ ·▶◀") for each in lines if "│" in each]
            found = [each for each in ends if each]
            self.assertEqual(found[-len(words) :], words)

    def test_unix_sockets_have_no_packets(self) -> None:
        path = Peer(0, "UNIX", path="/tmp/lab.sock")
        pair = hello(Pair(replace(path, number=1, pid=7, uid=0), path))
        shown = drawn(pair.at_server)
        for word in ("SYN", "FIN", "ACK"):
            self.assertNotIn(word, shown)
        self.assertIn("connection", shown)
        self.assertIn("unix:/tmp/lab.sock,pid=7", shown)

    def test_tls_has_other_bytes_on_the_wire(self) -> None:
        pair = Pair()
        pair.connects()
        pair.client_calls(0.1, "send", 517, 517)
        pair.client_sends(0.2, b"secret\n", 29)
        shown = drawn(pair.at_client, width=120)
        self.assertRegex(shown, r"send\(517\) = 517 +│─+ 517 bytes ─+▶")
        self.assertRegex(shown, r"send\(29\) = 29 +│─+ 29 bytes ─+▶")
        self.assertIn('wrote 7 bytes "secret\\n"', shown)


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


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        # The program's log would go on in the other tests of this process.
        self.enterContext(mock.patch("echolab.command.cli.globalLogBeginner"))
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        pair = hello()
        self.server = write(self.folder / "server.jsonl", pair.at_server)
        self.client = write(self.folder / "client.jsonl", pair.at_client)

    def draw(self, *words: str, status: int = 0) -> str:
        """Draw into a file, or fail with a line on stderr; return the text."""
        output = self.folder / "figure.txt"
        output.unlink(missing_ok=True)
        said: list[str] = []
        with (
            mock.patch("echolab.command.cli.say", said.append),
            mock.patch.dict(os.environ, {"COLUMNS": "80"}),
        ):
            try:
                found = main(["draw", "-o", str(output), *words])
            except SystemExit as error:
                said.append(str(error))
                found = 1
        self.assertEqual(found, status, said)
        if status:
            [line] = map(str, said)
            self.assertFalse(output.exists())
            return line
        return output.read_text()

    def test_the_figure_is_that_of_the_recordings(self) -> None:
        self.assertEqual(self.draw(self.server, self.client), BOTH)
        self.assertEqual(self.draw(self.client, self.server), BOTH)

    def test_it_follows_the_encoding_of_stdout_and_needs_no_reactor(self) -> None:
        code = (
            "import sys; from echolab.__main__ import main; status = main();"
            "sys.exit(status or 'twisted.internet.reactor' in sys.modules)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code, "draw", self.server, self.client],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
            check=False,
        )
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertRegex(ended.stdout, rb"\|-+ SYN, MSS 65495 -+>\|")

    def test_a_reader_that_goes_away(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        ended = subprocess.run(
            [*ECHOLAB, "draw", self.server],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(writer)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))

    def test_a_closed_stdout(self) -> None:
        ended = subprocess.run(
            ["sh", "-c", '"$@" >&-', "sh", *ECHOLAB, "draw", self.server],
            stderr=subprocess.PIPE,
            check=False,
        )
        self.assertEqual(ended.returncode, 1)
        self.assertIn(b"stdout", ended.stderr)

    def test_a_full_disk(self) -> None:
        with Path("/dev/full").open("wb") as full:
            ended = subprocess.run(
                [*ECHOLAB, "draw", self.server],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        said = b"write stdout: No space left on device\n"
        self.assertEqual((ended.returncode, ended.stderr), (1, said))

    def test_errors(self) -> None:
        nothing = write(self.folder / "nothing.jsonl", [])
        for words, why in (
            ((), "Usage: echolab draw RECORDING..."),
            (("no",), "open no: No such file or directory"),
            ((nothing,), f"read {nothing}: no connection is recorded"),
            ((self.server, "--peer", "2"), f"read {self.server}: there is no conn"),
            ((self.server, "--figure", "writes"), "need the recordings of both ends"),
            ((self.server, "--figure", "call"), "did you mean calls?"),
            ((self.server, "--between", "1"), "--between: needs two times"),
            ((self.server, "--between", "2", "1"), "must be before the second"),
            ((self.server, "--betwen", "2", "1"), "did you mean --between?"),
            ((self.server, "--as", "png"), "--as png: must be "),
        ):
            self.assertIn(why, self.draw(*words, status=1))
        (self.folder / "bad").write_text("hello\n")
        said = self.draw(str(self.folder / "bad"), status=1)
        self.assertIn("line 1 is not of a recording", said)

    def test_a_capture_that_has_no_packet_of_the_connection(self) -> None:
        capture = self.folder / "lab.pcap"
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
        capture.write_bytes(head)
        self.assertEqual(
            self.draw(self.server, str(capture), status=1),
            f"read {capture}: no packet of the connection, at its time",
        )

    def test_a_capture_beside_a_client_that_nobody_has_answered(self) -> None:
        pair = Pair()
        pair.client_calls(0.0, "connect", str(pair.port), -1, "EINPROGRESS")
        tried = write(self.folder / "tried.jsonl", pair.at_client)
        capture = self.folder / "lab.pcap"
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
        capture.write_bytes(head)
        self.assertEqual(
            self.draw(tried, str(capture), status=1),
            f"read {capture}: the recording lacks the client's port: its connect was "
            "not answered",
        )

    def test_a_rotated_recording_does_not_know_its_packets(self) -> None:
        events = hello().at_server
        at = next(n for n, event in enumerate(events) if isinstance(event, Chunk)) - 1
        part = write(self.folder / "second.jsonl", events[at:])
        capture = self.folder / "lab.pcap"
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
        capture.write_bytes(head)
        self.assertEqual(
            self.draw(part, str(capture), status=1),
            f"read {capture}: the beginning is in another recording: join them with "
            "cat, in order",
        )

    def test_a_rotated_recording_has_no_beginning(self) -> None:
        events = hello().at_server
        at = next(n for n, event in enumerate(events) if isinstance(event, Chunk)) - 1
        parts = [
            write(self.folder / f"{name}.jsonl", part)
            for name, part in (("first", events[:at]), ("second", events[at:]))
        ]
        shown = self.draw(parts[1])
        self.assertIn("beginning of the connection is not in the recording", shown)
        self.assertRegex(shown, r"6 bytes .*▶│ recv\(65536\) = 6\n")
        self.assertIn(" FIN ", shown)
        self.assertNotIn("SYN", shown)
        self.assertEqual(
            self.draw(*parts, status=1),
            f"read {parts[1]}: it continues another recording: join them with cat, "
            "in order",
        )

    def test_made_up_packets_are_no_capture(self) -> None:
        made = str(self.folder / "made.pcapng")
        self.assertEqual(main(["export", self.server, made]), 0)
        self.assertEqual(
            self.draw(self.server, made, status=1),
            f"read {made}: made by echolab export: its packets were not seen",
        )

    def test_other_forms(self) -> None:
        for form, start in (
            ("svg", "<svg "),
            ("HTML", "<!DOCTYPE html>"),
            ("mermaid", "sequenceDiagram\n"),
        ):
            shown = self.draw(self.server, self.client, "--as", form)
            self.assertTrue(shown.startswith(start), form)

    def test_a_document_of_one_figure(self) -> None:
        peers = (Peer(number, "IPv4", "127.0.0.1", 50000 + number) for number in (1, 2))
        events = [event for peer in peers for event in hello(Pair(peer)).at_server]
        path = write(self.folder / "two.jsonl", events)
        self.assertEqual(self.draw(path, "--as", "html").count("<svg"), 2)
        for form in ("svg", "mermaid"):
            why = self.draw(path, "--as", form, status=1)
            self.assertEqual(
                why, f"read {path}: 2 connections; choose one with --peer N"
            )
            self.draw(path, "--as", form, "--peer", "2")

    def test_a_recording_is_not_written_over(self) -> None:
        before = Path(self.server).read_bytes()
        with mock.patch("echolab.command.cli.say") as say:
            self.assertEqual(main(["draw", self.server, "-o", self.server]), 1)
        [[why]] = [call.args for call in say.call_args_list]
        self.assertEqual(str(why), f"write {self.server}: it is the recording")
        self.assertEqual(Path(self.server).read_bytes(), before)

    def test_several_connections(self) -> None:
        events: list[Event] = []
        path = str(self.folder / "many.jsonl")
        for number in range(1, 9):
            peer = Peer(number, "IPv4", "127.0.0.1", 60000 + number)
            events += hello(Pair(peer)).at_server
            write(Path(path), events)
            shown = self.draw(path)
            if number <= 5:
                self.assertEqual(shown.count("recv(65536) = 6"), number)
            else:
                self.assertEqual(shown.count("\n"), number + 1)
                self.assertIn("choose one with --peer N", shown)
                self.assertIn("127.0.0.1:60003", shown)
        shown = self.draw(path, "--peer", "3")
        self.assertIn("client 127.0.0.1:60003", shown)
        self.assertEqual(shown.count("recv(65536) = 6"), 1)

    def test_one_of_the_two_has_many_and_both_have_one_in_common(self) -> None:
        others = [
            hello(Pair(Peer(number, "IPv4", "127.0.0.1", 50000 + number))).at_server
            for number in (2, 3)
        ]
        events = [*hello().at_server, *others[0], *others[1]]
        shown = self.draw(write(self.folder / "many.jsonl", events), self.client)
        self.assertEqual(shown, BOTH)

    def test_a_third_recording_that_is_of_neither(self) -> None:
        other = hello(Pair(Peer(1, "IPv4", "127.0.0.1", 50001)))
        third = write(self.folder / "other.jsonl", other.at_client)
        with capturedLogs() as logs:
            self.assertEqual(self.draw(self.server, self.client, third), BOTH)
        said = [formatEvent(each) for each in logs]
        self.assertIn(f"{third}: its connections are in no other recording", said)

    def test_a_recording_that_is_given_twice(self) -> None:
        self.assertEqual(
            self.draw(self.server, self.server, status=1),
            f"read {self.server}: this recording is given twice",
        )

    def test_recordings_that_have_nothing_in_common_are_drawn_each(self) -> None:
        other = hello(Pair(Peer(1, "IPv4", "127.0.0.1", 50001)))
        client = write(self.folder / "other.jsonl", other.at_client)
        shown = self.draw(self.server, client)
        self.assertIn("only the server's recording", shown)
        self.assertIn("only the client's recording", shown)
