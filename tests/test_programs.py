"""The programs as real processes, and plain blocking sockets at the other end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from echolab import __version__
from tests.starting import StartCase
from tests.support import ECHOLAB, SECONDS, TWISTD, Client, Program, placed, run

LOOPBACK = ("--interface", "127.0.0.1", "--port", "0")
SERVER = ("server", *LOOPBACK)


def accepted(client: Client) -> bytes:
    return b"accepted host(IP: 127.0.0.1, Port: %d)\n" % client.port


def ended(client: socket.socket) -> None:
    """Wait until the server has ended the connection."""
    client.settimeout(SECONDS)
    assert client.recv(1) == b""


class ServerTests(SynchronousTestCase):
    """Tests for both ways to run the server; see `TwistdServerTests`."""

    def start(self, *options: str, stdout: int = subprocess.PIPE) -> Program:
        return Program("server", *placed(options), stdout=stdout)

    def test_the_lectures_session(self) -> None:
        with self.start() as server:
            with Client(server.port()) as client:
                client.sendall(b"hello\n")
                server.wait_for(b"hello\n")
                client.sendall(b"this is test client\n")
                client.sendall(b"bye\n")
            server.wait_for(b"finish.\n")
            self.assertEqual(
                server.out,
                accepted(client) + b"recv data: hello\n"
                b"recv data: this is test client\nrecv data: bye\nfinish.\n",
            )

    def test_no_client_waits_for_another(self) -> None:
        with self.start("--label", "never", "--partial-after", "0") as server:
            port = server.port()
            with Client(port) as one, Client(port) as two:
                one.sendall(b"half of o")
                two.sendall(b"two\r\n")
                server.wait_for(b"recv data: two\n")
                one.sendall(b"ne\nlast")
                one.shutdown(socket.SHUT_WR)
                server.wait_for(b"recv data: half of one\nrecv data: last\nfinish.\n")

    def test_a_line_that_is_never_finished_is_shown(self) -> None:
        with (
            self.start("--format", "log", "--partial-after", "0.01") as server,
            Client(server.port()) as client,
        ):
            client.sendall(b"half")
            server.wait_for(b" recv(partial) half\n")
            client.sendall(b"way\n")
            server.wait_for(b" recv(continued) way\n")

    def test_labels_while_there_are_several(self) -> None:
        with self.start() as server:
            port = server.port()
            with Client(port) as one, Client(port):
                server.wait_for(b"accepted", times=2)
                one.sendall(b"hello\n")
                server.wait_for(b"[127.0.0.1:%d] recv data: hello\n" % one.port)

    def test_long_line_in_pieces(self) -> None:
        with self.start() as server:
            with Client(server.port()) as client:
                client.sendall(b"x" * 100_000 + b"\n")
            server.wait_for(b"finish.\n")
            lines = server.out.splitlines()[1:-1]
            label = len(b"recv data: ")
            self.assertEqual([len(x) - label for x in lines], [65536, 34464])

    def test_once(self) -> None:
        with self.start("--once") as server:
            port = server.port()
            with Client(port) as client:
                server.wait_for(b"accepted")
                with contextlib.suppress(ConnectionError), Client(port) as late:
                    # Linux says nothing to one whose handshake the end of the
                    # listening cut off; not before it speaks.
                    late.sendall(b"late")
                    self.assertEqual(late.recv(1), b"")
                client.sendall(b"only")
            self.assertEqual(server.end(), 0)
            self.assertEqual(
                server.out, accepted(client) + b"recv data: only\nfinish.\n"
            )

    def test_once_waits_for_a_slow_output(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        with self.start("--once", "--drain", "0", stdout=writing) as server:
            os.close(writing)
            lines = b"".join(b"%d\n" % number for number in range(5000))
            with Client(server.port()) as client:
                client.sendall(lines)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.recv(1), b"")  # All bytes are read.
            printed = b""
            while piece := os.read(reading, 65536):
                printed += piece
            self.assertEqual(server.end(), 0)
        self.assertEqual(printed.count(b"recv data: "), 5000)
        self.assertTrue(printed.endswith(b"recv data: 4999\nfinish.\n"))

    def test_once_counts_those_who_waited(self) -> None:
        with self.start("--once") as server, contextlib.ExitStack() as clients:
            port = server.port()
            server.process.send_signal(signal.SIGSTOP)
            for _ in range(300):
                clients.enter_context(Client(port)).shutdown(socket.SHUT_WR)
            server.process.send_signal(signal.SIGCONT)
            server.end()
        said = server.err.decode()
        turned_away = said.count("no more are accepted")
        others = sum(map(int, re.findall(r"(\d+) others?", said)))
        unread = sum(map(int, re.findall(r"(\d+) connections? that waited", said)))
        self.assertEqual(turned_away + others + unread, 299, said)

    def test_once_with_an_end_that_was_not_in_order(self) -> None:
        for options in (("--once",), ("--once", "--output", os.devnull)):
            with self.start(*options) as server:
                with Client(server.port()) as client:
                    client.sendall(b"x")
                    linger = struct.pack("ii", 1, 0)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.assertEqual(server.end(), 1)
                why = server.err.splitlines()[-1].decode()
                self.assertRegex(
                    why,
                    rf"^recv 127.0.0.1:{client.port}: reset \(ECONNRESET\) "
                    r"after ([01] bytes?|0 bytes, and 1 unread)$",
                )
                self.assertEqual(server.err.count(b"reset"), 1)

    def test_signals_lose_nothing(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.start() as server:
                port = server.port()
                with Client(port) as one, Client(port) as two:
                    server.wait_for(b"accepted", times=2)
                    # A stopped process cannot read; so all these bytes are unread.
                    server.process.send_signal(signal.SIGSTOP)
                    one.sendall(b"x\n" * 50_000)
                    two.sendall(b"unterminated")
                    server.process.send_signal(number)
                    server.process.send_signal(signal.SIGCONT)
                    self.assertEqual(server.end(), -number)
                self.assertEqual(server.out.count(b"recv data: x\n"), 50_000)
                self.assertIn(b"recv data: unterminated\n", server.out)
                self.assertEqual(server.out.count(b"finish.\n"), 2)

    def test_ends_beyond_the_bounded_rate_are_counted_at_the_end(self) -> None:
        with self.start() as server:
            port = server.port()
            clients = [self.enterContext(Client(port)) for _ in range(30)]
            server.wait_for(b"accepted", times=30)
            for client in clients:
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                client.close()
            server.wait_for(b"finish.", times=30)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.end(), -signal.SIGTERM)
            others = re.findall(rb"and (\d+) other", server.err)
            said = server.err.count(b"reset (ECONNRESET)")
            self.assertEqual(said + sum(map(int, others)), 30, server.err)

    def test_reader_of_stdout_that_goes_away(self) -> None:
        reading, writing = os.pipe()
        with self.start(stdout=writing) as server:
            os.close(writing)
            server.port()
            os.close(reading)
            self.assertEqual(server.end(), 0)

    def test_stdout_that_nobody_reads(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        with self.start(stdout=writing) as server:
            os.close(writing)
            with Client(server.port()) as client:
                client.settimeout(0.5)
                with self.assertRaises(TimeoutError):
                    for _ in range(1000):
                        client.sendall(b"y" * 99_999 + b"\n")
                    self.fail("100 MB were taken though nobody reads")
                status = Path(f"/proc/{server.process.pid}/status").read_text()
                [peak] = [x for x in status.splitlines() if x.startswith("VmHWM")]
                self.assertLess(int(peak.split()[1]), 100_000, "kB")

    def test_output_file(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "out")
            path.write_bytes(b"before\n")
            with self.start("--output", str(path), "--once") as server:
                with Client(server.port()) as client:
                    client.sendall(b"hello\n")
                self.assertEqual(server.end(), 0)
                self.assertEqual(server.out, b"")
            self.assertEqual(
                path.read_bytes(),
                b"before\n" + accepted(client) + b"recv data: hello\nfinish.\n",
            )

    def test_several_outputs_reopened_on_a_signal(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "log")
            with self.start("--output", "-", "--output", f"json:{path}") as server:
                with Client(server.port()) as client:
                    client.sendall(b"one\n")
                    server.wait_for(b"recv data: one\n")
                    path.rename(f"{folder}/log.1")
                    server.process.send_signal(signal.SIGHUP)
                    server.wait_until(path.exists, "it is not reopened", every=0.02)
                    with Program("--retry", "-F", str(path), program=["tail"]) as tail:
                        client.sendall(b"two\n")
                        server.wait_for(b"recv data: two\n")
                        client.shutdown(socket.SHUT_WR)
                        tail.wait_for(b'"finished"')
                server.process.terminate()
                server.end()
            old = Path(folder, "log.1").read_text()
            both = (old + path.read_text()).splitlines()
            self.assertEqual(
                [json.loads(line).get("message") for line in both],
                [None, "one", "two", None],
            )
            self.assertIn('"one"', old)

    def test_terminal_that_hangs_up(self) -> None:
        with self.start() as server:
            with Client(server.port()) as client:
                client.sendall(b"unterminated")
                server.wait_for(b"accepted")
                server.process.send_signal(signal.SIGHUP)
                self.assertEqual(server.end(), -signal.SIGHUP)
            self.assertIn(b"recv data: unterminated\nfinish.\n", server.out)

    def test_several_endpoints_of_all_families(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/lab.sock"
            with self.start(
                *("--listen", f"unix:{path}"),
                *("--listen", r"tcp6:0:interface=\:\:1"),
            ) as server:
                server.wait_for(b"listening on", stream="err", times=2)
                self.assertEqual(stat.S_IMODE(Path(path).stat().st_mode), 0o600)
                six = int(server.wait_for_match(rb"on \[::1\]:(\d+)\n")[1])
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                    client.sendall(b"by path\n")
                server.wait_for(b"finish.\n")
                with socket.create_connection(("::1", six)) as client:
                    client.sendall(b"by IPv6\n")
                    port = client.getsockname()[1]
                server.wait_for(b"finish.\n", times=2)
                self.assertEqual(
                    server.out,
                    b"accepted host(UNIX: %b, PID: %d, UID: %d)\n"
                    b"recv data: by path\nfinish.\n"
                    b"accepted host(IP: ::1, Port: %d)\nrecv data: by IPv6\nfinish.\n"
                    % (path.encode(), os.getpid(), os.getuid(), port),
                )
                server.process.terminate()
                server.end()
            self.assertFalse(Path(path).exists())

    def test_backlog_the_kernel_would_cut(self) -> None:
        most = Path("/proc/sys/net/core/somaxconn").read_text().strip().encode()
        for words in (
            ("--backlog", "2000000000"),
            ("--listen", "tcp:0:interface=127.0.0.1:backlog=2000000000"),
            ("--listen", "tcp:0:127.0.0.1:2000000000"),
            ("--listen", f"unix:@echolab-{os.getpid()}:backlog=2000000000"),
        ):
            with self.start(*words) as server:
                server.wait_for(b"listening on", stream="err")
                [warning] = [x for x in server.err.splitlines() if b" more than " in x]
                self.assertIn(b"2000000000", warning)
                self.assertIn(most, warning)


class SignalAtOnceTests(SynchronousTestCase):
    """A signal at the moment when a program says that it listens."""

    SCRIPT = """
