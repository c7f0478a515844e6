"""A figure shows what is known, and says what is not."""

from __future__ import annotations

import re
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Called,
    Diagnosed,
    EndCause,
    Finished,
    HalfClosed,
    Listening,
    Peer,
    Sampled,
    Sent,
)
from echolab.lab.figures import figure_of
from echolab.lab.joining import join
from echolab.lab.reading import sides_of
from echolab.lab.text import draw_text
from tests.drawing import drawn, rows
from tests.sessions import TIME, Pair, hello, older


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
