"""What a client knows of its sent bytes when the connection is lost."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import ChunkFramer
from echolab.client.line import Line
from echolab.connection.core import Connection
from echolab.connection.terms import Terms
from tests.support import FakeTransport


class DeliveredTests(SynchronousTestCase):
    def setUp(self) -> None:
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        self.ours = socket.create_connection(listening.getsockname())
        self.addCleanup(self.ours.close)
        self.theirs = self.enterContext(listening.accept()[0])
        transport: Any = FakeTransport()
        transport.socket = self.ours
        terms = Terms(
            lambda _: None,
            clock=Clock(),
            count_messages=False,
            report_chunks=False,
            report_sent=False,
        )
        connection = Connection(terms, ChunkFramer(), transport)
        connection.write(b"hello\n")
        self.line = Line(connection)
        assert connection.watched is not None
        self.watched = connection.watched
        self.watched.send(b"hello\n")

    def delivered(self) -> tuple[bool, bool]:
        line = self.line
        return line.was_delivered(), line.was_delivered(but_for_the_end=True)

    def test_all_is_acknowledged(self) -> None:
        self.assertEqual(self.delivered(), (True, True))

    def test_only_the_end_is_on_its_way(self) -> None:
        self.watched.shutdown(socket.SHUT_RDWR)
        self.watched.unacknowledged_bytes = 1
        self.assertEqual(self.delivered(), (False, True))

    def test_the_last_byte_is_on_its_way(self) -> None:
        self.watched.unacknowledged_bytes = 1
        self.assertEqual(self.delivered(), (False, False))
        self.watched.shutdown(socket.SHUT_WR)
        self.watched.unacknowledged_bytes = 2
        self.assertEqual(self.delivered(), (False, False))