import os, signal, sys
from echolab.command import program
say = program.say
number = getattr(signal, sys.argv.pop(1))

def say_and_be_killed(line):
    say(line)
    if "listening on" in line:
        os.kill(os.getpid(), number)

say_and_be_killed.catch_up = say.catch_up
program.say = say_and_be_killed
"""
    COMMAND = "sys.argv[0] = 'echolab'\nfrom echolab.__main__ import main; main()"
    INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == INTERRUPTED_AT:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""

    def test_interrupted_while_it_starts(self) -> None:
        twistd = TWISTD[2].partition("\n")[2]
        for run_it, words, module in (
            (self.COMMAND, ["server"], "twisted.logger"),
            (twistd, ["-n", "echolab"], "echolab.server.assembly"),
            (twistd, ["-n", "echolab"], "twisted.internet.reactor"),
            (
                twistd,
                ["-n", "echolab-client", "--port", "1"],
                "echolab.client.protocol",
            ),
        ):
            script = f"INTERRUPTED_AT = {module!r}\n{self.INTERRUPTED}{run_it}"
            ended = run(*words, program=(sys.executable, "-c", script))
            self.assertEqual(
                (ended.process.returncode, ended.err, ended.left_behind),
                (-signal.SIGINT, b"", []),
            )

    def test_the_end_is_in_order(self) -> None:
        for run_it, words in (
            (self.COMMAND, ("server",)),
            (TWISTD[2].partition("\n")[2], ("-n", "echolab")),
        ):
            for number in (signal.SIGTERM, signal.SIGINT):
                program = (sys.executable, "-c", self.SCRIPT + run_it)
                where = ("--listen", "unix:lab.sock")
                ended = run(number.name, *words, *where, program=program)
                self.assertEqual(
                    (
                        ended.process.returncode,
                        ended.left_behind,
                        ended.err.count(b"\n"),
                    ),
                    (-number, [], 2),
                    ended.err,
                )


class SecondSignalTests(SynchronousTestCase):
    """A second signal, of either kind, while the end after the first takes long."""

    def start(self, *words: str, program: tuple[str, ...] = ECHOLAB) -> Program:
        """Start a server whose stdout is full."""
        self.reading, writing = os.pipe()
        self.addCleanup(os.close, self.reading)
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        words = words or SERVER
        server = Program(*words, "--drain", "1h", stdout=writing, program=program)
        os.close(writing)
        return server

    def test_ends_the_command_at_once(self) -> None:
        numbers = (signal.SIGTERM, signal.SIGINT)
        for first, second in product(numbers, numbers):
            with self.start() as server, Client(server.port()) as client:
                server.process.send_signal(first)
                ended(client)
                server.process.send_signal(second)
                self.assertEqual(server.end(), -second)

    def test_while_the_reactor_is_busy(self) -> None:
        script = """
