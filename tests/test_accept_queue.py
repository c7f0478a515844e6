"""Connections that wait to be accepted when a server ends."""

from __future__ import annotations

import errno
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Port
from twisted.trial.unittest import SynchronousTestCase

from echolab.sockets.accept_queue import accept_waiting, turn_away_waiting
from tests.support import ECHOLAB, SECONDS, TWISTD, Client, FakeReactor, Program

CLIENTS = 250
"""More than Twisted's port accepts in one turn of the reactor."""


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.accepted = 0

        def count(_addr: object) -> None:
            self.accepted += 1

        factory = Factory.forProtocol(Protocol)
        factory.buildProtocol = count  # type: ignore[method-assign, assignment]
        self.port = Port(0, factory, interface="127.0.0.1", reactor=FakeReactor())
        self.port.startListening()
        self.addCleanup(lambda: self.port.connected and self.port.connectionLost(None))
        self.port.numberAccepts = 1
        number = self.port.getHost().port
        self.clients = [self.enterContext(Client(number)) for _ in range(3)]

    def test_all_are_accepted(self) -> None:
        accept_waiting(self.port, lambda: False)
        self.assertEqual((self.accepted, turn_away_waiting(self.port)), (3, 0))

    def test_those_who_are_late_are_closed_and_counted(self) -> None:
        accept_waiting(self.port, lambda: self.accepted == 1)
        self.assertEqual((self.accepted, turn_away_waiting(self.port)), (1, 2))
        self.clients[2].settimeout(SECONDS)
        self.assertEqual(self.clients[2].recv(1), b"")

    def test_a_system_that_can_open_no_more_files_is_not_asked_for_ever(self) -> None:
        listening = self.port.socket
        full = OSError(errno.ENFILE, "Too many open files in system")
        self.port.socket = mock.Mock(wraps=listening)
        accept = self.port.socket.accept
        accept.side_effect = full
        accept_waiting(self.port, lambda: accept.call_count == 1000)
        self.assertLess(accept.call_count, 1000)
        self.port.socket = listening
        self.assertEqual(turn_away_waiting(self.port), 3)

    def test_port_that_has_stopped_or_never_listened(self) -> None:
        self.port.connectionLost(None)
        for port in (self.port, None, object()):
            accept_waiting(port, lambda: False)
            self.assertEqual(turn_away_waiting(port), 0)


class EndTests(SynchronousTestCase):
    """Real programs that are stopped while many connections wait."""

    def setUp(self) -> None:
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def start(self, *options: str, program: tuple[str, ...]) -> Program:
        words = ("-n", "echolab") if program is TWISTD else ("server",)
        return self.enterContext(
            Program(*words, *options, program=program, cwd=self.folder)
        )

    def crowd(self, server: Program, family: int, address: Any) -> None:
        """Connect many clients while the server is stopped; then end it."""
        server.process.send_signal(signal.SIGSTOP)
        for number in range(CLIENTS):
            with socket.socket(family) as client:
                client.connect(address)
                client.sendall(b"line %d\n" % number)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)

    def test_all_are_read(self) -> None:
        for program in (ECHOLAB, TWISTD):
            for where in ("tcp:0:interface=127.0.0.1", "unix:lab.sock"):
                server = self.start("--listen", where, program=program)
                server.wait_for(b"listening on", stream="err")
                if where.startswith("tcp"):
                    self.crowd(server, socket.AF_INET, ("127.0.0.1", server.port()))
                else:
                    path = str(Path(self.folder, "lab.sock"))
                    self.crowd(server, socket.AF_UNIX, path)
                self.assertEqual(server.end(), -signal.SIGTERM)
                self.assertEqual(server.out.count(b"recv data: line "), CLIENTS)
                self.assertEqual(server.out.count(b"finish.\n"), CLIENTS)

    def test_those_who_cannot_be_read_are_counted(self) -> None:
        where = ("--listen", "tcp:0:interface=127.0.0.1", "--drain", "0.000001")
        server = self.start(*where, program=ECHOLAB)
        self.crowd(server, socket.AF_INET, ("127.0.0.1", server.port()))
        server.end()
        self.assertRegex(
            server.err,
            rb"closed unread: [0-9]+ connections that waited to be accepted\n",
        )

    def test_a_socket_that_was_handed_over_keeps_its_queue(self) -> None:
        launch = (
            "import os, sys\n"
            "os.dup2(int(sys.argv[1]), 3)\n"
            "os.environ['LISTEN_PID'] = str(os.getpid())\n"
            "os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='lab')\n"
            "os.execv(sys.argv[2], sys.argv[2:])\n"
        )
        for family, address, domain in (
            (socket.AF_INET, ("127.0.0.1", 0), "INET"),
            (socket.AF_UNIX, str(Path(self.folder, "lab.sock")), "UNIX"),
        ):
            with socket.socket(family) as listener:
                listener.bind(address)
                listener.listen(CLIENTS)
                fd = listener.fileno()
                words = (
                    *("-c", launch, str(fd), *ECHOLAB, "server"),
                    *("--listen", f"systemd:domain={domain}:index=0"),
                )
                program = (sys.executable,)
                with Program(*words, program=program, pass_fds=(fd,)) as server:
                    server.wait_for(b"listening on", stream="err")
                    self.crowd(server, family, listener.getsockname())
                    self.assertEqual(server.end(), -signal.SIGTERM)
                    read = server.out.count(b"recv data: line ")
                listener.setblocking(False)
                waiting = turn_away_waiting(Handed(listener))
                self.assertGreater(waiting, 0)
                self.assertEqual(read + waiting, CLIENTS)


class Handed:
    """A listening socket, like a port's."""

    def __init__(self, listener: socket.socket) -> None:
        self.socket = listener
        self.fileno = listener.fileno
