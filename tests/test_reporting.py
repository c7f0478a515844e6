"""Lines on stderr about ends that were not in order."""

from __future__ import annotations

import socket
from unittest import SkipTest

from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from echolab import EndCause, Finished, Mistaken, Peer, Refused
from echolab.sinks.reporting import Reporter, connection_lost
from echolab.terminal.terminal_stream import TerminalStream
from tests.support import SERVER, Client, Program

PEER = Peer(1, "IPv4", "127.0.0.1", 60612)


class ReporterTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.reporter = Reporter(self.clock)
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)

    def said(self) -> list[str | None]:
        return [formatEvent(event) for event in self.log]

    def end(
        self, cause: EndCause, detail: str = "", unread: int = 0, time: float = 1.0
    ) -> None:
        self.reporter(
            Finished(
                *(PEER, time, cause),
                received_bytes=13,
                unread_bytes=unread,
                seconds=1,
                detail=detail,
            )
        )

    def test_only_what_was_not_in_order(self) -> None:
        self.end(EndCause.EOF)
        self.end(EndCause.STOPPED)
        self.end(EndCause.RESET, "ECONNRESET")
        self.end(EndCause.TIMEOUT, unread=7)
        self.reporter(Refused(PEER, 1.0, EndCause.REFUSED, "denied", 3))
        self.assertEqual(
            self.said(),
            [
                "127.0.0.1:60612: reset (ECONNRESET) after 13 bytes",
                "127.0.0.1:60612: timeout after 13 bytes, and 7 unread",
                "127.0.0.1:60612: refused (denied); and 3 others",
            ],
        )

    def test_an_end_in_the_middle_of_a_message(self) -> None:
        end = Finished(
            *(PEER, 1.0, EndCause.EOF),
            received_bytes=9,
            seconds=1,
            unterminated_bytes=5,
        )
        self.reporter(end)  # The last line of a text often has no end.
        self.assertEqual(self.said(), [])
        Reporter(self.clock, of_cut=True)(end)
        self.assertEqual(
            self.said(),
            ["127.0.0.1:60612: eof after 9 bytes, in the middle of a message"],
        )

    def test_so_says_a_server_whose_framing_has_no_marks(self) -> None:
        for framing, said in (
            ("int32", ": eof after 9 bytes, in the middle of a message\n"),
            ("delimiter:;", ""),
        ):
            with Program(*SERVER, "--once", "--framing", framing) as server:
                port = server.port()
                with Client(port) as client:
                    client.sendall(b"\x05\0\0\0hello")
                    client.shutdown(socket.SHUT_WR)
                    self.assertEqual(server.end(), 0)
            [*_, last] = server.err.decode().splitlines(keepends=True)
            if said:
                self.assertRegex(last, f"^127.0.0.1:\\d+{said}$")
            else:
                self.assertTrue(last.startswith("listening on"), last)

    def test_one_byte(self) -> None:
        event = Finished(
            *(PEER, 1.0, EndCause.RESET), received_bytes=1, seconds=1, detail="EPIPE"
        )
        self.reporter(event)
        self.assertEqual(self.said(), ["127.0.0.1:60612: reset (EPIPE) after 1 byte"])
        self.assertEqual(
            str(connection_lost(event)),
            "recv 127.0.0.1:60612: reset (EPIPE) after 1 byte",
        )

    def test_a_protocol_that_is_not_spoken_here(self) -> None:
        self.reporter(Mistaken(PEER, 1.0, "TLS"))
        [said] = self.said()
        self.assertEqual(said, "127.0.0.1:60612: speaks TLS at a port that does not")

    def test_not_too_often(self) -> None:
        for _ in range(1000):
            self.end(EndCause.RESET)
        self.assertEqual(len(self.said()), 10)
        self.clock.advance(1)
        once = "127.0.0.1:60612: reset after 13 bytes"
        self.assertEqual(self.said()[10:], [f"{once}; and 989 others"])
        self.end(EndCause.RESET)
        self.assertEqual(self.said()[11:], [once])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nor_where_the_time_of_day_was_set_back(self) -> None:
        for number in range(1000):
            self.end(EndCause.RESET, time=3600.0 * (number % 2))
        self.assertEqual(len(self.said()), 10)

    def test_what_was_withheld_is_said_at_the_end(self) -> None:
        self.reporter.catch_up()
        for _ in range(40):
            self.end(EndCause.RESET)
        self.reporter.catch_up()
        self.reporter.catch_up()
        [last] = self.said()[10:]
        assert last is not None
        self.assertTrue(last.endswith("; and 29 others"), last)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Screen:
    """Keeps what is shown."""

    def __init__(self, shown: list[bytes]) -> None:
        self.write = self.say = shown.append

    def close(self) -> None:
        """Keep it."""


class ProgressTests(SynchronousTestCase):
    def test_counts_and_stands_below_what_is_printed(self) -> None:
        try:
            from echolab.client.progress import Progress
        except ImportError:
            raise SkipTest("tqdm is not installed") from None
        terminal: list[bytes] = []
        shown: list[bytes] = []
        progress = Progress(200, TerminalStream(terminal.append, fd=0), Screen(shown))
        progress.count(100)
        progress.write(b"reply\n")
        progress.say(b"prompt")
        progress.close()
        self.assertEqual(shown, [b"reply\n", b"prompt"])
        self.assertIn(b"100/200", b"".join(terminal))
