"""Replay of a recording: the schedule in memory, the rest with real processes."""

from __future__ import annotations

import re
import socket
import tempfile
from pathlib import Path
from unittest import mock

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab import (
    Accepted,
    Chunk,
    EndCause,
    Event,
    Finished,
    InputError,
    LeftOut,
    Peer,
)
from echolab.client.replay import Recorded, Replayer
from echolab.formats.recording import Recording, read_recording
from echolab.outputs.file import FileOutput
from echolab.testing import LabProcess, Transcript, connected
from tests.support import SECONDS, TWISTD, Client, Program, run

PEER = '{"event":"accepted","time":"2026-01-01T00:00:00Z","peer":{"number":%s}}\n'
ANN, BOB = (Peer(n, "IPv4", "127.0.0.1", n) for n in (1, 2))


def end(peer: Peer, time: float) -> Finished:
    return Finished(peer, time, EndCause.EOF, received_bytes=0, seconds=time)


class RecordingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = str(self.folder / "lab.json")

    def record(self, *events: Event) -> None:
        transcript = Transcript()
        for event in events:
            transcript(event)
        transcript.save(self.path)


class ReplayerTests(RecordingCase):
    def play(self, speed: float = 1, number: int | None = None) -> None:
        self.clock = Clock()
        self.sent: list[tuple[float, bytes]] = []
        self.failures: list[InputError] = []
        self.replayer = Replayer(
            self.clock,
            Recorded(self.path, number),
            speed=speed,
            received=lambda data: self.sent.append((self.clock.seconds(), data)),
            ended=lambda: self.sent.append((self.clock.seconds(), b"(end)")),
            failed=self.failures.append,
        )

    def setUp(self) -> None:
        super().setUp()
        self.record(
            Accepted(ANN, 100),
            Chunk(ANN, 101, b"hel"),
            Chunk(ANN, 101, b"lo\n"),
            Accepted(BOB, 101.5),
            Chunk(BOB, 102, b"bob"),
            Chunk(ANN, 103, b"bye"),
            end(ANN, 104),
        )

    def test_the_same_chunks_and_gaps(self) -> None:
        self.play(number=1)
        self.replayer.resumeProducing()
        self.clock.pump([0, 1, 0, 1, 1, 1])
        self.assertEqual(
            self.sent, [(1, b"hel"), (1, b"lo\n"), (3, b"bye"), (4, b"(end)")]
        )

    def test_faster(self) -> None:
        self.play(speed=2, number=1)
        self.replayer.resumeProducing()
        self.clock.pump([0.5, 0, 0.5, 0.5, 0.5])
        self.assertEqual([time for time, _ in self.sent], [0.5, 0.5, 1.5, 2])

    def test_as_fast_as_it_goes(self) -> None:
        self.play(speed=0, number=1)
        self.replayer.resumeProducing()
        self.clock.advance(0)
        self.assertEqual(
            self.sent, [(0, b"hel"), (0, b"lo\n"), (0, b"bye"), (0, b"(end)")]
        )

    def test_a_server_reads_the_chunks_that_were_recorded(self) -> None:
        talk = connected()

        def send(data: bytes) -> None:
            talk.client.write(data)
            talk.from_client.deliver()

        replayer = Replayer(
            talk.clock,
            Recorded(self.path, 1),
            speed=1,
            received=send,
            ended=talk.client.finish,
            failed=self.fail,
        )
        replayer.resumeProducing()
        for _ in range(4):
            talk.advance(1)
        self.assertEqual(talk.transcript.chunks(), [b"hel", b"lo\n", b"bye"])
        self.assertIn("finished eof", talk.transcript.render())

    def test_one_that_never_ended(self) -> None:
        self.play(number=2)
        self.replayer.resumeProducing()
        self.clock.pump([0.5, 0])
        self.assertEqual(self.sent, [(0.5, b"bob"), (0.5, b"(end)")])

    def test_a_pause_keeps_the_gaps_that_follow(self) -> None:
        self.play(number=1)
        self.replayer.resumeProducing()
        self.clock.pump([1, 0])
        self.replayer.pauseProducing()
        self.clock.advance(0.5)
        self.replayer.resumeProducing()  # Nothing was late.
        self.replayer.pauseProducing()
        self.clock.advance(11.5)
        self.replayer.resumeProducing()
        self.clock.pump([0, 1])
        self.assertEqual(self.sent[2:], [(13, b"bye"), (14, b"(end)")])

    def test_stopped(self) -> None:
        self.play(number=1)
        self.replayer.resumeProducing()
        self.clock.advance(1)
        self.replayer.stopProducing()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_changes_while_it_is_sent(self) -> None:
        self.play(number=2)
        with Path(self.path).open("a") as file:
            file.write("{}\n")
        self.replayer.resumeProducing()
        self.clock.pump([0.5, 0])
        why = f"read {self.path}: line 8 is not of a recording"
        self.assertEqual([str(why) for why in self.failures], [why])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_long_gap_is_refused_unless_it_is_asked_for(self) -> None:
        hour = 3600.0
        cases: list[tuple[list[Event], int]] = [
            ([Accepted(ANN, 1), Chunk(ANN, hour + 2, b"x")], 2),
            ([Accepted(ANN, 1), Chunk(ANN, 2, b"x"), end(ANN, hour + 3)], 3),
            (
                [
                    *(Accepted(ANN, 1), Accepted(BOB, 1), Chunk(ANN, 2, b"x")),
                    *(Chunk(BOB, 2 * hour, b"y"), Chunk(ANN, 9 * hour, b"z")),
                ],
                5,
            ),
        ]
        for events, line in cases:
            self.record(*events)
            with self.assertRaises(InputError) as caught:
                Recorded(self.path, 1)
            why = f"read {self.path}: line {line} comes . hours after the one before; "
            said = re.sub(r"\d\.\d hours", ". hours", str(caught.exception))
            self.assertEqual(
                said, why + "--speed 1 waits so long, --speed max does not"
            )
            self.assertTrue(list(Recorded(self.path, 1, any_gap=True)))
        self.record(Accepted(ANN, 1), Chunk(ANN, hour, b"x"), end(ANN, 2 * hour))
        self.assertTrue(list(Recorded(self.path)))

    def test_a_recording_without_all_bytes_of_the_peer_is_refused(self) -> None:
        rests: list[list[Event]] = [[], [Chunk(ANN, 3, b"x")]]
        for left in rests:
            gap = LeftOut(ANN, 2, 7, received_bytes=1, sent_bytes=0)
            self.record(Accepted(ANN, 1), Accepted(BOB, 1), gap, *left, end(ANN, 4))
            with self.assertRaises(InputError) as caught:
                Recorded(self.path, 1)
            why = "line 3: bytes of peer 1 were not kept"
            self.assertEqual(str(caught.exception), f"read {self.path}: {why}")

    def test_a_gap_without_received_bytes_of_the_peer_does_not_matter(self) -> None:
        events: list[Event] = [
            *(Accepted(ANN, 1), Accepted(BOB, 1), Chunk(ANN, 2, b"x")),
            LeftOut(ANN, 3, 7, received_bytes=0, sent_bytes=9),
            *(LeftOut(BOB, 3, 7, received_bytes=9, sent_bytes=0), end(ANN, 4)),
        ]
        self.record(*events)
        self.assertEqual([*Recorded(self.path, 1)], [events[2], events[-1]])

    def cut_off(self, size: int) -> None:
        with Path(self.path).open("rb+") as file:
            file.truncate(Path(self.path).stat().st_size - size)

    def test_one_that_is_cut_off_is_said_to_be_so_once(self) -> None:
        self.cut_off(5)
        with capturedLogs() as logs:
            list(Recorded(self.path, 1))
        [event] = logs
        said = formatEvent(event)
        why = "line 7 is not of a recording: cut off"
        self.assertEqual(said, f"{self.path}: {why}")

    def test_one_that_is_cut_off_and_goes_on(self) -> None:
        for size in (1, 5):
            self.cut_off(size)
            output = FileOutput(self.path, clock=Clock(), whole_lines=True)
            form = Recording()
            output.write(form(Accepted(ANN, 1)) + form(end(ANN, 2)))
            output.close()
        peers = Transcript.load(self.path).peers()
        self.assertEqual([peer.number for peer in peers], [1, 2, 3, 4])

    def test_what_is_no_recording(self) -> None:
        for text in ("hello", "hello\n", PEER % -1, PEER % '"a"', "{\n}\n"):
            Path(self.path).write_text(text)
            with self.assertRaisesRegex(InputError, "line . is not of a recording"):
                Recorded(self.path)

    def test_a_line_without_an_end(self) -> None:
        longest = "echolab.formats.recording.LONGEST_LINE_BYTES"
        line = Recording()(Accepted(ANN, 1))
        for number in (1, 2):
            Path(self.path).write_bytes(line * number)
            with mock.patch(longest, len(line)):
                self.assertEqual(len(list(read_recording(self.path))), number)
            Path(self.path).write_bytes(line * (number - 1) + b"x" * 1000)
            why = f"line {number} is too long for a recording"
            with (
                mock.patch(longest, len(line)),
                self.assertRaisesRegex(InputError, why),
            ):
                list(read_recording(self.path))

    def test_what_cannot_be_sent(self) -> None:
        for number, why in (
            (None, "2 peers in it; say which with --peer"),
            (3, "no peer 3"),
        ):
            with self.assertRaises(InputError) as caught:
                Recorded(self.path, number)
            self.assertEqual(str(caught.exception), f"read {self.path}: {why}")
        self.record(Accepted(ANN, 1), end(ANN, 2))
        with self.assertRaisesRegex(InputError, "no chunks in it: .* --record"):
            Recorded(self.path)
        self.record()
        with self.assertRaisesRegex(InputError, "no connection in it"):
            Recorded(self.path)


