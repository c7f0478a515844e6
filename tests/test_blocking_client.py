"""The blocking client, against servers of plain sockets and of the kit."""

from __future__ import annotations

import _socket
import contextlib
import os
import select
import socket
import ssl
import struct
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import trustme
from twisted.trial.unittest import SynchronousTestCase

from echolab import Connected, EndCause
from echolab.testing import BlockingClient, LabProcess
from tests.support import SECONDS, Eager

if TYPE_CHECKING:
    from collections.abc import Callable

NO_LINGER = struct.pack("ii", 1, 0)


def reset(connection: socket.socket) -> None:
    """Let the close of a connection send a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)


class Serving(SynchronousTestCase):
    """Servers of a few lines, each in a thread, for one connection."""

    def serve(
        self,
        serve: Callable[[Any], object],
        *,
        wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> Any:
        """Return the address of a server that calls ``serve`` with a connection."""
        listening = self.enterContext(socket.socket(family))
        if family == socket.AF_UNIX:
            folder = self.enterContext(tempfile.TemporaryDirectory())
            listening.bind(f"{folder}/s")
        else:
            listening.bind(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.listen()

        def run() -> None:
            accepted, _ = listening.accept()
            accepted.settimeout(SECONDS)
            try:
                with wrap(accepted) as connection:
                    serve(connection)
            except OSError:
                pass  # The test sees what its client makes of it.

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return listening.getsockname()

    def connect(self, *where: Any, **keywords: Any) -> BlockingClient:
        return self.enterContext(BlockingClient(*where, **keywords))

    def assert_end_wakes_send(
        self, end: Callable[[Any], object], wrap: Any = lambda plain: plain, **how: Any
    ) -> EndCause:
        """Let a server end the connection while its client waits to send."""
        waits, is_told = threading.Event(), threading.Event()
        ready: list[object] = []
        make = select.poll

        class SleepingPoll:
            """Keeps the socket open, as poll(2) does while it sleeps."""

            def register(self, fd: int, events: int) -> None:
                self._poll = make()
                self._copy = os.dup(fd)
                self._poll.register(self._copy, events)

            def poll(self, milliseconds: float | None) -> None:
                if milliseconds is not None:
                    waits.set()
                ready.append(self._poll.poll(milliseconds))
                os.close(self._copy)

        def serve(connection: Any) -> None:
            waits.wait(SECONDS)
            with contextlib.suppress(ssl.SSLError):  # TLS waits for the client's end.
                end(connection)
            is_told.wait(SECONDS)  # To close it unread would be a reset.

        peer = self.connect(self.serve(serve, wrap=wrap), **how)
        self.addCleanup(is_told.set)
        with (
            mock.patch.object(select, "poll", SleepingPoll),
            self.assertRaisesRegex(BrokenPipeError, "the connection has ended"),
        ):
            peer.send(b"x" * 20_000_000, timeout=SECONDS / 2)
        self.assertNotIn([], ready)  # as after a wait that was not woken
        return peer.expect_end().cause


def greet(connection: socket.socket) -> None:
    """Hold a dialogue as SMTP's servers do."""
    connection.sendall(b"220 lab\r\n")
    for line in connection.makefile("rb"):
        if line.startswith(b"QUIT"):
            connection.sendall(b"221 bye\r\n")
            return
        connection.sendall(b"250-%b\r\n250 ok\r\n" % line.split()[-1])