import sys
from echolab.server import protocol

def busy(self, data):
    print("busy", flush=True)
    while True:
        pass

protocol.ReceiverProtocol.dataReceived = busy
sys.argv[0] = "echolab"
from echolab.__main__ import main
main()
"""
        program = (sys.executable, "-c", script)
        with (
            Program(*SERVER, program=program) as server,
            Client(server.port()) as client,
        ):
            client.sendall(b"x")
            server.wait_for(b"busy", stream="err")
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGINT)
            self.assertIn(server.end(), (-signal.SIGTERM, -signal.SIGINT))

    def test_is_not_heeded_by_twistd(self) -> None:
        words = ("-n", "--pidfile=", "echolab", *LOOPBACK)
        with self.start(*words, program=TWISTD) as server:
            with Client(server.port()) as client:
                server.process.send_signal(signal.SIGTERM)
                ended(client)
                server.process.send_signal(signal.SIGTERM)
                server.process.send_signal(signal.SIGINT)
            os.read(self.reading, 1 << 20)
            server.end()
            self.assertNotIn(b"Traceback", server.err)

    def test_that_comes_before_the_first_is_heard(self) -> None:
        with self.start() as server, Client(server.port()):
            server.process.send_signal(signal.SIGSTOP)
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGINT)
            server.process.send_signal(signal.SIGCONT)
            self.assertIn(server.end(), (-signal.SIGTERM, -signal.SIGINT))


class TwistdServerTests(ServerTests):
    def start(self, *options: str, stdout: int = subprocess.PIPE) -> Program:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Program(
            *("-n", "echolab", *placed(options)),
            cwd=folder.name,
            program=TWISTD,
            stdout=stdout,
        )


class TwistdTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def daemon(self, *options: str) -> Program:
        with Program(*options, cwd=str(self.folder), program=TWISTD) as starting:
            starting.end()
        return starting

    def logged(self, text: str) -> str:
        """Wait until twistd's log has a line with the text; return the log so far."""
        log = self.folder / "twistd.log"
        # It tells when to look, but not all that is there: a rotation may outrun it.
        with Program("-n", "+1", "-F", str(log), program=("tail",)) as tail:
            tail.wait_until(
                lambda: re.search(f"{re.escape(text)}.*\n", self.log()) is not None,
                f"no {text!r} in the log",
            )
        return self.log()

    def log(self) -> str:
        """Return twistd's log, with what was rotated."""
        # The newest first, since a file only ever becomes an older one.
        names = ["twistd.log", *(f"twistd.log.{number}" for number in range(1, 11))]
        said = ""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                said = (self.folder / name).read_text() + said
        return said

    def logged_port(self) -> int:
        """Wait until it listens; return its port."""
        [line] = re.findall(
            r"listening on 127\.0\.0\.1:(\d+)\n", self.logged("listening")
        )
        return int(line)

    def test_daemon_prints_to_its_log(self) -> None:
        self.assertEqual(self.daemon("echolab", *LOOPBACK).err, b"")
        pid = int((self.folder / "twistd.pid").read_text())
        try:
            with Client(self.logged_port()) as client:
                client.sendall(b"hello\n")
            self.assertIn("recv data: hello", self.logged("finish."))
        finally:
            os.kill(pid, signal.SIGTERM)
        self.logged("Server Shut Down.")

    def test_flood_of_newlines_to_the_log_keeps_nobody_waiting(self) -> None:
        self.daemon("echolab", *LOOPBACK, "--drain", "1")
        pid = int((self.folder / "twistd.pid").read_text())
        port = self.logged_port()
        with Client(port) as flood, Client(port) as other:
            flood.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                for _ in range(40):
                    flood.sendall(b"\n" * 65536)
            other.sendall(b"hello\n")
            self.logged("recv data: hello")
            os.kill(pid, signal.SIGTERM)
            self.logged("Server Shut Down.")

    def test_log_is_rotated_on_a_signal(self) -> None:
        self.daemon("echolab", *LOOPBACK, "--once")
        port = self.logged_port()
        os.kill(int((self.folder / "twistd.pid").read_text()), signal.SIGUSR1)
        old = str(self.folder / "twistd.log.1")
        with Program("--retry", "-n", "+1", "-F", old, program=["tail"]) as tail:
            tail.wait_for(b"listening")
        with Client(port) as client:
            client.sendall(b"hello\n")
        self.assertIn("recv data: hello", self.logged("Server Shut Down."))

    def test_daemon_without_standard_descriptors(self) -> None:
        shell = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
        with Program(
            *("echolab", *LOOPBACK, "--once"),
            cwd=str(self.folder),
            program=(*shell, *TWISTD),
        ) as starting:
            self.assertEqual(starting.end(), 0)
        with Client(self.logged_port()) as client:
            client.sendall(b"hello\n")
        self.assertIn("recv data: hello", self.logged("Server Shut Down."))

    def test_daemon_whose_output_fails_says_so(self) -> None:
        self.daemon("echolab", *LOOPBACK, "--output", "/dev/full")
        with Client(self.logged_port()):
            self.logged("write /dev/full: No space left on device; waiting")
            os.kill(int((self.folder / "twistd.pid").read_text()), signal.SIGTERM)
            self.assertIn(
                "bytes of output could not be written", self.logged("Server Shut Down.")
            )

    def test_log_cannot_be_forged(self) -> None:
        self.daemon("echolab", *LOOPBACK, "--once")
        with Client(self.logged_port()) as client:
            client.sendall(b"\r2026 FAKE \x1b[2J\n")
        self.assertIn(r"recv data: \r2026 FAKE \x1b[2J", self.logged("Server Shut"))

    def test_daemon_prints_to_its_file(self) -> None:
        self.daemon("echolab", *LOOPBACK, "--output", "out", "--once")
        with Client(self.logged_port()) as client:
            client.sendall(b"hello\n")
            client.shutdown(socket.SHUT_WR)
            ended(client)
        self.assertNotIn("hello", self.logged("Server Shut Down."))
        self.assertEqual(
            (self.folder / "out").read_bytes(),
            accepted(client) + b"recv data: hello\nfinish.\n",
        )

    def test_chosen_log_file_has_the_log(self) -> None:
        with Program(
            *("-n", "--logfile", "twistd.log", "echolab", *LOOPBACK, "--once"),
            cwd=str(self.folder),
            program=TWISTD,
        ) as server:
            with Client(self.logged_port()) as client:
                client.sendall(b"hello\n")
            self.assertEqual(server.end(), 0)
            self.assertEqual(server.err, b"")
            self.assertEqual(
                server.out, accepted(client) + b"recv data: hello\nfinish.\n"
            )

    def test_twistd_lists_both(self) -> None:
        shown = run("--help", program=TWISTD).out.decode()
        self.assertIn("echolab ", shown)
        self.assertIn("echolab-client ", shown)

    def test_client_is_no_daemon(self) -> None:
        refused = run("echolab-client", "--port", "1", program=TWISTD)
        self.assertEqual(refused.process.returncode, 1)
        self.assertEqual(
            refused.err,
            b"echolab-client reads what you type: start twistd with -n\n",
        )
        self.assertEqual(refused.left_behind, [])

    def test_nobody_talks_to_the_peers_of_a_daemon(self) -> None:
        refused = run("echolab", "--talk", "--port", "0", program=TWISTD)
        self.assertEqual(refused.process.returncode, 1)
        self.assertEqual(
            refused.err, b"--talk reads what you type: start twistd with -n\n"
        )
        self.assertEqual(refused.left_behind, [])