class ProgramTests(RecordingCase):
    def test_recorded_beside_what_is_printed_run_after_run(self) -> None:
        words = ("--port", "0", "--interface", "127.0.0.1", "--record", self.path)
        behave = ("--behave", "read-bytewise", "--behave", "close:after-bytes=3")
        with Program("server", *words, "--once") as server:
            with Client(server.port()) as peer:
                peer.sendall(b"hello\r\n")
            self.assertEqual(server.end(), 0)
        self.assertIn(b"recv data: hello\nfinish.\n", server.out)
        with Program(
            *("-n", "--pidfile=", "echolab", *words, "--once", *behave), program=TWISTD
        ) as server:
            with Client(server.port()) as peer:
                peer.sendall(b"bye\n")
                self.assertEqual(peer.recv(1), b"")
            self.assertEqual(server.end(), 0)
        self.assertIn(b"misbehaved (close:after-bytes=3)\n", server.err)
        both = Transcript.load(self.path)
        self.assertEqual(both.chunks(1), [b"hello\r\n"])
        self.assertEqual(both.chunks(2), [b"b", b"y", b"e"])
        self.assertEqual(len(both.ends()), 2)

    def test_what_a_server_recorded_comes_again(self) -> None:
        with LabProcess("--output", "/dev/null") as first:
            assert isinstance(first.address, tuple)
            with socket.create_connection(first.address, SECONDS) as peer:
                sent = 0
                for data in (b"hel", b"lo\n\xff", b"bye"):
                    peer.sendall(data)
                    sent += len(data)
                    first.wait_for_bytes(sent)
            first.wait_for_end()
            first.save(self.path)
        with LabProcess() as second:
            ended = run("client", second.host, str(second.port), "--replay", self.path)
            self.assertEqual((ended.err, ended.process.returncode), (b"", 0))
            second.wait_for_end()
        self.assertEqual(first.chunks(), [b"hel", b"lo\n\xff", b"bye"])
        # The kernel may have merged separate writes.
        self.assertEqual(b"".join(second.chunks()), b"".join(first.chunks()))
        self.assertEqual(second.render(), first.render())

    def test_a_server_that_ends_early(self) -> None:
        self.record(
            Accepted(ANN, 0.0),
            Chunk(ANN, 0.0, b"one\n"),
            Chunk(ANN, 30.0, b"two\n"),
            end(ANN, 30.0),
        )
        for behaviour, why in (
            ("close:after-messages=1", b"closed by the server"),
            ("half-close:after-messages=1", b"closed by the server"),
            ("reset:after-messages=1", b"Connection reset by peer"),
        ):
            with LabProcess(behave=behaviour) as server:
                where = (server.host, str(server.port))
                ended = run("client", *where, "--replay", self.path)
                said = b"recv %s:%d: %s\n" % (b"127.0.0.1", server.port, why)
                self.assertEqual((ended.err, ended.process.returncode), (said, 1))

    def test_at_full_speed(self) -> None:
        self.record(
            Accepted(ANN, 0),
            *(Chunk(ANN, 60.0 * n, b"%d\n" % n) for n in range(100)),
            end(ANN, 6000),
        )
        with LabProcess() as server:
            where = (server.host, str(server.port), "--speed", "max")
            self.assertEqual(
                run("client", *where, "--replay", self.path).process.returncode, 0
            )
            server.wait_for_end()
            server.assert_lines([b"%d" % n for n in range(100)])

    def test_options_that_do_not_go_together(self) -> None:
        where = ("client", "127.0.0.1", "1")
        for words, why in (
            (("--speed", "2"), "--speed: there is no --replay"),
            (("--peer", "2"), "--peer: there is no --replay"),
            (("--replay", "x", "--file", "y"), "--replay sends a recording as it"),
            (("--replay", "x", "--crlf"), "--replay sends a recording as it"),
            (("--replay", "x", "--speed", "0"), "--speed 0: must be a number over 0"),
            (("--replay", "x", "--peer", "z"), "--peer z: must be a whole number"),
            (("--replay", ""), "--replay: the file has no name"),
            (("--replay", "/nonexistent"), "open /nonexistent: No such file"),
            (("--replay", "x" * 300), f"open {'x' * 300}: File name too long"),
            (("--replay", "/dev/null"), "read /dev/null: not a file"),
        ):
            ended = run(*where, *words)
            self.assertIn(why, ended.err.decode())
            self.assertEqual(ended.err.count(b"\n"), 1)
            self.assertEqual(ended.process.returncode, 1)
