"""The kit's servers and clients: in the test's reactor, and in their own process."""

from __future__ import annotations

import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from twisted.internet import reactor
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from echolab import EndCause, Mistaken, Peer
from echolab.testing import Behaviour, LabProcess, ListeningMixin, connect, listen
from tests.support import SECONDS, Program, run

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from echolab.testing import ServerKeywords
    from echolab.testing.place import Place


def files_beside(server: Place) -> list[str]:
    """The files in the folder that was made for a server."""
    assert server.ca is not None
    return [each.name for each in server.ca.parents[1].rglob("*") if each.is_file()]


def open_keys() -> list[str]:
    """The private keys among the open files of this process."""
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    files = [os.readlink(link) for link in links if os.path.islink(link)]
    return [file for file in files if "echolab-key" in file]


class InTheReactorTests(ListeningMixin, TestCase):
    async def test_a_stop_leaves_the_other_waits_their_answers(self) -> None:
        client = await self.connect(self.listen().address)
        stopping = [client.stop(), client.stop()]
        waiting = [client.wait_for_end(), client.wait_for_end(timeout=SECONDS)]
        ends = [await each for each in (*stopping, *waiting, client.stop())]
        self.assertEqual({end.cause for end in ends}, {EndCause.STOPPED})

    async def test_a_conversation(self) -> None:
        server = self.listen(reply="echo")
        client = await self.connect(server.address)
        client.send("hello\nbye\n")
        await client.wait_for_line("bye")
        client.finish()
        end = await server.wait_for_end()
        self.assertIs(end.cause, EndCause.EOF)
        server.assert_lines(["hello", "bye"])
        client.assert_lines(["hello", "bye"])

    async def test_every_way_there(self) -> None:
        for server in (
            self.listen(),
            self.listen(host="::1"),
            self.listen(unix=True),
            self.listen(tls=True),
            self.listen(tls=True, host="::1"),
        ):
            client = await self.connect(server.endpoint)
            client.send(f"by {server.endpoint}\n")
            await server.wait_for_line("^by ")
            if not server.ca:
                client = await self.connect(server.address)
                client.send("again\n")
                await server.wait_for_line("again", peer=2)

    async def test_a_client_that_misbehaves(self) -> None:
        for behave in ("close:after-sent-bytes=3", Behaviour.close(after_sent_bytes=3)):
            server = self.listen()
            client = await self.connect(server.address, behave=behave)
            client.send("hello\n")
            end = await client.wait_for_end()
            self.assertEqual(end.detail, "close:after-sent-bytes=3")
            await server.wait_for_end(1)
            self.assertEqual(server.received(), b"hel")
        with self.assertRaisesRegex(ValueError, "only a server can do that"):
            connect(("127.0.0.1", 1), behave="refuse")

    async def test_framings(self) -> None:
        server = self.listen(framing="int16", reply="echo", max_message=100)
        client = await self.connect(server.address, framing="int16")
        client.send(b"\x00\x05hel\nl\x00\x00")
        await client.wait_for_line("hel", times=1)
        self.assertEqual(client.lines(), [b"hel\nl", b""])
        self.assertEqual(client.received(), b"\x00\x05hel\nl\x00\x00")
        server.assert_lines([b"hel\nl", ""])

    async def test_framings_of_known_protocols(self) -> None:
        for framing, data in (
            ("length:offset=4,width=2", b"\0\1\0\0\0\2\1\3"),
            ("varint:offset=1", b"\xc0\0"),
            ("resp", b"*1\r\n$4\r\nPING\r\n"),
        ):
            server = self.listen(framing=framing, reply="echo")
            client = await self.connect(server.address, framing=framing)
            client.send(data * 2)
            await client.wait_for_line("", times=2)
            self.assertEqual(client.lines(), [data, data])
            self.assertEqual(server.lines(), [data, data])

    async def test_a_client_that_is_sent_what_is_not_of_its_framing(self) -> None:
        server = self.listen(reply="toast")
        client = await self.connect(server.address, framing="netstring")
        client.send("x\n")
        end = await client.wait_for_end()
        self.assertIs(end.cause, EndCause.MALFORMED)

    async def test_the_port_is_free_afterwards_and_the_path_gone(self) -> None:
        server = listen()
        other = server.another(unix=True)
        client = await connect(server.address)
        await server.stop()
        await client.wait_for_end()
        with self.assertRaises(Refused):
            await connect(server.address)
        assert other.path is not None
        self.assertFalse(Path(other.path).parent.exists())
        await server.stop()  # A second time: nothing.
        await client.stop()

    async def test_all_servers_stop_though_some_have_failed(self) -> None:
        server = self.listen()
        others = [server.another(answers=[("", wrong)]) for _ in range(2)]
        for each in others:
            client = await self.connect(each.address)
            client.send("x\n")
            await client.wait_for_end()
        with self.assertRaisesRegex(AssertionError, "^a reply failed: LookupError"):
            await server.stop()
        for each in (server, *others):
            with self.assertRaises(Refused):
                await connect(each.address)

    async def test_a_peer_that_neither_reads_nor_ends(self) -> None:
        server = listen(reply="echo", behave="stop-reading")
        assert isinstance(server.address, tuple)
        with socket.create_connection(server.address) as peer:
            peer.sendall(b"hello\n")
            await server.wait_for_peers(1)
            await server.stop()
            self.assertIs(server.ends()[0].cause, EndCause.STOPPED)

    async def test_a_wait_ends_with_the_server(self) -> None:
        server = self.listen()
        waiting = server.wait_for_line("x")
        await server.stop()
        with self.assertRaisesRegex(AssertionError, "the server was stopped"):
            await waiting
        with self.assertRaisesRegex(AssertionError, "the server was stopped"):
            await server.wait_for_peers(1, timeout=1_000)

    async def test_a_client_whose_connection_has_ended(self) -> None:
        server = self.listen(behave="close")
        client = await self.connect(server.address)
        await client.wait_for_end()
        with self.assertRaisesRegex(BrokenPipeError, "the connection has ended"):
            client.send("x\n")
        with self.assertRaisesRegex(AssertionError, "the connection has ended"):
            await client.wait_for_line("x", timeout=1_000)

    async def test_a_client_that_has_finished(self) -> None:
        client = await self.connect(self.listen().address)
        client.finish()
        with self.assertRaisesRegex(BrokenPipeError, "the sending side is finished"):
            client.send("x\n")

    def test_what_is_nowhere(self) -> None:
        nowhere = cast("str", self.listen())
        with self.assertRaisesRegex(TypeError, r"connect to \(host, port\), a path or"):
            connect(nowhere)

    async def test_finish_over_tls_goes_on_receiving(self) -> None:
        server = self.listen(tls=True, reply="ok", behave="answer-late:seconds=1.2")
        client = await self.connect(server.endpoint)
        client.send("x\n")
        client.finish()
        await client.wait_for_line("ok")

    async def test_a_refusing_server(self) -> None:
        server = self.listen(behave="refuse")
        with self.assertRaises(Refused):
            await connect(server.address)
        server.another(behave="refuse:seconds=1000")
        for each in (server, *server.others):
            self.assertRegex(
                each.render(), "^peer 0 misbehaved refuse(:seconds=1000)?\n$"
            )
            self.assertEqual(each.peers(), [])

    async def test_a_server_that_does_not_accept(self) -> None:
        server = self.listen(behave="hold-accept:seconds=1000", reply="ok")
        client = await self.connect(server.address)
        client.send("hello\n")
        self.assertEqual(server.peers(), [])
        clock = cast("IReactorTime", reactor)
        later = clock.seconds() + 900
        [held] = [x for x in clock.getDelayedCalls() if x.getTime() > later]
        held.reset(0)
        await client.wait_for_line("ok")
        self.assertIn("peer 0 misbehaved hold-accept:seconds=1000", server.render())

    async def test_the_key_is_in_no_file(self) -> None:
        self.assertEqual(files_beside(self.listen(tls=True)), ["ca.pem"])
        self.assertEqual(open_keys(), [])

    def test_tls_where_warnings_are_errors(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.listen(tls=True)

    def test_what_is_no_option(self) -> None:
        with self.assertRaisesRegex(UsageError, "^--framing x: must be one of line"):
            listen(framing="x")
        with self.assertRaisesRegex(TypeError, "has no option toast"):
            listen(**cast("ServerKeywords", {"toast": 1}))
        with self.assertRaisesRegex(
            TypeError, "reply is bytes, a str or a function, not 5"
        ):
            listen(**cast("ServerKeywords", {"reply": 5}))
        with self.assertRaisesRegex(TypeError, "host is a str, not 5"):
            listen(**cast("ServerKeywords", {"host": 5}))
        with self.assertRaisesRegex(UsageError, "^--max-message 0: must be a size"):
            listen(max_message=0)
        with self.assertRaisesRegex(UsageError, "^--behave toast: toast is none of"):
            listen(behave="toast")
        with self.assertRaisesRegex(
            UsageError, r"^--reply \\q: has an unknown escape$"
        ):
            listen(reply=r"\q")
        with self.assertRaisesRegex(UsageError, "^--behave half-close: TLS ends both"):
            listen(behave=Behaviour.half_close(), tls=True)
        with self.assertRaisesRegex(UsageError, "^--behave refuse: goes with --port"):
            listen(behave="refuse", unix=True)
        with self.assertRaisesRegex(TypeError, "tls is True or False, not 'yes'"):
            listen(**cast("ServerKeywords", {"tls": "yes"}))
        with self.assertRaisesRegex(ValueError, "tls and unix"):
            listen(tls=True, unix=True)
        with self.assertRaisesRegex(ValueError, "host and unix"):
            listen(host="::1", unix=True)
        with (
            mock.patch.dict(sys.modules, {"trustme": None}),
            self.assertRaisesRegex(ImportError, r"extra kit of txecholab"),
        ):
            listen(tls=True)


TRIAL = """
import socket

from twisted.internet.defer import DeferredList
from twisted.trial.unittest import TestCase

from echolab.testing import ListeningMixin


class Tests(ListeningMixin, TestCase):
    async def test_an_error_of_the_tests_own(self):
        server = self.listen()
        with socket.create_connection(server.address) as peer:
            peer.sendall(b"hello\\n")
            await server.wait_for_line("hello")
        raise ValueError("mine")

    def test_an_await_that_is_missing(self):
        self.listen().wait_for_line("never")

    async def test_an_await_that_is_missing_of_what_came_too_late(self):
        server = self.listen()
        server.wait_for_line("late", timeout=0)
        with self.assertRaises(AssertionError):
            await server.wait_for_peers(1, timeout=0.01)

    async def test_waits_that_were_seen(self):
        server = self.listen()
        waits = [server.wait_for_line("x"), server.wait_for_peers(1)]
        waits[0].addErrback(lambda why: None)
        await server.stop()
        with self.assertRaises(AssertionError):
            await waits[1]
        cancelled = self.listen().wait_for_line("x")
        cancelled.addErrback(lambda why: None)
        cancelled.cancel()
        server = self.listen()
        client = await self.connect(server.address)
        await DeferredList(
            [client.wait_for_end(), server.wait_for_peers(1)],
            fireOnOneCallback=True,
            consumeErrors=True,
        )

    async def test_an_await_of_the_clients_that_is_missing(self):
        server = self.listen()
        client = await self.connect(server.address)
        client.wait_for_line("hel")
        client.wait_for_bytes(7)

    async def test_an_await_that_is_missing_after_the_end(self):
        server = self.listen()
        await server.stop()
        server.wait_for_line("lo")
"""


class TrialTests(SynchronousTestCase):
    def test_what_a_failing_test_says(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "test_it.py").write_text(TRIAL)
        ended = subprocess.run(
            [sys.executable, "-m", "twisted.trial", "test_it"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        self.assertIn("FAILED (errors=5, successes=1)", said)
        self.assertIn("test_it.py:19: missing await: a line with b'never': the", said)
        self.assertIn("missing await: a line with b'hel': the connection has", said)
        self.assertIn("missing await: a line with b'lo': the server was", said)
        self.assertIn("missing await: 7 bytes: the connection has ended", said)
        log = (folder / "_trial_temp" / "test.log").read_text()
        self.assertRegex(
            log, r"echolab transcript:\n.*127\.0\.0\.1:\d+ accepted\n.*hello"
        )


FORKS = (sys.executable, "-W", "ignore:This process:DeprecationWarning")
"""A Python that may fork while threads run; since 3.12 it warns of that."""

FORKING = """
import os, socket, sys
from echolab.testing import LabProcess
with LabProcess(unix=True) as server:
    other = server.another()
    child = os.fork()
    if child == 0:
        own = server.another()
        server.stop()
        try:
            socket.create_connection(own.address)
        except ConnectionRefusedError:
            sys.exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7, status
    for family, where in (socket.AF_UNIX, server.path), (socket.AF_INET, other.address):
        with socket.socket(family) as client:
            client.connect(where)
    server.wait_for_end()
"""


ASKING = """
import os, signal, socket
from echolab.testing import LabProcess

def failing(ask):
    try:
        ask()
    except AssertionError as error:
        return "cannot answer: (this is a forked child: " in str(error)

with LabProcess(reply="ok") as server, socket.create_connection(server.address) as peer:
    def say():
        peer.sendall(b"x\\n")
        assert peer.recv(3) == b"ok\\n"
    say()
    assert len(server.lines()) == 1
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os.read(reading, 1)
        assert failing(server.lines)
        assert failing(lambda: server.assert_lines(["x"]))
        assert failing(lambda: server.wait_for_line("x"))
        assert failing(lambda: server.wait_for_end(timeout=60))
        assert "forked child" in server.excerpt() and "recv x" in server.excerpt()
        assert server.total == len(server.events)
        os._exit(7)
    for _ in range(10):
        say()
    os.write(writing, b"!")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7, status
    assert len(server.lines()) == 11
"""

HELD_LOCK = """
import os, signal, threading
from echolab.testing import BlockingTranscript

entered, leaving = threading.Event(), threading.Event()

class Slow(BlockingTranscript):
    def refresh(self):
        if threading.current_thread() is other:
            entered.set()
            leaving.wait()

transcript = Slow()
other = threading.Thread(target=lambda: transcript.events)
other.start()
entered.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(7 if transcript.lines() == [] else 8)
_, status = os.waitpid(child, 0)
leaving.set()
assert os.waitstatus_to_exitcode(status) == 7, status
"""


KILLED = """
import os, signal
from echolab.testing import LabProcess
server = LabProcess(unix=True)
other = server.another(tls=True)
for each in server, other:
    print(each.pid, (each.ca or each.path), flush=True)
print("ready", flush=True)
signal.pause()
"""


class Interrupted(BaseException):
    """Like that of SIGINT, and of a test's timeout."""


class ProcessTests(SynchronousTestCase):
    def test_forked_child_leaves_the_server_to_its_parent(self) -> None:
        ended = run("-c", FORKING, program=FORKS)
        self.assertEqual((ended.err, ended.process.returncode), (b"", 0))

    def test_forked_child_that_asks_takes_nothing_from_its_parent(self) -> None:
        ended = run("-c", ASKING, program=FORKS)
        self.assertEqual((ended.err, ended.process.returncode), (b"", 0))

    def test_forked_while_a_thread_asks(self) -> None:
        ended = run("-c", HELD_LOCK, program=FORKS)
        self.assertEqual((ended.err, ended.process.returncode), (b"", 0))

    def test_interrupted_while_it_starts(self) -> None:
        threads = threading.enumerate()
        start, popen = threading.Thread.start, subprocess.Popen
        for step in 1, 2:
            made: list[subprocess.Popen[bytes]] = []
            steps = iter(range(1, 3))

            def remember(*args: Any, made: Any = made, **keywords: Any) -> Any:
                made.append(popen(*args, **keywords))
                return made[-1]

            def interrupted(thread: Any, steps: Any = steps, step: int = step) -> None:
                start(thread)
                if next(steps) == step:
                    raise Interrupted

            with (
                mock.patch.object(subprocess, "Popen", remember),
                mock.patch.object(threading.Thread, "start", interrupted),
                self.assertRaises(Interrupted),
            ):
                LabProcess(unix=True)
            self.assertIsNotNone(made[0].returncode)
            self.assertEqual(threading.enumerate(), threads)

    def test_a_conversation(self) -> None:
        with LabProcess(reply="ok") as server:
            with socket.create_connection(("127.0.0.1", server.port), SECONDS) as peer:
                peer.sendall(b"hello\r\nbye")
                self.assertEqual(peer.recv(10), b"ok\n")
            self.assertEqual(server.wait_for_line("hel+o"), b"hello")
            self.assertIs(server.wait_for_end().cause, EndCause.EOF)
        self.assertEqual(server.lines(), [b"hello", b"bye"])
        self.assertEqual(server.chunks(), [b"hello\r\nbye"])
        self.assertEqual(server.host, "127.0.0.1")

    def test_a_unix_peer_that_closes_is_at_its_end(self) -> None:
        for more in ({"reply": "echo"}, {"behave": "read-bytewise"}):
            keywords = cast("ServerKeywords", {"unix": True, **more})
            with LabProcess(**keywords) as server:
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.connect(server.address)
                    peer.sendall(b"hello\n")
                    if "reply" in more:
                        self.assertEqual(peer.recv(10), b"hello\n")
                self.assertIs(server.wait_for_end().cause, EndCause.EOF)
                server.assert_lines(["hello"])

    def test_a_unix_peer_that_closes_unread_has_broken(self) -> None:
        with LabProcess(unix=True, reply="echo") as server:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(server.address)
                peer.sendall(b"hello\n")
                select.select([peer], [], [])
            self.assertIs(server.wait_for_end().cause, EndCause.RESET)

    def test_every_way_there(self) -> None:
        with LabProcess(unix=True) as server:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(server.address)
                peer.sendall(b"by unix")
            self.assertEqual(server.wait_for_end().peer.pid, os.getpid())
            server.assert_lines(["by unix"])
            other = server.another(tls=True)
            context = ssl.create_default_context(cafile=other.ca)
            assert isinstance(other.address, tuple)
            with (
                socket.create_connection(other.address, SECONDS) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as peer,
            ):
                peer.sendall(b"by tls\n")
                other.wait_for_line("by tls")
            six = server.another(host="::1")
            with socket.create_connection(("::1", six.port), SECONDS) as peer:
                peer.sendall(b"by IPv6\n")
            six.wait_for_line("IPv6")
        self.assertFalse(Path(str(server.path)).parent.exists())

    def test_what_was_answered_is_remembered(self) -> None:
        with LabProcess(reply="ok") as server:
            assert isinstance(server.address, tuple)
            with socket.create_connection(server.address, SECONDS) as peer:
                for number in range(1, 301):
                    peer.sendall(b"x\n")
                    self.assertEqual(peer.recv(10), b"ok\n")
                    self.assertEqual(len(server.lines()), number)

    def test_further_options(self) -> None:
        with LabProcess("--max-per-host", "1", max_connections=5) as server:
            assert isinstance(server.address, tuple)
            with socket.create_connection(server.address, SECONDS):
                server.wait_for_peers(1)
                with socket.create_connection(server.address, SECONDS) as second:
                    self.assertEqual(second.recv(1), b"")
        self.assertIn("refused: ", server.render())

    def test_the_key_is_in_no_file(self) -> None:
        with LabProcess(tls=True) as server:
            self.assertEqual(files_beside(server), ["ca.pem"])
            self.assertEqual(open_keys(), [])

    def test_killed_tests_leave_nothing(self) -> None:
        with Program("-c", KILLED, program=[sys.executable]) as tests:
            tests.wait_for(b"ready\n")
            *servers, _ = [line.split() for line in tests.out.decode().splitlines()]
            poll = select.poll()
            for number, path in servers:
                self.assertTrue(Path(path).exists())
                process = os.pidfd_open(int(number))
                self.addCleanup(os.close, process)
                poll.register(process, select.POLLIN)
            tests.process.kill()
            for _ in servers:
                [(process, _), *_] = poll.poll(SECONDS * 1000)
                poll.unregister(process)
        folders = [each for _, path in servers for each in Path(path).parents]
        left = [each for each in folders if each.name[:8] == "echolab-"]
        self.assertEqual([each for each in left if each.exists()], [])
        self.assertEqual(len(left), len(servers))

    def test_a_server_that_refuses_says_so(self) -> None:
        with LabProcess(behave="refuse") as server:
            self.assertIn(f"{server.place} misbehaved refuse", str(server))

    def test_a_lot_that_nobody_asks_for(self) -> None:
        with LabProcess() as server:
            assert isinstance(server.address, tuple)
            with socket.create_connection(server.address, SECONDS) as peer:
                for _ in range(100):
                    peer.sendall(b"x" * 99_999 + b"\n")
            end = server.wait_for_end(timeout=SECONDS)
        self.assertEqual(end.received_bytes, 10_000_000)
        self.assertEqual(len(server.lines()[0]), 99_999)

    def test_what_code_in_it_prints_is_not_its_output(self) -> None:
        with LabProcess(answers=[("", "python:tests.test_kit:talkative")]) as server:
            assert isinstance(server.address, tuple)
            with socket.create_connection(server.address, SECONDS) as peer:
                for number in range(1, 101):
                    peer.sendall(b"a\n")
                    self.assertEqual(peer.recv(100), b"a")
                    # It was printed before the answer.
                    self.assertEqual(server.said().count("I say b'a'\n"), number)
            server.wait_for_end(timeout=SECONDS)
            self.assertEqual(server.sent(), b"a" * 100)

    def with_a_child(self) -> tuple[LabProcess, int]:
        """Return a server, and a descriptor of a child that its code has started."""
        server = LabProcess(answers=[("", "python:tests.test_kit:leave_a_child")])
        assert isinstance(server.address, tuple)
        with socket.create_connection(server.address, SECONDS) as peer:
            peer.sendall(b"x\n")
            child = os.pidfd_open(int(peer.recv(100)))
        self.addCleanup(os.close, child)
        self.addCleanup(signal.pidfd_send_signal, child, signal.SIGKILL)
        return server, child

    def test_a_child_of_its_code_outlives_it(self) -> None:
        server, child = self.with_a_child()
        server.stop()
        self.assertEqual(select.select([child], [], [], 0)[0], [])
        self.assertEqual(server.said().count("I leave a child\n"), 1)

    def test_it_dies_and_a_child_of_its_code_lives(self) -> None:
        server, child = self.with_a_child()
        os.kill(server.pid, signal.SIGKILL)
        with self.assertRaisesRegex(AssertionError, "the server has ended"):
            server.wait_for_peers(2, SECONDS)
        self.assertEqual(select.select([child], [], [], 0)[0], [])
        with self.assertRaisesRegex(AssertionError, "ended with status -9"):
            server.stop()

    def test_a_client_that_speaks_tls(self) -> None:
        with LabProcess() as server:
            assert isinstance(server.address, tuple)
            with socket.create_connection(server.address, SECONDS) as peer:
                peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            server.wait_for_end(timeout=SECONDS)
            self.assertTrue(any(isinstance(e, Mistaken) for e in server.events))

    def test_code_that_raises(self) -> None:
        server = LabProcess(answers=[("", "python:tests.test_kit:wrong")])
        assert isinstance(server.address, tuple)
        with socket.create_connection(server.address, SECONDS) as peer:
            peer.sendall(b"a\n")
            self.assertEqual(peer.recv(100), b"")
        told = "^the server failed: .*LookupError"
        with self.assertRaisesRegex(AssertionError, told):
            server.stop()

    def test_one_that_listens_elsewhere(self) -> None:
        for where in (
            ("--listen", "tcp:0:interface=127.0.0.1"),
            ("--listen=tcp:0:interface=127.0.0.1",),
        ):
            with LabProcess(*where) as server:
                assert isinstance(server.address, tuple)
                with socket.create_connection(server.address, SECONDS) as peer:
                    peer.sendall(b"hello\n")
                server.wait_for_line("hello", timeout=SECONDS)

    def test_all_servers_stop_though_some_have_failed(self) -> None:
        server = LabProcess()
        others = [server.another() for _ in range(3)]
        os.kill(others[0].pid, signal.SIGKILL)
        os.kill(others[1].pid, signal.SIGABRT)
        with self.assertRaisesRegex(AssertionError, "ended with status -9"):
            server.stop()
        for each in (server, *others):
            with self.assertRaises(ProcessLookupError):
                os.kill(each.pid, 0)

    def test_one_that_does_not_start(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "not start: --framing x: must be"):
            LabProcess(framing="x")
        with tempfile.TemporaryDirectory() as folder:
            where = f"unix:{folder}/{'x' * 200}"
            with self.assertRaisesRegex(RuntimeError, "not start: bind unix:"):
                LabProcess("--listen", where)
        with self.assertRaisesRegex(
            RuntimeError, "printed a line that is not an event: b'Usage"
        ):
            LabProcess("--help")

    def test_one_that_dies(self) -> None:
        server = LabProcess()
        os.kill(server.pid, signal.SIGKILL)
        with self.assertRaisesRegex(AssertionError, "the server has ended"):
            server.wait_for_peers(1, timeout=SECONDS)
        with self.assertRaisesRegex(AssertionError, "ended with status -9"):
            server.stop()
        server.stop()

    def test_the_tests_own_error_is_the_one_that_is_shown(self) -> None:
        with self.assertRaises(ZeroDivisionError), LabProcess() as server:
            os.kill(server.pid, signal.SIGKILL)
            raise ZeroDivisionError
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", server.port), SECONDS)


def talkative(_peer: Peer, message: bytes) -> bytes:
    """Print, and answer."""
    sys.stdout.write(f"I say {message!r}\n")
    sys.stdout.flush()
    return message


def leave_a_child(_peer: Peer, _message: bytes) -> bytes:
    """Start a child that has the outputs of the server, and print."""
    child = subprocess.Popen(["sleep", "40"])
    sys.stdout.write("I leave a child\n")
    sys.stdout.flush()
    return b"%d\n" % child.pid


def wrong(_peer: Peer, message: bytes) -> bytes:
    """Fail."""
    raise LookupError(message)