class DialogueTests(Serving):
    def test_a_dialogue(self) -> None:
        host, port = self.serve(greet)
        peer = self.connect(host, port, framing=r"delimiter:\r\n")
        self.assertEqual(peer.expect("^220 (.*)\r\n")[1], b"lab")
        self.assertEqual(peer.ask("EHLO ä", "^250-(.*)\r\n")[1], "ä".encode())
        self.assertEqual(peer.lines(), [b"220 lab", "250-ä".encode(), b"250 ok"])
        peer.expect("^250 ok\r\n")
        peer.send("QUIT\r")
        peer.send(b"\n")
        peer.expect("bye\r\n$")
        self.assertIs(peer.expect_end().cause, EndCause.EOF)
        self.assertEqual(peer.sent(), "EHLO ä\r\nQUIT\r\n".encode())
        peer.assert_lines(["220 lab", "250-ä", "250 ok", "221 bye"])
        [connected] = [e for e in peer.events if isinstance(e, Connected)]
        self.assertEqual(str(connected.peer), f"{host}:{port}")

    def test_a_match_in_pieces(self) -> None:
        asked = threading.Event()

        def answer(connection: socket.socket) -> None:
            asked.wait(SECONDS)
            for byte in b"a long answer; and more":
                connection.sendall(bytes((byte,)))

        peer = self.connect(self.serve(answer))
        asked.set()
        self.assertEqual(peer.expect(r"long (\w+)(;)", SECONDS).groups()[1], b";")
        self.assertEqual(peer.expect("^ and more")[0], b" and more")

    def test_it_is_consumed_once(self) -> None:
        peer = self.connect(self.serve(lambda c: c.sendall(b"ok\nok\n")))
        first = peer.expect("ok")
        self.assertEqual(peer.expect("ok")[0], b"ok")
        self.assertEqual((first[0], first.string[:6]), (b"ok", b"ok\nok\n"))
        with self.assertRaisesRegex(
            AssertionError,
            r"^expect b'ok': the connection has ended; not consumed: 1 bytes, the last "
            r"are b'\\n'; the transcript so far:\n.* connected\n.* recv ok\n",
        ):
            peer.expect("ok")

    def test_too_late(self) -> None:
        with LabProcess() as server:
            peer = self.connect(server)
            with self.assertRaisesRegex(
                AssertionError, "expect b'x': not within 0.01 s; not consumed: nothing;"
            ):
                peer.expect("x", timeout=0.01)
            with self.assertRaisesRegex(AssertionError, "the end of the connection of"):
                peer.expect_end(timeout=0.01)

    def test_framings(self) -> None:
        with LabProcess(framing="int16", reply="echo") as server:
            peer = self.connect(server, framing="int16")
            peer.ask(b"hel\nl", rb"(?s)^\x00\x05hel.l")
            peer.send_message("")
            peer.expect(rb"^\x00\x00")
            peer.assert_lines([b"hel\nl", b""])
            server.assert_lines([b"hel\nl", b""])

    def test_the_answer_to_the_end(self) -> None:
        def count(connection: socket.socket) -> None:
            connection.sendall(b"%d bytes\n" % len(connection.makefile("rb").read()))

        peer = self.connect(self.serve(count))
        peer.send("x" * 1_000_000)
        peer.finish()
        peer.expect("1000000 bytes\n")
        with self.assertRaisesRegex(BrokenPipeError, "finished|ended"):
            peer.send("x")


