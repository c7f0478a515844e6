"""The format that draws connections while they happen."""

from __future__ import annotations

import tempfile
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Called,
    Chunk,
    Connected,
    EndCause,
    Event,
    Finished,
    Listening,
    Misbehaved,
    Peer,
    Refused,
    Sampled,
    Sent,
    Style,
    SynSaved,
)
from echolab.facts import Diagnosed
from echolab.formats.flow import Flow
from tests.support import Client, Program, run

ANN = Peer(1, "IPv4", "127.0.0.1", 60612)
BOB = Peer(2, "IPv4", "127.0.0.1", 60613)
PORT = Peer(0, "IPv4", "127.0.0.1", 8888)
HERE = replace(PORT, number=1)
PATH = Peer(1, "UNIX", path="/lab.sock", pid=7, uid=0)
TIME = 1_795_000_000.0
SYN = bytes.fromhex(
    "4500003c526240004006ea577f0000017f000001ecc422b8ef87c67b00000000a002ffd7fe300000"
    "0204ffd70402080ad4819d92000000000103030a"
)


def call(
    peer: Peer,
    at: float,
    name: str,
    arguments: str = "",
    result: int = 0,
    error: str = "",
) -> Called:
    return Called(peer, TIME + at, name, arguments, result, error)


def finished(peer: Peer, at: float, cause: EndCause = EndCause.EOF) -> Finished:
    return Finished(peer, TIME + at, cause, received_bytes=6, messages=1, seconds=at)


class FlowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.form = Flow()

    def rows(self, *events: Event) -> list[str]:
        """Return the lines of events, without the legend."""
        shown = b"".join(map(self.form, events)).decode()
        self.assertTrue(shown.endswith("\n") or not shown)
        return [line for line in shown.splitlines() if not line.startswith("────")]

    def assert_row(self, row: str, *parts: str) -> None:
        at = 0
        for part in parts:
            self.assertIn(part, row[at:], row)
            at = row.index(part, at) + len(part)

    def test_a_server(self) -> None:
        rows = self.rows(
            call(ANN, 0, "accept", result=7),
            Accepted(ANN, TIME, HERE, 5.0),
            SynSaved(ANN, TIME, SYN),
            Called(ANN, TIME + 0.8, "recv", "65536", 6, waited_seconds=0.000038),
            Chunk(ANN, TIME + 0.8, b"hello\n"),
            Sent(ANN, TIME + 0.81, b"ok\n"),
            call(ANN, 0.81, "send", "3", 3),
            call(ANN, 5, "recv", "65536", 0),
            call(ANN, 5.1, "close"),
            Diagnosed(ANN, TIME + 5.1, "own", "TIME_WAIT", 60.0),
            finished(ANN, 5.2),
        )
        self.assert_row(rows.pop(0), "#1", "127.0.0.1:60612", "server 127.0.0.1:8888")
        self.assert_row(rows[0], "│──", "SYN, MSS 65495", "──▶│")
        self.assert_row(rows[1], "│◀··", "SYN, ACK")
        self.assert_row(rows[2], "│··", "ACK", "··▶│")
        self.assertEqual([row[:13].strip() for row in rows[:3]], ["#1"] * 3)
        self.assert_row(rows[3], "0.000 000", "│ accept() = 127.0.0.1:60612")
        self.assert_row(
            rows[4],
            "0.800 000",
            '6 bytes "hello\\n"',
            "▶│ recv(65536) = 6 waited 38 µs",
        )
        self.assert_row(rows[5], "│◀──", '3 bytes "ok\\n"', "│ send(3) = 3")
        self.assert_row(rows[6], "│─ ─", "FIN", "▶│ recv(65536) = 0")
        self.assert_row(rows[7], "│ close()")
        self.assert_row(rows[8], "│ TIME_WAIT 60 s")
        self.assert_row(rows[9], "5.200 000", "finished: eof, 6 bytes in 1 read")
        self.assert_row(rows[10], "│   1 message, 3 bytes sent")
        self.assertEqual(len(rows), 11)

    def test_the_legend_comes_first_and_once(self) -> None:
        shown = self.form(call(PORT, 0, "socket")) + self.form(call(PORT, 0, "bind"))
        self.assertTrue(shown.decode().startswith("──── seen"))
        self.assertEqual(shown.count(b"seen"), 1)

    def test_a_client(self) -> None:
        peer = replace(PORT, number=1)
        rows = self.rows(
            call(PORT, 0, "connect", "127.0.0.1:8888", -1, "EINPROGRESS"),
            call(PORT, 0.001, "connect", "127.0.0.1:8888"),
            Connected(peer, TIME, replace(ANN, number=1), 5.0),
            call(peer, 0.01, "shutdown", "SHUT_WR"),
        )
        self.assert_row(rows[0], "connect(127.0.0.1:8888)")
        self.assert_row(rows[1], "│   = -1 EINPROGRESS")
        self.assert_row(rows[2], "◀··", "SYN")
        self.assert_row(rows[4], "◀··", "ACK")
        self.assert_row(rows[5], "│ connect(127.0.0.1:8888) = 0")
        self.assert_row(rows[6], "127.0.0.1:8888", "this client 127.0.0.1:60612")
        self.assert_row(rows[7], "◀─ ", "FIN", "shutdown(SHUT_WR)")

    def test_a_send_of_nothing_is_not_a_packet(self) -> None:
        self.rows(Accepted(ANN, TIME))
        [row] = self.rows(call(ANN, 1, "send", "0", 0))
        self.assert_row(row, "│ send(0) = 0")
        self.assertNotIn("◀", row)

    def test_rows_fit_a_terminal_of_80_columns(self) -> None:
        self.rows(Accepted(ANN, TIME), Accepted(BOB, TIME))
        rows = self.rows(
            Called(ANN, TIME + 1, "recv", "65536", 65536, waited_seconds=0.000138),
            Chunk(ANN, TIME + 1, b"x" * 65536),
        )
        rows += self.rows(
            call(PORT, 1, "connect", "127.0.0.1:8888", -1, "EINPROGRESS"),
            Finished(
                ANN,
                TIME + 2,
                EndCause.STOPPED,
                received_bytes=65536,
                messages=1000,
                seconds=1.0,
                detail="close:after-messages=1000",
            ),
        )
        self.assertLessEqual(max(map(len, rows)), 80)
        words = " ".join(" ".join(row[46:].split()) for row in rows)
        self.assertIn("connect(127.0.0.1:8888) = -1 EINPROGRESS", words)
        self.assertIn("65536 bytes in 1 read, 1000 messages", words)

    def test_a_message_in_two_reads_is_two_rows(self) -> None:
        begun = self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            call(ANN, 1, "recv", "65536", 2),
            Chunk(ANN, TIME + 1, b"he"),
            call(ANN, 2, "recv", "65536", 4),
            Chunk(ANN, TIME + 2, b"llo\n"),
            finished(ANN, 3),
        )
        self.assertEqual(len(begun), 1)
        self.assert_row(rows[0], '2 bytes "he"')
        self.assert_row(rows[1], '4 bytes "llo\\n"')
        self.assert_row(" ".join(rows[2:]), "6 bytes in 2", "reads")

    def test_what_tls_reads_and_writes_is_told_apart(self) -> None:
        self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            call(ANN, 0.1, "recv", "65536", 500),
            call(ANN, 0.1, "send", "900", 900),
            call(ANN, 1, "recv", "65536", 40),
            Chunk(ANN, TIME + 1, b"hello\n"),
            Sent(ANN, TIME + 1, b"ok\n"),
            call(ANN, 1, "send", "30", 30),
        )
        self.assert_row(rows[0], "500 bytes ─")
        self.assert_row(rows[1], "900 bytes ─")
        self.assert_row(rows[2], "40 bytes ─")
        self.assert_row(rows[3], '│ 6 bytes "hello\\n"')
        self.assert_row(rows[4], "30 bytes ─")

    def test_of_a_long_send_only_the_first_bytes_are_shown(self) -> None:
        self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            Sent(ANN, TIME, b"a" * 10),
            Sent(ANN, TIME, b"b" * 100_000),
            call(ANN, 1, "send", "100010", 65536),
            call(ANN, 2, "send", "34474", 34474),
        )
        self.assert_row(rows[0], "66 kB ", '"aaaaaaaaaa', "send(")
        self.assert_row(rows[1], "34 kB ", '"bbb', "send(34474) = 34474")

    def test_what_the_kernel_says_comes_after_the_read_that_it_followed(self) -> None:
        self.rows(Accepted(ANN, TIME), Sampled(ANN, TIME, "ESTABLISHED", send_window=9))
        rows = self.rows(
            call(ANN, 1, "recv", "65536", 6),
            Sampled(ANN, TIME + 1.1, "CLOSE_WAIT", send_window=0, retransmits=2),
            Chunk(ANN, TIME + 1, b"hello\n"),
            Sampled(ANN, TIME + 2, "CLOSE_WAIT", send_window=9, retransmits=2),
        )
        self.assert_row(rows[0], "recv(")
        self.assert_row(rows[1], "─ FIN ─", "▶│")
        self.assert_row(rows[2], "CLOSE_WAIT")
        self.assert_row(rows[3], "◀─ ─", "2 sent again")
        self.assert_row(rows[4], "peer's window 0, 0 bytes unsent")
        self.assert_row(rows[5], "open again")

    def test_rows_name_their_connection_and_have_one_clock(self) -> None:
        self.rows(call(PORT, 0, "listen", "1024"), Accepted(ANN, TIME + 1))
        [one] = self.rows(call(ANN, 2, "send", "1", 1))
        self.rows(Accepted(BOB, TIME + 3))
        [other] = self.rows(call(BOB, 4, "send", "1", 1))
        self.assert_row(one, "#1", "2.000 000")
        self.assert_row(other, "#2", "4.000 000")

    def test_a_reset(self) -> None:
        self.rows(Accepted(ANN, TIME))
        [row] = self.rows(call(ANN, 1, "recv", "65536", -1, "ECONNRESET"))
        self.assert_row(row, "─ RST ─", "▶│ recv(65536) = -1 ECONNRESET")

    def test_over_tls(self) -> None:
        rows = self.rows(
            call(ANN, 0, "accept", result=7),
            call(ANN, 0.1, "recv", "65536", 500),
            Sampled(ANN, TIME + 0.1, "ESTABLISHED"),
            call(ANN, 0.1, "send", "900", 900),
            Accepted(ANN, TIME + 0.2, HERE, 5.0),
            SynSaved(ANN, TIME, SYN),
            call(ANN, 1, "recv", "65536", 40),
            Chunk(ANN, TIME + 1, b"hello\n"),
            replace(finished(ANN, 2), sent_bytes=3),
        )
        self.assert_row(rows.pop(0), "#1", "127.0.0.1:60612", "server 127.0.0.1:8888")
        self.assert_row(rows[0], "│──", "SYN, MSS 65495", "──▶│")
        self.assert_row(rows[3], "│ accept() = ")
        self.assert_row(rows[4], "500 bytes ─", "recv(65536) = 500")
        self.assert_row(rows[5], "900 bytes ─", "send(900) = 900")
        self.assert_row("".join(rows[-2:]), "finished: eof", "3 bytes sent")

    def test_behind_a_balancer(self) -> None:
        client = Peer(1, "IPv4", "10.1.2.3", 5555)
        rows = self.rows(
            call(client, 0, "accept", result=7),
            Accepted(client, TIME, HERE, 5.0),
            SynSaved(client, TIME, SYN),
        )
        self.assert_row(rows[0], "10.1.2.3:5555")
        self.assert_row(rows[-1], "│ accept() = 127.0.0.1:60612")

    def test_a_full_queue(self) -> None:
        looks = ((2, 0), (3, 0), (3, 2), (3, 2), (0, 2))
        rows = self.rows(
            *(Listening(PORT, TIME, 2, waiting=n, drops=drops) for n, drops in looks)
        )
        said = [
            row[46:].strip("│ ").partition(" wait")[0] for row in rows if " of " in row
        ]
        self.assertEqual(said, ["2 of 2", "3 of 2", "3 of 2", "0 of 2"])
        self.assertIn("accepted, 2", "".join(rows))

    def test_a_refused_client(self) -> None:
        rows = self.rows(call(PORT, 0, "connect", "127.0.0.1:8888", -1, "ECONNREFUSED"))
        self.assert_row(rows[0], "◀··", " SYN ")
        self.assert_row(rows[1], "· RST ·", "▶│ connect(127.0.0.1:8888)")

    def test_one_end_of_a_side_is_one_packet(self) -> None:
        self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            call(ANN, 1, "shutdown", "SHUT_WR"),
            call(ANN, 2, "shutdown", "SHUT_RDWR"),
            call(ANN, 2, "close"),
        )
        self.assertEqual(["FIN" in row for row in rows], [True, False, False])
        self.assertNotIn("RST", "".join(rows))

    def test_a_listening_socket_sends_nothing_at_its_end(self) -> None:
        rows = self.rows(call(PORT, 1, "shutdown", "SHUT_RDWR"), call(PORT, 1, "close"))
        self.assertNotIn("◀", "".join(rows))

    def test_the_calls_of_a_listening_socket_say_so(self) -> None:
        rows = self.rows(
            call(PORT, 0, "listen", "1024"),
            call(PORT, 1, "shutdown", "SHUT_RDWR"),
            call(PORT, 1, "close"),
            call(ANN, 1, "accept", result=7),
            Accepted(ANN, TIME + 1),
            call(ANN, 2, "close"),
        )
        self.assert_row(rows[1], "│ listener: shutdown(SHUT_RDWR)")
        self.assert_row(rows[2], "│ listener: close()")
        self.assertNotIn("listener", rows[-1])

    def test_a_close_alone_resets(self) -> None:
        self.rows(Accepted(ANN, TIME))
        [row] = self.rows(call(ANN, 1, "close"))
        self.assert_row(row, "◀·", "RST", "│ close()")

    def test_a_reset_that_no_call_told_of(self) -> None:
        self.rows(call(ANN, 0, "accept", result=7), Accepted(ANN, TIME))
        self.rows(Sampled(ANN, TIME, "ESTABLISHED"))
        rows = self.rows(
            Sampled(ANN, TIME + 1, "CLOSED"),
            call(ANN, 1, "shutdown", "SHUT_RDWR", -1, "ENOTCONN"),
            call(ANN, 1, "close"),
            finished(ANN, 1, EndCause.RESET),
        )
        self.assert_row(rows[0], "· RST ·", "▶│")
        self.assertEqual("".join(rows).count("RST"), 1)

    def test_a_reset_is_one_packet(self) -> None:
        self.rows(Accepted(ANN, TIME), Sampled(ANN, TIME, "ESTABLISHED"))
        rows = self.rows(
            call(ANN, 1, "recv", "65536", -1, "ECONNRESET"),
            Sampled(ANN, TIME + 1, "CLOSED"),
            call(ANN, 1, "shutdown", "SHUT_RDWR", -1, "ENOTCONN"),
            call(ANN, 1, "close"),
        )
        self.assertEqual("".join(rows).count("RST"), 1)

    def test_a_fin_waits_behind_unsent_bytes(self) -> None:
        self.rows(Accepted(ANN, TIME), Sampled(ANN, TIME, "ESTABLISHED"))
        rows = self.rows(
            call(ANN, 1, "shutdown", "SHUT_WR"),
            Sampled(ANN, TIME + 1, "FIN_WAIT_1", unsent_bytes=9),
            call(ANN, 2, "recv", "65536", 0),
            Sampled(ANN, TIME + 2, "CLOSING", unsent_bytes=9),
            Sampled(ANN, TIME + 3, "CLOSED"),
        )
        self.assert_row(rows[0], "│     ", "│ shutdown(SHUT_WR)")
        self.assert_row(rows[1], "FIN_WAIT_1")
        self.assert_row(rows[2], "─ FIN ─", "▶│ recv(65536) = 0")
        self.assert_row(rows[3], "CLOSING")
        self.assert_row(rows[4], "◀─ ─", " FIN ")
        self.assertEqual(len(rows), 5)

    def test_the_peers_fin_between_two_looks(self) -> None:
        self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            call(ANN, 1, "shutdown", "SHUT_RDWR"),
            call(ANN, 1, "close"),
            Diagnosed(ANN, TIME + 1, "own", "FIN_WAIT_2"),
            finished(ANN, 1),
            Diagnosed(ANN, TIME + 2, "own", "TIME_WAIT", 60.0),
        )
        self.assert_row(rows[-2], "─ FIN ─", "▶│")
        self.assert_row(rows[-1], "TIME_WAIT 60 s")

    def test_which_fin_came_first_may_be_unknown(self) -> None:
        self.rows(Accepted(ANN, TIME), Sampled(ANN, TIME, "ESTABLISHED"))
        rows = self.rows(
            call(ANN, 1, "shutdown", "SHUT_RDWR"),
            Sampled(ANN, TIME + 1, "FIN_WAIT_1", unsent_bytes=9),
            call(ANN, 1, "close"),
            Diagnosed(ANN, TIME + 2, "own", "TIME_WAIT", 60.0),
        )
        self.assertEqual("".join(rows).count("FIN came first is unknown"), 1)

    def test_a_reset_by_one_of_the_two(self) -> None:
        self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            call(ANN, 1, "shutdown", "SHUT_RDWR"),
            call(ANN, 1, "close"),
            Diagnosed(ANN, TIME + 1, "own", "FIN_WAIT_2"),
            Diagnosed(ANN, TIME + 2, "own", "CLOSED"),
        )
        self.assert_row(rows[-2], "│ gone: one side has reset it")

    def test_what_the_kernel_never_took_was_not_sent(self) -> None:
        self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            Sent(ANN, TIME, b"ok\n"),
            call(ANN, 1, "send", "3", 3),
            Sent(ANN, TIME, b"ok\n"),
            replace(finished(ANN, 2), sent_bytes=6),
        )
        self.assert_row("".join(rows[-3:]), "finished: eof", "3 bytes sent")

    def test_what_comes_after_the_end_is_not_kept(self) -> None:
        self.rows(Accepted(ANN, TIME), finished(ANN, 1))
        [row] = self.rows(Diagnosed(ANN, TIME + 2, "own", "TIME_WAIT", 59.0))
        self.assert_row(row, "#1", "TIME_WAIT 59 s")
        [row] = self.rows(Diagnosed(ANN, TIME + 3, "own", "FIN_WAIT_2"))
        self.assert_row(row, "#1", "FIN_WAIT_2")

    def test_a_unix_socket_has_no_packets(self) -> None:
        rows = self.rows(
            call(PATH, 0, "accept", result=7),
            Accepted(PATH, TIME),
            call(PATH, 1, "recv", "65536", 0),
        )
        self.assertNotIn("FIN", "".join(rows))
        self.assertNotIn("SYN", "".join(rows))
        self.assert_row(rows[-1], "─ end ─", "recv(65536) = 0")

    def test_what_is_not_a_connection(self) -> None:
        rows = self.rows(
            call(PORT, 0, "listen", "1024"),
            call(PORT, 0, "accept", "", -1, "EAGAIN"),
            Listening(PORT, TIME, 2, waiting=3),
            Misbehaved(PORT, TIME, "hold-accept"),
            Refused(PORT, TIME, EndCause.REFUSED, "no\x1b[2J", others=0),
        )
        self.assertEqual(len(rows), 4)
        self.assert_row(rows[1], "3 of 2 wait to be accepted")
        self.assert_row(rows[2], "misbehaves: hold-accept")
        self.assert_row(rows[3], "refused: no\\x1b[2J")

    def test_without_unicode(self) -> None:
        self.form = Flow(Style(unicode=False))
        shown = self.form(call(ANN, 1, "recv", "65536", 6))
        shown += self.form(Chunk(ANN, TIME + 1, b"hello\n"))
        self.assertTrue(shown.isascii(), shown)
        self.assertIn(b"->", shown.replace(b"-->", b"->"))

    def test_bytes_cannot_drive_a_terminal(self) -> None:
        data = b"\x1b[2J\r\n"
        self.rows(Accepted(ANN, TIME))
        rows = self.rows(
            call(ANN, 1, "recv", "65536", len(data)), Chunk(ANN, TIME + 1, data)
        )
        self.assertTrue("".join(rows).isprintable(), rows)


