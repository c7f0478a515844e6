"""The programs in docs/embedding.md run."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

import echolab
from echolab.testing import LabProcess, Transcript
from tests.support import ROOT, SECONDS, TWISTD, Client, Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GUIDE = (ROOT / "docs" / "embedding.md").read_text()
EXAMPLES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))
LISTENS = 'endpoints.serverFromString(reactor, "tcp:8888:interface=127.0.0.1")'
PYTHON = (sys.executable, "-u")
TWIST = (
    sys.executable,
    "-c",
    "from twisted.application.twist._twist import Twist; Twist.main()",
)


class EmbeddingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name: str, **ports: int) -> None:
        """Write an example to a file, with other ports."""
        text = EXAMPLES[name]
        for port, other in ports.items():
            self.assertIn(port.strip("_"), text)
            text = text.replace(port.strip("_"), str(other))
        (self.folder / name).write_text(text)

    def run_example(self, name: str, **ports: int) -> str:
        """Run a client to its end."""
        self.write(name, **ports)
        with Program(name, cwd=str(self.folder), program=PYTHON) as program:
            status = program.end()
        self.assertEqual((status, program.err), (0, b""))
        return program.out.decode()

    @contextlib.contextmanager
    def serving(
        self, name: str, *argv: str, program: Sequence[str] = PYTHON, **ports: int
    ) -> Iterator[tuple[Program, int]]:
        """Run a server on a socket that listens already."""
        self.write(name, **ports)
        path = self.folder / name
        with socket.create_server(("127.0.0.1", 0)) as listening:
            fd = listening.fileno()
            adopted = f"endpoints.AdoptedStreamServerEndpoint(reactor, {fd}, 2)"
            text = path.read_text()
            self.assertIn(LISTENS, text)
            path.write_text(text.replace(LISTENS, adopted))
            port = listening.getsockname()[1]
            with Program(
                *argv, name, cwd=str(self.folder), program=program, pass_fds=[fd]
            ) as running:
                yield running, port

    def test_every_example_is_run(self) -> None:
        source = Path(__file__).read_text()
        for name in EXAMPLES:
            self.assertIn(f'"{name}"', source)
        self.assertEqual(GUIDE.count("```python\n"), len(EXAMPLES))

    def test_every_name_is_one(self) -> None:
        for path in re.findall(r"`echolab\.([\w.]+)", GUIDE):
            found: object = echolab
            for name in path.split("."):
                found = getattr(found, name)

    def test_a_sink(self) -> None:
        with self.serving("counting.py") as (program, port):
            with Client(port) as client:
                client.sendall(b"hello\nbye\n")
            program.wait_for(b"ended (eof) after 10 bytes\n")
        peer = f"127.0.0.1:{client.port}"
        counted = f"{peer} sent 2 lines, the first is b'hello'\n"
        self.assertEqual(
            program.out.decode(), f"{counted}{peer} ended (eof) after 10 bytes\n"
        )

    def test_a_tac_file(self) -> None:
        command = re.findall(r"^    twistd (.*)$", GUIDE, re.MULTILINE)
        self.assertEqual(command, ["-ny lab.tac"])
        serving = self.serving("lab.tac", "-ny", program=TWISTD)
        with serving as (program, port), Client(port) as client:
            client.sendall(b"hello\n")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(client.recv(1), b"")
            program.process.send_signal(signal.SIGINT)
            program.end()
        printed = (self.folder / "lab.txt").read_bytes()
        self.assertIn(b"\nrecv data: hello\nfinish.\n", printed)

    def test_twist(self) -> None:
        [command] = re.findall(r"^    twist (.*)$", GUIDE, re.MULTILINE)
        words = command.replace("8888", "0 --interface 127.0.0.1").split()
        program = Program(*words, cwd=str(self.folder), program=TWIST)
        with program:
            program.wait_for(b'"address": "127.0.0.1:', stream="err")
            program.wait_for(b'"', stream="err")
            [port] = re.findall(rb'"address": "127.0.0.1:(\d+)"', program.err)
            with Client(int(port)) as client:
                client.sendall(b"hello\n")
            program.wait_for(b"finish.\n")
            program.process.send_signal(signal.SIGINT)
            program.end()
        self.assertEqual(
            program.out.splitlines()[1:], [b"recv data: hello", b"finish."]
        )
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_joining_pieces(self) -> None:
        with self.serving("joining.py") as (program, port), Client(port) as client:
            client.sendall(b"hel")
            program.wait_for(b"so far b'hel'\n")
            client.sendall(b"lo\nwhole\nby")
            program.wait_for(b"so far b'by'\n")
            client.sendall(b"e")
            client.shutdown(socket.SHUT_WR)
            program.wait_for(b"cut off b'bye'\n")
        self.assertIn(b"\nwhole b'hello'\nwhole b'whole'\n", program.out)

    def test_a_slow_sink_and_one_that_fails(self) -> None:
        with self.serving("slowly.py") as (program, port), Client(port) as client:
            client.sendall(b"one\n")
            program.wait_for(b"stored b'one'\n")
            client.sendall(b"two\nthree\n")
            program.wait_for(b"stored b'two' b'three'\n")

    def test_forwarding(self) -> None:
        with (
            LabProcess() as server,
            self.serving("forward.py", _9999=server.port) as (program, port),
            Client(port) as one,
            Client(port) as other,
        ):
            one.sendall(b"one\n")
            other.sendall(b"oth")
            other.shutdown(socket.SHUT_WR)
            server.wait_for_line("one", timeout=SECONDS)
            server.wait_for_line("oth", timeout=SECONDS)
            program.process.send_signal(signal.SIGTERM)
            server.wait_for_end(timeout=SECONDS)
            program.end()
        self.assertEqual((program.out, program.err), (b"", b""))

    def test_a_pool(self) -> None:
        with LabProcess(reply="ok") as server, socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            refusing = nobody.getsockname()[1]
            said = self.run_example("pool.py", _8888=refusing, _9999=server.port)
            server.wait_for_end()
            server.assert_lines(["hello"])
        self.assertEqual(said, f"127.0.0.1:{server.port} answers b'ok\\n'\n")

    def test_a_blocking_program(self) -> None:
        with LabProcess() as server:
            self.run_example("blocking.py", _8888=server.port)
            server.wait_for_end()
            server.assert_lines(["hello from a blocking program"])

    def test_in_front_of_any_factory(self) -> None:
        with self.serving("guarded.py") as (program, port):
            with Client(port) as client:
                client.sendall(b"PROXY TCP4 198.51.100.1 127.0.0.1 5 443\r\nhello")
                self.assertEqual(client.recv(100), b"hello")
            with Client(port) as client:
                client.sendall(b"PROXY TCP4 192.0.2.1 127.0.0.1 5 443\r\n")
                self.assertEqual(client.recv(100), b"")
            program.wait_for(b"192.0.2.1:5: denied\n")
            with Client(port) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                program.wait_for(b": no PROXY header\n")

    def test_why_a_connection_ended(self) -> None:
        with self.serving("watching.py") as (program, port):
            with Client(port) as client:
                client.sendall(b"\x1b[2J")
                program.wait_for(b"\\x1b[2J\n")
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            program.wait_for(b"ended: ECONNRESET\n")
            with Client(port):
                pass
            program.wait_for(b"ended: in order\n")

    def test_what_happened_on_a_connection(self) -> None:
        with self.serving("recording.py") as (program, port):
            with Client(port) as client:
                client.sendall(b"hello\n")
                program.wait_for(b"recv 6\n")
            program.wait_for(b"close 0\n")
        recorded = Transcript.load(self.folder / "lab.jsonl")
        self.assertEqual(recorded.received(), b"hello\n")