class EndTests(Serving):
    def test_what_came_before_a_reset_is_there(self) -> None:
        def break_off(connection: socket.socket) -> None:
            connection.sendall(b"one\ntwo\nthr")
            connection.recv(1)
            reset(connection)

        peer = self.connect(self.serve(break_off))
        peer.send("x")
        end = peer.expect_end()
        self.assertEqual((end.cause, end.detail), (EndCause.RESET, "ECONNRESET"))
        peer.expect("^one\ntwo\nthr$")
        self.assertEqual(peer.lines(), [b"one", b"two", b"thr"])
        with self.assertRaisesRegex(BrokenPipeError, "the connection has ended"):
            peer.send("x")

    def test_a_reset_that_comes_at_once(self) -> None:
        peer = self.connect(self.serve(reset))
        self.assertIs(peer.expect_end().cause, EndCause.RESET)

    def test_a_reset_while_it_connects_takes_nothing_away(self) -> None:
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        connect = _socket.socket.connect

        def connect_late(client: socket.socket, address: Any) -> None:
            connect(client, address)
            server, _ = listening.accept()
            server.sendall(b"bye\n")
            reset(server)
            server.close()
            # What connect does next, if it has a timeout.
            raise OSError(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "")

        with mock.patch.object(socket.socket, "connect", connect_late):
            peer = self.connect(listening.getsockname())
        peer.expect("^bye\n$")
        end = peer.expect_end()
        self.assertEqual((end.cause, end.detail), (EndCause.RESET, "ECONNRESET"))

    def test_bytes_that_do_not_fit_the_framing(self) -> None:
        def toast(connection: socket.socket) -> None:
            connection.sendall(b"3:abc,toast")
            connection.recv(1)

        peer = self.connect(self.serve(toast), framing="netstring")
        self.assertIs(peer.expect_end().cause, EndCause.MALFORMED)
        self.assertEqual(peer.lines(), [b"abc"])
        peer.expect("toast")

    def test_a_framing_that_fails(self) -> None:
        class Framing:
            def make_framer(self, *bounds: object) -> Eager:
                return Eager("feed", RuntimeError("its own fault"))

            def framed(self, message: bytes) -> bytes:
                return message

        peer = self.connect(self.serve(greet), framing=cast("Any", Framing()))
        end = peer.expect_end()
        self.assertEqual((end.cause, end.detail), (EndCause.ERROR, "its own fault"))

    def test_a_server_that_does_not_read(self) -> None:
        done = threading.Event()
        address = self.serve(lambda c: done.wait(SECONDS))
        self.addCleanup(done.set)
        peer = self.connect(address)
        with self.assertRaisesRegex(
            AssertionError, r"send: not within 0.01 s: \d+ bytes are left; the transcr"
        ):
            peer.send(b"x" * 8_000_000, timeout=0.01)

    def test_a_server_that_sends_while_it_is_sent_to(self) -> None:
        def echo(connection: socket.socket) -> None:
            while data := connection.recv(65536):
                connection.sendall(data)

        peer = self.connect(self.serve(echo))
        peer.send(b"x" * 20_000_000, timeout=SECONDS)
        peer.wait_for_bytes(20_000_000, timeout=SECONDS)

    def test_an_end_while_it_waits_to_send(self) -> None:
        cause = self.assert_end_wakes_send(lambda c: c.shutdown(socket.SHUT_WR))
        self.assertIs(cause, EndCause.EOF)

    def test_what_does_not_fit_the_framing_while_it_waits_to_send(self) -> None:
        cause = self.assert_end_wakes_send(
            lambda c: c.sendall(b"toast"), framing="netstring"
        )
        self.assertIs(cause, EndCause.MALFORMED)

    def test_its_own_end(self) -> None:
        with LabProcess() as server:
            peer = self.connect(server)
            peer.send("hello\n")
            peer.close()
            peer.close()
            self.assertIs(peer.expect_end().cause, EndCause.STOPPED)
            self.assertIs(server.wait_for_end(1).cause, EndCause.EOF)
            with self.assertRaisesRegex(AssertionError, "the connection has ended"):
                peer.expect("x", timeout=1_000)
            with self.assertRaisesRegex(AssertionError, "the connection has ended"):
                peer.wait_for_line("x", timeout=1_000)

    def test_its_own_end_while_the_server_sends(self) -> None:
        def flood(connection: socket.socket) -> None:
            while True:
                connection.sendall(b"x" * 65536)

        peer = self.connect(self.serve(flood))
        peer.expect("x" * 1_000, timeout=SECONDS)
        peer.close()
        self.assertIs(peer.expect_end().cause, EndCause.STOPPED)

    def test_what_is_forgotten_is_not_searched(self) -> None:
        def pour(connection: socket.socket) -> None:
            connection.sendall(b"begin" + b"x" * 300_000)

        peer = self.connect(self.serve(pour), max_bytes=200_000)
        peer.expect_end(timeout=SECONDS)
        with self.assertRaisesRegex(
            AssertionError, "cannot answer: more than 262144 b"
        ):
            peer.expect("begin")


class PlaceTests(Serving):
    def test_a_path(self) -> None:
        path = self.serve(greet, family=socket.AF_UNIX)
        peer = self.connect(Path(path))
        peer.expect("220")
        self.assertEqual(peer.peers()[0].path, path)
        self.connect(self.serve(greet, family=socket.AF_UNIX)).expect("220")

    def test_servers_of_the_kit(self) -> None:
        with LabProcess(reply="ok") as server:
            for each in server, server.another(unix=True, reply="ok"):
                self.connect(each).ask("x", "ok\n")
                self.connect(each.address).ask("x", "ok\n")

    def test_nobody_is_there(self) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            address = bound.getsockname()
            with self.assertRaises(ConnectionRefusedError) as caught:
                BlockingClient(*address)
        self.assertEqual(
            caught.exception.__notes__, [f"connect 127.0.0.1:{address[1]}"]
        )
        with self.assertRaises(FileNotFoundError):
            BlockingClient("/not/there")

    def test_what_is_no_address(self) -> None:
        for where in ((5,), ("lab",), ("lab", "80"), (("lab", 80), 80), (None, None)):
            with self.assertRaisesRegex(
                TypeError, "connect to a host and a port, or a"
            ):
                BlockingClient(*cast("Any", where))
        with self.assertRaisesRegex(ValueError, "must be one of line"):
            BlockingClient("lab", 80, framing="toast")
        peer = self.connect(self.serve(greet))
        with self.assertRaises(TypeError):
            peer.send(cast("Any", 5))
        for wait in (peer.send, peer.expect):
            with self.assertRaisesRegex(TypeError, "a number of seconds, not '1s'"):
                wait("hello", cast("Any", "1s"))

    def test_a_forked_child_leaves_the_connection_to_its_parent(self) -> None:
        peer = self.connect(self.serve(greet))
        with mock.patch.object(os, "getpid", os.getppid):
            peer.close()
        peer.ask("x", "ok")


