"""The client as a real process, against servers that behave in all ways."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import SECONDS, TWISTD, Program, run

RESET = struct.pack("ii", 1, 0)


class ClientCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SECONDS)
        self.addCleanup(self.listener.close)
        self.port = str(self.listener.getsockname()[1])

    def client(self, *options: str, stdin: int = subprocess.PIPE) -> Program:
        return Program("client", "127.0.0.1", self.port, *options, stdin=stdin)

    def accept(self) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.settimeout(SECONDS)
        self.addCleanup(connection.close)
        return connection

    def read_all(self, connection: socket.socket) -> bytes:
        got = b""
        while chunk := connection.recv(1 << 20):
            got += chunk
        return got


class ClientTests(ClientCase):
    def test_piped_lines(self) -> None:
        with self.client() as client:
            server = self.accept()
            client.send(b"hello\nunterminated")
            self.assertEqual(server.recv(100), b"hello\nunterminated")
            client.end_input()
            self.assertEqual(self.read_all(server), b"")
            server.close()
            self.assertEqual(client.end(), 0)
            self.assertEqual((client.out, client.err), (b"finish.\n", b""))

    def test_dot(self) -> None:
        for options, sent in ((), b"a\n"), (("--no-dot",), b"a\n.\nb\n"):
            with self.client(*options) as client:
                server = self.accept()
                client.send(b"a\n.\nb\n")
                client.end_input()
                self.assertEqual(self.read_all(server), sent)
                server.close()
                self.assertEqual(client.end(), 0)

    def test_replies_also_after_the_end_of_input(self) -> None:
        for options, shown in ((), b"one\ntwo\n"), (("--quiet",), b""):
            with self.client(*options) as client:
                server = self.accept()
                server.sendall(b"one\n")
                client.end_input()
                self.read_all(server)
                server.sendall(b"two\n")
                server.close()
                self.assertEqual(client.end(), 0)
                self.assertEqual(client.out, shown + b"finish.\n")

    def test_stdin_that_is_a_file_or_nothing(self) -> None:
        with tempfile.TemporaryFile() as file, open(os.devnull, "rb") as null:
            file.write(b"from a file\n")
            file.seek(0)
            for stdin, sent in ((file, b"from a file\n"), (null, b"")):
                with self.client(stdin=stdin.fileno()) as client:
                    server = self.accept()
                    self.assertEqual(self.read_all(server), sent)
                    server.close()
                    self.assertEqual(client.end(), 0)

    def test_stdin_that_is_closed(self) -> None:
        shell = ("sh", "-c", 'exec "$@" <&-', "sh")
        with Program(
            *("client", "127.0.0.1", self.port),
            program=(*shell, *TWISTD[:1], "-m", "echolab"),
        ) as client:
            server = self.accept()
            self.assertEqual(self.read_all(server), b"")
            server.close()
            self.assertEqual(client.end(), 0)

    def test_slow_server_pauses_stdin(self) -> None:
        with self.client() as client:
            self.accept()
            self.assertLess(client.fill_stdin(), 50_000_000)
            status = Path(f"/proc/{client.process.pid}/status").read_text()
            [peak] = [x for x in status.splitlines() if x.startswith("VmHWM")]
            self.assertLess(int(peak.split()[1]), 60_000, "kB")

    def test_server_that_closes_while_nothing_is_typed(self) -> None:
        with self.client() as client:
            self.accept().close()
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"recv 127.0.0.1:{self.port}: closed by the server\n",
            )
            self.assertEqual(client.out, b"")

    def test_server_that_sends_nothing_but_reads(self) -> None:
        # As `ncat -l < /dev/null` does: it ends its sending side at once.
        with self.client() as client:
            server = self.accept()
            server.shutdown(socket.SHUT_WR)
            client.send(b"hello\n")
            client.end_input()
            self.assertEqual(self.read_all(server), b"hello\n")
            server.close()
            self.assertEqual(client.end(), 0)

    def test_files_are_sent_as_they_are(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_bytes(b"one\n.\ntwo\n")
            Path(folder, "b").write_bytes(b"\xff\0" * 50_000)
            with self.client(
                *("--file", f"{folder}/a", "--file", f"{folder}/b", "--crlf")
            ) as client:
                server = self.accept()
                got = self.read_all(server)
                server.close()
                self.assertEqual(got, b"one\n.\ntwo\n" + b"\xff\0" * 50_000)
                self.assertEqual(client.end(), 0)

    def test_file_that_is_not_there(self) -> None:
        with self.client("--file", "/no/such/file") as client:
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err, b"open /no/such/file: No such file or directory\n"
            )

    def test_lines_with_carriage_returns_at_a_rate(self) -> None:
        with self.client("--crlf", "--rate", "50") as client:
            server = self.accept()
            client.send(b"one\ntwo\r\nthree\n.\n")
            self.assertEqual(self.read_all(server), b"one\r\ntwo\r\nthree\r\n")
            server.close()
            self.assertEqual(client.end(), 0)

    def test_no_wait_for_replies(self) -> None:
        with self.client("--wait", "0") as client:
            server = self.accept()
            client.end_input()
            self.assertEqual(client.end(), 0)
            server.close()

    def test_retry_until_somebody_listens(self) -> None:
        with socket.socket() as late:
            late.bind(("127.0.0.1", 0))
            late.settimeout(SECONDS)
            port = str(late.getsockname()[1])
            with Program("client", "127.0.0.1", port, "--retry", "20") as client:
                client.send(b"typed meanwhile\n")
                client.end_input()
                client.wait_for(
                    b"Connection refused; trying again for 20 s\n", stream="err"
                )
                late.listen()
                server, _ = late.accept()
                self.assertEqual(self.read_all(server), b"typed meanwhile\n")
                server.close()
                self.assertEqual(client.end(), 0)

    def test_retry_in_vain(self) -> None:
        self.listener.close()
        with self.client("--retry", "1") as client:
            self.assertEqual(client.end(), 1)
            self.assertIn(b": Connection refused\n", client.err)

    def test_reset(self) -> None:
        with self.client() as client:
            server = self.accept()
            client.send(b"x")
            server.recv(1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            server.close()
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"recv 127.0.0.1:{self.port}: Connection reset by peer\n",
            )

    def test_interrupted(self) -> None:
        with self.client() as client:
            self.accept()
            client.process.send_signal(signal.SIGINT)
            self.assertEqual(client.end(), -signal.SIGINT)
            self.assertEqual((client.out, client.err), (b"", b""))

    def test_interrupted_while_the_server_is_stuck(self) -> None:
        with self.client() as client:
            self.accept()
            client.fill_stdin()
            client.process.send_signal(signal.SIGTERM)
            self.assertEqual(client.end(), -signal.SIGTERM)

    def test_reader_of_replies_that_goes_away(self) -> None:
        reading, writing = os.pipe()
        with Program("client", "127.0.0.1", self.port, stdout=writing) as client:
            os.close(writing)
            self.accept()
            os.close(reading)
            self.assertEqual(client.end(), 1)
            self.assertEqual(client.err, b"write stdout: Broken pipe\n")

    def test_by_name_and_by_endpoint(self) -> None:
        for words in (
            ["localhost", self.port],
            ["--connect", f"tcp:127.0.0.1:{self.port}"],
        ):
            with Program("client", *words) as client:
                server = self.accept()
                client.send(b".\n")
                self.assertEqual(self.read_all(server), b"")
                server.close()
                self.assertEqual(client.end(), 0)

    def test_ipv6(self) -> None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            listener.settimeout(SECONDS)
            port = str(listener.getsockname()[1])
            with Program("client", "::1", port) as client:
                server, _ = listener.accept()
                client.send(b"six\n")
                client.end_input()
                self.assertEqual(self.read_all(server), b"six\n")
                server.close()
                self.assertEqual(client.end(), 0)

    def test_unix_path(self) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            socket.socket(socket.AF_UNIX) as listener,
        ):
            listener.bind(f"{folder}/s")
            listener.listen()
            listener.settimeout(SECONDS)
            with Program("client", "--connect", f"unix:{folder}/s") as client:
                server, _ = listener.accept()
                client.send(b"by path\n")
                client.end_input()
                self.assertEqual(self.read_all(server), b"by path\n")
                server.close()
                self.assertEqual(client.end(), 0)

    def test_twistd_plugin(self) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            Program(
                *("-n", "echolab-client", "--host", "127.0.0.1", "--port", self.port),
                program=TWISTD,
                cwd=folder,
            ) as client,
        ):
            server = self.accept()
            client.send(b"hello\n")
            client.end_input()
            self.assertEqual(self.read_all(server), b"hello\n")
            server.close()
            self.assertEqual(client.end(), 0)
            self.assertEqual((client.out, client.err), (b"finish.\n", b""))
            self.assertEqual(os.listdir(folder), [])


class FailingTests(ClientCase):
    def check(self, line: str, *words: str) -> None:
        ended = run("client", *words)
        self.assertEqual(ended.err.decode(), line + "\n")
        self.assertEqual((ended.out, ended.process.returncode), (b"", 1))

    def test_refused(self) -> None:
        self.listener.close()
        where = f"127.0.0.1:{self.port}"
        self.check(f"connect {where}: Connection refused", "127.0.0.1", self.port)
        ended = run(
            *("-n", "echolab-client", "--port", self.port),
            program=TWISTD,
        )
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
