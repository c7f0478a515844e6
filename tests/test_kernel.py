"""Questions to the kernel, on real sockets."""

from __future__ import annotations

import errno
import os
import socket
import struct
from types import SimpleNamespace
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from echolab.addresses import Credentials
from echolab.sockets.watching import (
    WatchedSocket,
    keep_alive,
    keep_urgent_data,
    prepare_connection,
    prepare_port,
    unacknowledged_bytes,
    watch,
)


class SocketCase(SynchronousTestCase):
    def pair(self) -> tuple[socket.socket, WatchedSocket]:
        """Return a client, and the watched socket accepted for it."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            self.addCleanup(client.close)
            accepted, _ = listener.accept()
            self.addCleanup(accepted.close)
            return client, WatchedSocket(accepted)


class KernelTests(SocketCase):
    def test_keepalive(self) -> None:
        _, accepted = self.pair()
        keep_alive(accepted, 60)
        got = [
            accepted.getsockopt(level, name)
            for level, name in (
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            )
        ]
        self.assertEqual(got, [1, 30, 7, 4, 60_000])

    def test_what_is_accepted_inherits_the_options_of_its_port(self) -> None:
        listener = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        port = SimpleNamespace(socket=listener)
        waiting = self.enterContext(socket.create_connection(listener.getsockname()))
        for seconds in (20.0, 60.0):  # Like after a restart with another option.
            prepare_port(port, seconds)
        late = self.enterContext(socket.create_connection(listener.getsockname()))
        self.assertNotEqual(waiting.getsockname(), late.getsockname())
        for _ in range(2):
            accepted, _ = listener.accept()
            with accepted:
                prepare_connection(WatchedSocket(accepted), 60.0)
                for level, name, value in (
                    (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1),
                    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
                    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
                ):
                    self.assertEqual(accepted.getsockopt(level, name), value)
        prepare_port(object(), 60.0)

    def test_urgent_bytes_stay_where_they_were_sent(self) -> None:
        """Also for bytes that come before the accept, and for several."""
        listener = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        keep_urgent_data(SimpleNamespace(socket=listener))
        client = self.enterContext(socket.create_connection(listener.getsockname()))
        for data, flags in (b"!", socket.MSG_OOB), (b"?", socket.MSG_OOB), (b"x", 0):
            client.send(data, flags)
        client.shutdown(socket.SHUT_WR)
        accepted, _ = listener.accept()
        with accepted, accepted.makefile("rb") as file:
            self.assertEqual(file.read(), b"!?x")
        keep_urgent_data(object())

    def test_errno_of_a_reset(self) -> None:
        client, accepted = self.pair()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        with self.assertRaises(ConnectionResetError):
            accepted.recv(1)
        accepted.close()
        self.assertEqual(accepted.error, errno.ECONNRESET)

    def test_what_is_known_at_the_end(self) -> None:
        client, accepted = self.pair()
        client.sendall(b"read, unread")
        self.assertEqual(accepted.recv(6), b"read, ")
        accepted.close()
        self.assertEqual((accepted.error, accepted.unread_bytes), (0, 6))
        assert accepted.rtt_seconds is not None
        self.assertLess(accepted.rtt_seconds, 1)
        self.assertEqual(accepted.retransmits, 0)

    def test_credentials(self) -> None:
        one, two = socket.socketpair()
        with one, two:
            self.assertEqual(
                WatchedSocket(one).credentials(), Credentials(os.getpid(), os.getuid())
            )
        self.assertIsNone(self.pair()[1].credentials())

    def test_what_nobody_acknowledges(self) -> None:
        _, accepted = self.pair()
        transport = mock.Mock(getHandle=lambda: accepted)
        self.assertEqual(unacknowledged_bytes(transport), 0)
        accepted.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                accepted.send(b"x" * 65536)
        self.assertGreater(unacknowledged_bytes(transport), 0)
        accepted.close()
        self.assertEqual(unacknowledged_bytes(transport), 0)
        self.assertEqual(unacknowledged_bytes(None), 0)

    def test_what_is_no_socket_is_not_watched(self) -> None:
        self.assertIsNone(watch(object()))