class TLSTests(Serving):
    def setUp(self) -> None:
        ca = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(self.server)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.trusted = Path(folder, "ca.pem")
        ca.cert_pem.write_to_path(str(self.trusted))

    def wrapped(self, plain: socket.socket) -> ssl.SSLSocket:
        return self.server.wrap_socket(
            plain, server_side=True, suppress_ragged_eofs=False
        )

    def test_a_server_of_the_kit_says_whom_to_trust(self) -> None:
        with LabProcess(tls=True, reply="ok") as server:
            peer = self.connect(server)
            peer.ask("x", "^ok\n")
            peer.close()
            self.assertIs(server.wait_for_end().cause, EndCause.EOF)
            context = ssl.create_default_context(cafile=server.ca)
            self.connect("localhost", server.port, tls=context).ask("x", "^ok\n")

    def test_an_end_with_close_notify(self) -> None:
        ended: list[bytes] = []

        def say(connection: ssl.SSLSocket) -> None:
            connection.sendall(b"hello")
            ended.append(connection.recv(100))
            connection.unwrap()

        peer = self.connect(self.serve(say, wrap=self.wrapped), tls=self.trusted)
        peer.expect("hello")
        peer.send("bye")
        self.assertIs(peer.expect_end().cause, EndCause.EOF)
        self.assertEqual(ended, [b"bye"])

    def test_an_end_without_close_notify_is_a_reset(self) -> None:
        def say(connection: ssl.SSLSocket) -> None:
            connection.sendall(b"hello")
            connection.recv(3)

        peer = self.connect(self.serve(say, wrap=self.wrapped), tls=str(self.trusted))
        peer.send("bye")
        end = peer.expect_end()
        self.assertEqual(
            (end.cause, end.detail), (EndCause.RESET, "unexpected eof while reading")
        )
        peer.expect("hello$")

    def test_both_sides_send_at_once(self) -> None:
        def echo(connection: ssl.SSLSocket) -> None:
            while data := connection.recv(65536):
                connection.sendall(data)

        peer = self.connect(self.serve(echo, wrap=self.wrapped), tls=self.trusted)
        data = bytes(range(256)) * 20_000
        peer.send(data, timeout=SECONDS)
        peer.wait_for_bytes(len(data), timeout=SECONDS)
        self.assertEqual(peer.received(), data)

    def test_a_server_that_does_not_read(self) -> None:
        done = threading.Event()
        address = self.serve(lambda c: done.wait(SECONDS), wrap=self.wrapped)
        self.addCleanup(done.set)
        peer = self.connect(address, tls=self.trusted)
        for _ in range(2):
            with self.assertRaisesRegex(AssertionError, "send: not within 0.01 s"):
                peer.send(b"x" * 8_000_000, timeout=0.01)

    def test_what_follows_the_ends_of_both_sides_is_no_data(self) -> None:
        def end(connection: ssl.SSLSocket) -> None:
            connection.sendall(b"data")
            may_end.wait(SECONDS)
            connection.unwrap().sendall(b"no record")

        may_end = threading.Event()
        peer = self.connect(self.serve(end, wrap=self.wrapped), tls=self.trusted)
        peer.wait_for_bytes(4, timeout=SECONDS)
        may_end.set()
        peer.close()
        self.assertEqual(b"".join(peer.chunks()), b"data")

    def test_an_end_while_it_waits_to_send(self) -> None:
        cause = self.assert_end_wakes_send(
            lambda c: c.unwrap(), wrap=self.wrapped, tls=self.trusted
        )
        self.assertIs(cause, EndCause.EOF)

    def test_a_server_that_does_not_prove_its_name(self) -> None:
        for tls, address in (
            (True, self.serve(greet, wrap=self.wrapped)),
            (
                self.trusted,
                ("localhost", self.serve(greet, wrap=self.wrapped)[1]),
            ),
        ):
            with self.assertRaises(ssl.SSLCertVerificationError):
                BlockingClient(address, tls=tls)

    def test_a_server_without_tls(self) -> None:
        with self.assertRaises(ssl.SSLError):
            BlockingClient(self.serve(greet), tls=True)

    def test_a_server_that_says_nothing(self) -> None:
        done = threading.Event()
        address = self.serve(lambda c: done.wait(SECONDS))
        self.addCleanup(done.set)
        with self.assertRaises(TimeoutError):
            BlockingClient(address, tls=True, timeout=0.01)