class StartingTests(StartCase):
    """A failed start prints one line, has exit status 1, and leaves nothing."""

    def test_port_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.check(
                f"bind 127.0.0.1:{port}: Address already in use",
                *("--interface", "127.0.0.1", "--port", port),
            )

    def test_interface_of_somebody_else(self) -> None:
        self.check_server(
            "bind 192.0.2.1:0: Cannot assign requested address",
            *("--interface", "192.0.2.1", "--port", "0"),
        )

    def test_bad_ports(self) -> None:
        self.check("bind 0.0.0.0:99999: port must be 0-65535", "--port", "99999")
        for line, *words in (
            ("bind 0.0.0.0:abc: port is not a number", "--port", "abc"),
            ("bind tcp:70000: port must be 0-65535", "--listen", "tcp:70000"),
        ):
            self.check_server(line, *words)

    def test_bad_endpoints(self) -> None:
        for text, reason in (
            ("foo:bar", "Unknown endpoint type: 'foo'"),
            ("tcp", "missing or unknown argument in the endpoint string"),
            ("tcp:x", "x is not a whole number"),
            ("tpc:0", "Unknown endpoint type: 'tpc'; did you mean tcp:?"),
            ("stdio:", "stdin and stdout are no place to listen"),
        ):
            self.check_server(f"listen {text}: {reason}", "--listen", text)

    def test_an_error_is_one_line_whatever_was_typed(self) -> None:
        text = "tcp:a\nb\x1b[2J"
        self.check(
            r"listen tcp:a\nb\x1b[2J: a b\x1b[2J is not a whole number",
            "--listen",
            text,
        )
        self.check_server(r"bind 0.0.0.0:a\nb: port is not a number", "--port", "a\nb")

    def test_so_is_what_is_said_of_a_path(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            where = ("--listen", f"unix:{folder}/a\nb\x1b[2J")
            with Program("server", *where) as server:
                said = rf"listening on unix:{folder}/a\nb\x1b\x5b2J" + "\n"
                server.wait_for(said.encode(), stream="err")

    def test_unix_path_without_its_folder(self) -> None:
        self.check_server(
            "bind unix:/no/such/folder/s: No such file or directory",
            *("--listen", "unix:/no/such/folder/s"),
        )

    def test_unix_path_in_use(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            where = f"unix:{folder}/s"
            with Program("server", "--listen", where) as server:
                server.wait_for(b"listening on", stream="err")
                self.check(f"bind {where}: Address already in use", "--listen", where)
            # The killed process left its path; the path is replaced.
            with Program("server", "--listen", where) as server:
                server.wait_for(b"listening on", stream="err")

    def test_unix_path_that_is_a_file(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "plain")
            path.write_bytes(b"precious\n")
            where = f"unix:{path}"
            self.check_server(
                f"bind {where}: Address already in use", "--listen", where
            )
            self.assertEqual(path.read_bytes(), b"precious\n")
            self.assertEqual([each.name for each in path.parent.iterdir()], ["plain"])

    def test_second_of_two_endpoints_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            where = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            self.check(
                f"bind {where}: Address already in use",
                *("--listen", "tcp:0:interface=127.0.0.1", "--listen", where),
            )

    def test_output_that_cannot_be_opened(self) -> None:
        self.check(
            "open /no/such/file: No such file or directory",
            *("--output", "/no/such/file"),
        )

    def test_two_spellings_of_one_output(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            one, two = f"{folder}/one", f"{folder}/two"
            Path(two).symlink_to(one)
            for also in (["--output", f"json:{two}"], ["--record", two]):
                self.check_server(
                    f"open {two}: the same file as {one}", "--output", one, *also
                )
            with Path(one).open("ab") as stdout:
                for program, before in (
                    (ECHOLAB, ["server"]),
                    (TWISTD, ["-n", "echolab"]),
                ):
                    words = [*program, *before, "--output", "-", "--output", two]
                    ended = subprocess.run(
                        words, stdout=stdout, stderr=subprocess.PIPE, cwd=folder
                    )
                    self.assertEqual(
                        ended.stderr, f"open {two}: the same file as stdout\n".encode()
                    )
                    self.assertEqual(ended.returncode, 1)

    def test_unknown_option(self) -> None:
        self.check("option --bogus not recognized; see --help", "--bogus")

    def test_no_permission_for_the_port(self) -> None:
        floor = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
        if floor == 0:
            raise SkipTest("here nobody needs permission for any port")
        drop: tuple[str, ...] = ()
        if os.geteuid() == 0:
            drop = ("setpriv", "--bounding-set=-net_bind_service")
            drop = (*drop, "--inh-caps=-net_bind_service")
        ended = run(
            *("server", "--interface", "127.0.0.1", "--port", "1"),
            program=(*drop, *ECHOLAB),
        )
        self.assertEqual(ended.err, b"bind 127.0.0.1:1: Permission denied\n")
        self.assertEqual(ended.process.returncode, 1)

    def test_no_stdout(self) -> None:
        script = 'exec "$@" >&-'
        for program in (ECHOLAB, TWISTD):
            words = ["server"] if program is ECHOLAB else ["-n", "echolab"]
            ended = run(*words, program=("sh", "-c", script, "sh", *program))
            self.assertEqual(ended.err, b"write stdout: Bad file descriptor\n")
            self.assertEqual(ended.process.returncode, 1)

    def test_too_few_open_files(self) -> None:
        line = (
            b"getrlimit RLIMIT_NOFILE: only 10 files may be open; raise the limit "
            b"with ulimit -n\n"
        )
        for words in (["server"], ["client", "127.0.0.1", "1"]):
            program = ("sh", "-c", 'ulimit -n 10; exec "$@"', "sh", *ECHOLAB)
            ended = run(*words, program=program)
            self.assertEqual((ended.err, ended.process.returncode), (line, 1))

    def test_no_stdout_and_none_is_needed(self) -> None:
        program = ("sh", "-c", 'exec "$@" >&-', "sh")
        with tempfile.TemporaryDirectory() as folder:
            for words in ((*ECHOLAB, "server"), (*TWISTD, "-n", "echolab")):
                with Program(
                    *(*words, *LOOPBACK, "--output", "raw:lab.txt"),
                    program=program,
                    cwd=folder,
                ) as server:
                    with Client(server.port()) as client:
                        client.sendall(b"hello\n")
                        client.shutdown(socket.SHUT_WR)
                        self.assertEqual(client.recv(1), b"")
                    server.process.terminate()
                    self.assertEqual(server.end(), -signal.SIGTERM)
            self.assertEqual(Path(folder, "lab.txt").read_bytes(), b"hello\n" * 2)


class CodeOfOthersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        Path(self.folder, "bad.py").write_text(
            "def broken(event):\n    raise ValueError('odd')\n\n"
            "def loud(peer, messages):\n"
            "    raise ValueError(messages.raw().decode())\n"
        )

    def start(self, *options: str) -> Program:
        words = ("server", *LOOPBACK, *options)
        return self.enterContext(Program(*words, cwd=self.folder))

    def test_the_program_ends_with_its_last_output(self) -> None:
        for options in (
            ("--format", "python:bad:broken"),
            ("--once", "--output", "sink:python:bad:broken"),
        ):
            program = self.start(*options)
            with Client(program.port()) as client:
                client.sendall(b"hello\n")
            self.assertEqual(program.end(), 1)
            last = program.err.splitlines()[-1]
            self.assertEqual(last, b"print the last output: odd")

    def test_a_peer_does_not_drive_the_terminal_by_an_exception(self) -> None:
        program = self.start("--reply", "python:bad:loud")
        with Client(program.port()) as client:
            client.sendall(b"\x1b]0;owned\x07\n")
            self.assertEqual(client.recv(1), b"")
        program.wait_for(b"the reply failed", stream="err")
        program.process.terminate()
        program.end()
        self.assertNotIn(b"\x1b", program.err)
        self.assertIn(rb"ValueError: \x1b]0;owned\x07", program.err)

    def test_a_peer_forges_no_line_by_an_exception(self) -> None:
        words = ("--framing", "netstring", "--reply", "python:bad:loud")
        program = self.start(*words)
        with Client(program.port()) as client:
            client.sendall(b"16:x\n127.0.0.1:9: y,")
            self.assertEqual(client.recv(1), b"")
        program.wait_for(b"after 20 bytes", stream="err")
        program.process.terminate()
        program.end()
        self.assertIn(b"\n  127.0.0.1:9: y\n", program.err)
        self.assertNotIn(b"\n127.0.0.1:9: y\n", program.err)

    def test_a_signal_ends_it_though_a_search_does_not(self) -> None:
        program = self.start("--answer", "^(a+)+$=x", "--drain", "0.01")
        with Client(program.port()) as client:
            client.sendall(b"a" * 60 + b"!\n")
            program.wait_for(b"recv data: aaa")
            program.process.terminate()
            self.assertEqual(program.end(), -signal.SIGTERM)
        program.wait_for(b"the end took more than 2.01 s", stream="err")


class CommandTests(SynchronousTestCase):
    def test_help_that_cannot_be_printed(self) -> None:
        for words in (
            ("--help",),
            ("server", "--help"),
            ("client", "--version"),
            ("help", "framings"),
        ):
            with Path("/dev/full").open("wb") as full:
                ended = subprocess.run(
                    [*ECHOLAB, *words], stdout=full, stderr=subprocess.PIPE, check=False
                )
            self.assertEqual(ended.stderr, b"write stdout: No space left on device\n")
            self.assertEqual(ended.returncode, 1)
            reading, writing = os.pipe()
            os.close(reading)
            ended = subprocess.run(
                [*ECHOLAB, *words], stdout=writing, stderr=subprocess.PIPE, check=False
            )
            os.close(writing)
            self.assertEqual(ended.stderr, b"")
            self.assertEqual(ended.returncode, 0)

    def test_usage(self) -> None:
        usage = (
            b"Usage: echolab server [PORT] | echolab client HOST PORT | ...; "
            b"see echolab help for all\n"
        )
        ended = run()
        self.assertEqual((ended.err, ended.process.returncode), (usage, 1))

    def test_unknown_program(self) -> None:
        ended = run("bogus")
        self.assertEqual(ended.err, b"echolab: Unknown command: bogus\n")
        self.assertEqual(ended.process.returncode, 1)

    def test_help_shows_an_example(self) -> None:
        for words in (["--help"], ["server", "--help"], ["client", "-h"]):
            ended = run(*words)
            self.assertIn(b"Example: echolab ", ended.out)
            self.assertEqual(ended.process.returncode, 0)
        ended = run("echolab", "--help", program=TWISTD)
        self.assertIn(b"twistd -n echolab --port 8888", b" ".join(ended.out.split()))

    def test_version(self) -> None:
        said = f"echolab {__version__}\n".encode()
        self.assertEqual(run("--version").out, said)
        self.assertEqual(run("server", "--version").out, said)

    def test_importing_installs_no_reactor(self) -> None:
        code = (
            "import sys, echolab;"
            "from echolab.command import cli, client_tap, tap;"
            "sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