class ProgramTests(SynchronousTestCase):
    def test_both_programs(self) -> None:
        server = self.enterContext(
            Program(
                *("server", "--port", "0", "--interface", "127.0.0.1"),
                *("--format", "flow", "--reply", "echo", "--once"),
            )
        )
        port = str(server.port())
        client = run("client", "127.0.0.1", port, "--format", "flow", typed=b"hello\n")
        server.wait_for(b"finished: eof")
        self.assertEqual(client.process.returncode, 0, client.err)
        for shown in client.out.decode(), server.out.decode():
            self.assertRegex(shown, r"connect\(|accept\(")
            self.assertRegex(shown, r"─ 6 bytes \"hello\\n\" ─.* recv\(65536\) = 6")
            self.assertRegex(shown, r"◀─+ 6 bytes \"hello\\n\" ─.* send\(6\) = 6")
        self.assertNotIn("\nhello\n", client.out.decode())

    def test_into_a_file_beside_another_format(self) -> None:
        path = f"{self.enterContext(tempfile.TemporaryDirectory())}/flow"
        server = self.enterContext(
            Program(
                *("server", "--port", "0", "--interface", "127.0.0.1", "--once"),
                *("--output", f"flow:{path}", "--output", "-"),
            )
        )
        with Client(server.port()) as client:
            client.sendall(b"hello\n")
        self.assertEqual(server.end(), 0)
        self.assertIn(b"recv data: hello\n", server.out)
        with open(path, encoding="utf-8") as file:
            self.assertIn("recv(65536) = 6", file.read())
