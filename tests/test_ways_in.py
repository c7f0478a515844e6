"""Balancers, urgent bytes, shared ports, ends and systemd, as users take them."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import shutil
import signal
import socket
import struct
import sys
from unittest import mock

from twisted.trial.unittest import SkipTest

from echolab.sockets.handed_over import handed_over
from tests.support import (
    ECHOLAB,
    ROOT,
    SECONDS,
    Client,
    Program,
    keep_port,
    run,
)
from tests.ways import FolderCase


class ProxyTests(FolderCase):
    def test_from_elsewhere_or_without_trust(self) -> None:
        ended = run("server", "--listen", "haproxy:tcp:0")
        self.assertEqual(
            ended.err,
            b"listen haproxy:tcp:0: haproxy: needs --proxy-from, "
            b"the balancer's network\n",
        )
        server = self.start(
            *("--listen", "haproxy:tcp:0:interface=127.0.0.1"),
            *("--proxy-from", "192.0.2.0/24"),
        )
        # It is rejected so early that it may never be connected.
        with contextlib.suppress(ConnectionError), Client(server.port()):
            pass
        server.wait_for(b" handshake: no trusted proxy\n")

    def test_address_in_the_header_is_an_address(self) -> None:
        server = self.start(
            *("--listen", "haproxy:tcp:0:interface=127.0.0.1"),
            *("--proxy-from", "127.0.0.0/8"),
        )
        with Client(server.port()) as client:
            client.sendall(b"PROXY TCP4 \x1b[2J 127.0.0.1 1 2\r\n")
            server.wait_for(b" handshake: no IP address in a PROXY header\n")
        self.assertNotIn(b"\x1b", server.out + server.err)

    def test_a_silent_connection_takes_no_descriptor_that_is_needed(self) -> None:
        if shutil.which("prlimit") is None:
            raise SkipTest("prlimit is not installed")
        output = self.folder / "out"
        server = self.enterContext(
            Program(
                *("--nofile=64", *ECHOLAB, "server", "--output", f"log:{output}"),
                *("--listen", "haproxy:tcp:0:interface=127.0.0.1"),
                *("--proxy-from", "127.0.0.1"),
                program=("prlimit",),
            )
        )
        port = server.port()
        with contextlib.ExitStack() as clients:
            for _ in range(100):
                with contextlib.suppress(ConnectionError):
                    clients.enter_context(Client(port))
            server.wait_for(b"max-connections is", stream="err")
            output.rename(self.folder / "old")
            server.process.send_signal(signal.SIGHUP)
            server.wait_until(output.exists, "no new file", every=0.02)
            server.process.terminate()
            server.end()
        self.assertNotIn(b"EMFILE", server.err)

    def test_what_came_before_the_end_is_received(self) -> None:
        server = self.start(
            *("--listen", "haproxy:tcp:0:interface=127.0.0.1"),
            *("--proxy-from", "127.0.0.1"),
        )
        port = server.port()
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n"
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(port)) for _ in range(3)]
            # All three are accepted once one that came later has been read.
            last = stack.enter_context(Client(port))
            last.sendall(header + b"ready\n")
            server.wait_for(b"recv ready\n")
            server.process.send_signal(signal.SIGSTOP)
            for client in clients[:2]:
                client.sendall(header + b"hello\n")
            clients[2].sendall(header[:9])
            server.process.terminate()
            server.process.send_signal(signal.SIGCONT)
            server.end()
        self.assertEqual(server.out.count(b"recv hello\n"), 2)
        self.assertIn(b"9 bytes that had arrived were not read\n", server.err)


class UrgentTests(FolderCase):
    """A byte sent with MSG_OOB arrives like the others, on every way in."""

    def say(self, *, client: socket.socket) -> None:
        client.settimeout(SECONDS)
        client.sendall(b"abc")
        client.send(b"!", socket.MSG_OOB)
        client.sendall(b"def\n")
        client.shutdown(socket.SHUT_WR)

    def test_server(self) -> None:
        server = self.start(
            *("--listen", "tcp:0:interface=127.0.0.1"),
            *("--listen", f"unix:{self.path}"),
            *("--listen", "haproxy:tcp:0:interface=127.0.0.1"),
            *("--proxy-from", "127.0.0.1"),
        )
        server.wait_for_match(rb"(?s)(listening on .*\n){3}")
        ports = re.findall(rb"listening on 127.0.0.1:(\d+)\n", server.err)
        for number, port in enumerate(ports):
            with Client(int(port)) as client:
                client.sendall(number * b"PROXY UNKNOWN\r\n")
                self.say(client=client)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            try:
                self.say(client=client)
            except OSError as error:  # before Linux 5.15
                self.assertEqual(error.errno, errno.EOPNOTSUPP)
                client.sendall(b"!def\n")
        server.wait_for(b" recv abc!def\n", times=3)
        server.wait_for(b" finished eof, 8 bytes", times=3)

    def test_client(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            client = self.enterContext(Program("client", "127.0.0.1", str(port)))
            accepted, _ = listener.accept()
            with accepted:
                self.say(client=accepted)
                client.end_input()
                client.wait_for(b"abc!def\n")


class SharedPortTests(FolderCase):
    def test_several_processes_on_one_port(self) -> None:
        shared = ("--interface", "127.0.0.1", "--reuse-port")
        one = self.start("--port", "0", *shared)
        port = one.port()
        two = self.start("--port", str(port), *shared)
        self.assertEqual(two.port(), port)
        for _ in range(64):
            with Client(port) as client:
                client.sendall(b"hello\n")
        one.wait_for(b"recv hello\n")
        two.wait_for(b"recv hello\n")

    def test_sockets_of_systemd_survive_a_restart(self) -> None:
        """A client that comes between two servers waits for the second."""
        launch = (
            "import os, sys\n"
            "os.dup2(int(sys.argv[1]), 3)\n"
            "os.environ['LISTEN_PID'] = str(os.getpid())\n"
            "os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='lab')\n"
            "os.execv(sys.argv[2], sys.argv[2:])\n"
        )
        for family, address, domain in (
            (socket.AF_INET, ("127.0.0.1", 0), "INET"),
            (socket.AF_UNIX, self.path, "UNIX"),
        ):
            with socket.socket(family) as listener:
                listener.bind(address)
                listener.listen()
                listener.set_inheritable(True)
                for _ in range(2):
                    with socket.socket(listener.family) as client:
                        client.connect(listener.getsockname())
                        client.sendall(b"hel")
                        urgent = domain == "INET" and socket.MSG_OOB
                        client.send(b"l", urgent)
                        client.sendall(b"o\n")
                        server = self.enterContext(
                            Program(
                                *("-c", launch, str(listener.fileno()), *ECHOLAB),
                                *("server", "--listen"),
                                f"systemd:domain={domain}:index=0",
                                program=(sys.executable,),
                                pass_fds=(listener.fileno(),),
                            )
                        )
                        server.wait_for(b"recv data: hello\n")
                    server.process.terminate()
                    server.end()
                    self.assertNotIn(b"Traceback", server.err)

    def test_handed_socket_that_does_not_listen_is_refused(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handed:
            handed.bind(("127.0.0.1", 0))
            with self.assertRaisesRegex(ValueError, "not a listening stream socket"):
                handed_over(mock.Mock(), handed.fileno())


class EndTests(FolderCase):
    def test_a_reset_says_so_and_swallows_nothing(self) -> None:
        server = self.start("--interface", "127.0.0.1", "--port", "0")
        with Client(server.port()) as client:
            client.sendall(b"one\ntwo\nthr")
            server.wait_for(b"recv two\n")
            client.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        server.wait_for(b" finished reset (ECONNRESET), 11 bytes, 2 messages, 3 bytes")
        self.assertIn(b"recv(unterminated) thr\n", server.out)
        server.wait_for(b": reset (ECONNRESET) after 11 bytes\n", stream="err")
        self.assertIn(b", rtt 0.", server.out)

    def test_what_was_left_unread_is_counted(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        server = self.enterContext(
            Program(
                *("server", "--interface", "127.0.0.1", "--port", "0"),
                *("--drain", "0.1"),
                stdout=writing,
            )
        )
        os.close(writing)
        client = self.enterContext(Client(server.port()))
        client.setblocking(False)
        # Stuck means that no more bytes are taken, and not only for a moment.
        while select.select([], [client], [], 1)[1]:
            client.send(b"x" * 65535 + b"\n")
        server.process.terminate()
        server.wait_for(b" bytes that had arrived were not read\n", stream="err")

    def test_more_clients_than_open_files(self) -> None:
        if shutil.which("prlimit") is None:
            raise SkipTest("prlimit is not installed")
        server = self.enterContext(
            Program(
                *("--nofile=64", *ECHOLAB, "server", "--format", "log"),
                *("--interface", "127.0.0.1", "--port", "0", "--reply", "echo"),
                program=("prlimit",),
            )
        )
        port = server.port()
        most = int(server.err.split(b"at most ")[1].split()[0])
        self.assertLess(most, 64)
        with contextlib.ExitStack() as clients:
            for _ in range(200):
                with contextlib.suppress(ConnectionError):
                    clients.enter_context(Client(port)).sendall(b"hello\n")
            server.wait_for(b"recv hello\n", times=most)
            server.wait_for(b"max-connections is")
        server.wait_for(b"finished", times=most)
        for _ in range(1_000):  # There is no room until the last connection is gone.
            with contextlib.suppress(ConnectionError), Client(port) as client:
                client.sendall(b"and on\n")
                if client.recv(100):
                    break
        server.wait_for(b"recv and on\n")
        self.assertNotIn(b"EMFILE", server.err)
        self.assertLess(server.err.count(b"\n"), 60)


class SystemdTests(FolderCase):
    def test_the_documented_units(self) -> None:
        if shutil.which("systemd-socket-activate") is None:
            raise SkipTest("systemd-socket-activate is not installed")
        units = ROOT / "docs" / "systemd"
        service = (units / "echolab.service").read_text()
        [start] = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
        _, *words = start.replace("/var/log/echolab", str(self.folder)).split()
        [port] = re.findall(
            r"^ListenStream=(.*)$", (units / "echolab.socket").read_text(), re.MULTILINE
        )
        self.assertEqual(port, "8888")
        free = self.enterContext(keep_port()).getsockname()[1]
        # It starts the program at the first connection, as systemd does.
        server = self.enterContext(
            Program(
                *("-l", f"[::1]:{free}", "--fdname=lab", *ECHOLAB, *words, "-o", "-"),
                program=("systemd-socket-activate",),
            )
        )
        server.wait_for(b"Listening on", stream="err")
        with socket.create_connection(("::1", free), SECONDS) as client:
            client.sendall(b"hello\n")
            server.wait_for(b"recv data: hello\n")
        server.process.terminate()
        server.end()
        printed = (self.folder / "lab.json").read_text()
        self.assertIn('"message":"hello"', printed)
