"""``echolab draw``, as a command."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab import Chunk, Event, Peer
from echolab.command.cli import main
from tests.drawing import BOTH
from tests.sessions import Pair, hello, write
from tests.support import ECHOLAB


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

    def empty_capture(self) -> str:
        """Return the path of a capture without packets."""
        capture = self.folder / "lab.pcap"
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
        capture.write_bytes(head)
        return str(capture)

    def test_the_figure_is_that_of_the_recordings(self) -> None:
        self.assertEqual(self.draw(self.server, self.client), BOTH)
        self.assertEqual(self.draw(self.client, self.server), BOTH)

    def test_the_name_of_the_file_says_the_form(self) -> None:
        for name, words, begin in (
            ("a.svg", (), "<svg"),
            ("a.HTML", (), "<!doctype html>"),
            ("a.svg", ("--as", "mermaid"), "sequenceDiagram"),
            ("a.dat", (), "connection 1"),
        ):
            path = self.folder / name
            self.assertEqual(main(["draw", self.server, *words, "-o", str(path)]), 0)
            self.assertTrue(path.read_text().lower().startswith(begin.lower()), name)

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
        capture = self.empty_capture()
        self.assertEqual(
            self.draw(self.server, capture, status=1),
            f"read {capture}: no packet of the connection, at its time",
        )

    def test_a_capture_beside_a_client_that_nobody_has_answered(self) -> None:
        pair = Pair()
        pair.client_calls(0.0, "connect", str(pair.port), -1, "EINPROGRESS")
        tried = write(self.folder / "tried.jsonl", pair.at_client)
        capture = self.empty_capture()
        self.assertEqual(
            self.draw(tried, capture, status=1),
            f"read {capture}: the recording lacks the client's port: its connect was "
            "not answered",
        )

    def test_a_rotated_recording_does_not_know_its_packets(self) -> None:
        events = hello().at_server
        at = next(n for n, event in enumerate(events) if isinstance(event, Chunk)) - 1
        part = write(self.folder / "second.jsonl", events[at:])
        capture = self.empty_capture()
        self.assertEqual(
            self.draw(part, capture, status=1),
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
