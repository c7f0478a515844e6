"""The client as a real process, against servers of all kinds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from twisted.trial.unittest import SynchronousTestCase

from echolab import EndCause
from echolab.testing import LabProcess
from tests.support import SECONDS, TWISTD, Program, run

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from echolab.testing import ServerKeywords


class ClientTests(SynchronousTestCase):
    def serve(self, *options: str, **keywords: Unpack[ServerKeywords]) -> LabProcess:
        self.server = self.enterContext(LabProcess(*options, **keywords))
        self.port = str(self.server.port)
        return self.server

    def client(self, *options: str, stdin: int = subprocess.PIPE) -> Program:
        return Program("client", "127.0.0.1", self.port, *options, stdin=stdin)

    def assert_sent(self, data: bytes) -> None:
        end = self.server.wait_for_end(timeout=SECONDS)
        self.assertEqual(self.server.received(), data)
        self.assertIs(end.cause, EndCause.EOF)

    def test_piped_lines(self) -> None:
        self.serve()
        with self.client() as client:
            client.send(b"hello\nunterminated")
            self.server.wait_for_bytes(18, timeout=SECONDS)
            client.end_input()
            self.assertEqual(client.end(), 0)
            self.assertEqual((client.out, client.err), (b"", b""))
        self.assert_sent(b"hello\nunterminated")

    def test_a_dot_quits_only_where_a_person_types(self) -> None:
        for options, sent in (
            ((), b"a\n...\nb\n"),
            (("--file", "-"), b"a\n...\nb\n"),
            (("--no-dot",), b"a\n...\nb\n"),
            (("--dot",), b"a\n"),
            (("--dot", "--file", "-"), b"a\n"),
            (("--dot", "--rate", "1000", "--crlf"), b"a\r\n"),
        ):
            self.serve()
            with self.client(*options) as client:
                client.send(b"a\n...\nb\n")
                client.end_input()
                self.assertEqual(client.end(), 0)
            self.assert_sent(sent)

    def test_replies_also_after_the_end_of_input(self) -> None:
        for options, shown in ((), b"one\none\n"), (("--quiet",), b""):
            self.serve(reply="one", behave="answer-late:seconds=0.1")
            with self.client(*options) as client:
                client.send(b"1\n2\n")
                client.end_input()
                self.assertEqual(client.end(), 0)
                self.assertEqual((client.out, client.err), (shown, b""))

    def test_stdin_that_is_a_file_or_nothing(self) -> None:
        with tempfile.TemporaryFile() as file, open(os.devnull, "rb") as null:
            file.write(b"from a file\n")
            file.seek(0)
            for stdin, sent in ((file, b"from a file\n"), (null, b"")):
                self.serve()
                with self.client(stdin=stdin.fileno()) as client:
                    self.assertEqual(client.end(), 0)
                self.assert_sent(sent)

    def test_stdin_that_is_closed(self) -> None:
        self.serve()
        shell = ("sh", "-c", 'exec "$@" <&-', "sh")
        with Program(
            *("client", "127.0.0.1", self.port),
            program=(*shell, *TWISTD[:1], "-m", "echolab"),
        ) as client:
            self.assertEqual(client.end(), 0)
        self.assert_sent(b"")

    def test_slow_server_pauses_stdin(self) -> None:
        self.serve(behave="stop-reading")
        with self.client() as client:
            self.assertLess(client.fill_stdin(), 50_000_000)
            status = Path(f"/proc/{client.process.pid}/status").read_text()
            [peak] = [x for x in status.splitlines() if x.startswith("VmHWM")]
            self.assertLess(int(peak.split()[1]), 60_000, "kB")

    def test_server_that_closes_while_nothing_is_typed(self) -> None:
        self.serve(behave="close")
        with self.client() as client:
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"recv 127.0.0.1:{self.port}: closed by the server\n",
            )
            self.assertEqual(client.out, b"")

    def test_server_that_has_closed_before_the_last_line(self) -> None:
        listener = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        listener.settimeout(SECONDS)
        self.port = str(listener.getsockname()[1])
        for options in ((), ("--quiet",)):
            with self.client(*options) as client:
                listener.accept()[0].close()
                client.send(b"lost\n")
                client.end_input()
                self.assertEqual(client.end(), 1)
                where = f"recv 127.0.0.1:{self.port}: "
                self.assertRegex(client.err.decode(), f"^{where}[^\n]*\n$")
                self.assertEqual(client.out, b"")

    def test_unix_server_that_closes_in_order(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        listener = self.enterContext(socket.socket(socket.AF_UNIX))
        listener.bind(f"{folder}/lab.sock")
        listener.listen()
        listener.settimeout(SECONDS)
        for said in (b"QUIT\n", b""):
            # Without --quiet the server would count as closed after a second.
            words = ("client", "--connect", f"unix:{folder}/lab.sock", "--quiet")
            with Program(*words) as client:
                server = self.enterContext(listener.accept()[0])
                client.send(said)
                if said:
                    self.assertEqual(server.recv(100), said)
                server.sendall(b"bye\n")
                server.close()
                client.end_input()
                self.assertEqual((client.end(), client.err), (0, b""))

    def test_a_rate_is_no_silence(self) -> None:
        self.serve(behave="half-close")
        with self.client("--rate", "0.9") as client:
            client.send(b"1\n2\n3\n")
            client.end_input()
            self.assertEqual((client.end(), client.err), (0, b""))
        self.assertEqual(self.server.received(), b"1\n2\n3\n")

    def test_server_that_sends_nothing_but_reads(self) -> None:
        # Like `ncat -l < /dev/null`: it closes its sending side at once.
        self.serve(behave="half-close")
        with self.client() as client:
            client.send(b"hello\n")
            client.end_input()
            self.assertEqual(client.end(), 0)
        self.assert_sent(b"hello\n")

    def test_files_are_sent_as_they_are(self) -> None:
        self.serve()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_bytes(b"one\n.\ntwo\n")
            Path(folder, "b").write_bytes(b"\xff\0" * 50_000)
            with self.client(
                *("--file", f"{folder}/a", "--file", f"{folder}/b", "--crlf")
            ) as client:
                self.assertEqual(client.end(), 0)
        self.assert_sent(b"one\n.\ntwo\n" + b"\xff\0" * 50_000)

    def test_file_that_is_not_there(self) -> None:
        ended = run("client", "127.0.0.1", "1", "--file", "/no/such/file")
        self.assertEqual(ended.process.returncode, 1)
        self.assertEqual(ended.err, b"open /no/such/file: No such file or directory\n")

    def test_file_that_cannot_be_read(self) -> None:
        for more in ((), ("--rate", "100")):
            self.serve()
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "a").write_bytes(b"one\n")
                with self.client(
                    *("--file", f"{folder}/a", "--file", "/proc/self/mem"),
                    *("--file", f"{folder}/a", *more),
                ) as client:
                    self.assertEqual(client.end(), 1)
                    self.assertEqual(
                        client.err, b"read /proc/self/mem: Input/output error\n"
                    )
            self.assert_sent(b"one\n")

    def test_lines_with_carriage_returns_at_a_rate(self) -> None:
        self.serve()
        with self.client("--crlf", "--rate", "50") as client:
            client.send(b"one\ntwo\r\nthree\n")
            client.end_input()
            self.assertEqual(client.end(), 0)
        self.assert_sent(b"one\r\ntwo\r\nthree\r\n")

    def test_no_wait_for_replies(self) -> None:
        self.serve(reply="late", behave="answer-late:seconds=60")
        with self.client("--wait", "0") as client:
            client.send(b"x\n")
            client.end_input()
            self.assertEqual(client.end(), 0)

    def test_retry_until_somebody_listens(self) -> None:
        server = self.enterContext(socket.socket())
        server.settimeout(SECONDS)
        server.bind(("127.0.0.1", 0))
        self.port = str(server.getsockname()[1])
        with self.client("--retry", "60") as client:
            client.send(b"typed meanwhile\n")
            client.end_input()
            client.wait_for(
                b"Connection refused; trying again for 1 min\n", stream="err"
            )
            server.listen()
            with server.accept()[0] as connection:
                connection.settimeout(SECONDS)
                with connection.makefile("rb") as stream:
                    self.assertEqual(stream.read(), b"typed meanwhile\n")
            self.assertEqual(client.end(), 0)

    def test_retry_in_vain(self) -> None:
        self.serve(behave="refuse")
        with self.client("--retry", "1") as client:
            self.assertEqual(client.end(), 1)
            self.assertIn(b": Connection refused\n", client.err)

    def test_reset(self) -> None:
        self.serve(behave="reset:after-bytes=1")
        with self.client() as client:
            client.send(b"x")
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"recv 127.0.0.1:{self.port}: Connection reset by peer\n",
            )

    def test_interrupted(self) -> None:
        self.serve()
        with self.client() as client:
            self.server.wait_for_peers(1, timeout=SECONDS)
            client.process.send_signal(signal.SIGINT)
            self.assertEqual(client.end(), -signal.SIGINT)
            self.assertEqual((client.out, client.err), (b"", b""))

    def test_interrupted_while_the_server_is_stuck(self) -> None:
        self.serve(behave="stop-reading")
        with self.client() as client:
            client.fill_stdin()
            client.process.send_signal(signal.SIGTERM)
            self.assertEqual(client.end(), -signal.SIGTERM)

    def test_reader_of_replies_that_goes_away(self) -> None:
        self.serve()
        reading, writing = os.pipe()
        with Program("client", "127.0.0.1", self.port, stdout=writing) as client:
            os.close(writing)
            self.server.wait_for_peers(1, timeout=SECONDS)
            os.close(reading)
            self.assertEqual(client.end(), 1)
            self.assertEqual(client.err, b"write stdout: Broken pipe\n")

    def test_replies_that_cannot_be_written_are_one_line(self) -> None:
        for path, flags, why in (
            ("/dev/full", os.O_WRONLY, b"No space left on device"),
            (os.devnull, os.O_RDONLY, b"Bad file descriptor"),
        ):
            self.serve(reply="echo")
            stdout = os.open(path, flags)
            self.addCleanup(os.close, stdout)
            with Program("client", "127.0.0.1", self.port, stdout=stdout) as client:
                client.send(b"hello\n")
                self.assertEqual(client.end(), 1)
                self.assertEqual(client.err, b"write stdout: %s\n" % why)

    def test_every_way_there(self) -> None:
        for keywords, words in (
            ({}, "localhost {0.port}"),
            ({}, "--connect {0.endpoint}"),
            ({"host": "::1"}, "::1 {0.port}"),
            ({"unix": True}, "--connect unix:{0.path}"),
        ):
            server = self.serve(**cast("ServerKeywords", keywords))
            with Program("client", *words.format(server).split()) as client:
                client.send(b"there\n")
                client.end_input()
                self.assertEqual(client.end(), 0)
            self.assert_sent(b"there\n")

    def test_twistd_plugin(self) -> None:
        self.serve()
        with (
            tempfile.TemporaryDirectory() as folder,
            Program(
                *("-n", "echolab-client", "--host", "127.0.0.1", "--port", self.port),
                program=TWISTD,
                cwd=folder,
            ) as client,
        ):
            client.send(b"hello\n")
            client.end_input()
            self.assertEqual(client.end(), 0)
            self.assertEqual((client.out, client.err), (b"", b""))
            self.assertEqual(os.listdir(folder), [])
        self.assert_sent(b"hello\n")


class FailingTests(SynchronousTestCase):
    def check(self, line: str, *words: str) -> None:
        ended = run("client", *words)
        self.assertEqual(ended.err.decode(), line + "\n")
        self.assertEqual((ended.out, ended.process.returncode), (b"", 1))

    def test_refused(self) -> None:
        port = str(self.enterContext(LabProcess(behave="refuse")).port)
        where = f"127.0.0.1:{port}"
        self.check(f"connect {where}: Connection refused", "127.0.0.1", port)
        ended = run("-n", "echolab-client", "--port", port, program=TWISTD)
        self.assertEqual(ended.err.decode(), f"connect {where}: Connection refused\n")
        self.assertEqual(ended.process.returncode, 1)
        self.assertEqual(ended.left_behind, [])

    def test_no_such_path(self) -> None:
        self.check(
            "connect unix:/no/such/path: No such file or directory",
            *("--connect", "unix:/no/such/path"),
        )

    def test_path_that_is_too_long(self) -> None:
        where = f"unix:/{'a' * 107}"
        self.check(f"connect {where}: AF_UNIX path too long", "--connect", where)

    def test_no_such_host(self) -> None:
        self.check("connect nosuch.invalid:1: no such host", "nosuch.invalid", "1")

    def test_timed_out(self) -> None:
        # A full backlog: the kernel answers no further SYN.
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = str(full.getsockname()[1])
            waiting = []
            for _ in range(3):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(("127.0.0.1", int(port)))
            self.check(
                f"connect 127.0.0.1:{port}: timed out after 0.3 s",
                *("127.0.0.1", port, "--timeout", "0.3"),
            )
            for each in waiting:
                each.close()

    def test_usage(self) -> None:
        for words in ([], ["127.0.0.1"]):
            self.check("Usage: echolab client <ipaddr> <port>", *words)

    def test_bad_words(self) -> None:
        self.check("connect a:99999: port must be 1-65535", "a", "99999")
        self.check("connect foo:1: Unknown endpoint type: 'foo'", "--connect", "foo:1")
