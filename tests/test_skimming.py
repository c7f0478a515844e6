"""Connections that report less than the sink takes, and all of it again."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from twisted.internet import reactor as installed
from twisted.trial.unittest import TestCase

from echolab import (
    Called,
    Chunk,
    Event,
    Finished,
    Ledger,
    ReceiverFactory,
    Sampled,
    Sent,
)
from echolab.testing import Transcript

if TYPE_CHECKING:
    from typing import Any

    from echolab.connection.core import Connection

reactor: Any = installed


class SkimmingTests(TestCase):
    def setUp(self) -> None:
        self.events: list[Event] = []
        self.transcript = Transcript()
        self.connections: list[Connection] = []
        self.factory = ReceiverFactory(
            self.take,
            clock=reactor,
            report_chunks=True,
            report_sent=True,
            ledger=Ledger(),
        )
        self.terms = self.factory.connections.terms
        self.terms.opened = self.connections.append
        self.addCleanup(self.terms.stop_asking)
        port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.client = socket.create_connection(("127.0.0.1", port.getHost().port))
        self.addCleanup(self.client.close)

    def take(self, event: Event) -> None:
        self.events.append(event)
        self.transcript(event)

    async def send(self, line: str) -> None:
        """Send a line, and wait until the server has it."""
        self.client.sendall(line.encode() + b"\n")
        await self.transcript.wait_for_line(line)

    def kinds(self) -> set[type]:
        """Return the kinds of the events since this was asked last."""
        kinds = {type(event) for event in self.events}
        self.events.clear()
        return kinds

    async def end(self) -> Finished:
        self.client.shutdown(socket.SHUT_WR)
        return await self.transcript.wait_for_end()

    async def test_a_skimmed_connection_reports_its_messages(self) -> None:
        await self.send("one")
        [connection] = self.connections
        self.assertLess({Called, Chunk}, self.kinds())
        connection.skim()
        await self.send("two")
        connection.write(b"answer\n")
        self.assertFalse(self.kinds() & {Called, Chunk, Sent, Sampled})
        finished = await self.end()
        self.assertEqual((finished.received_bytes, finished.messages), (8, 2))
        self.assertEqual(finished.sent_bytes, 7)

    async def test_it_reports_all_when_it_is_followed_again(self) -> None:
        await self.send("one")
        [connection] = self.connections
        connection.skim()
        await self.send("two")
        self.events.clear()
        connection.follow()
        await self.send("three")
        connection.write(b"answer\n")
        calls = [event for event in self.events if isinstance(event, Called)]
        self.assertEqual([(call.call, call.result) for call in calls], [("recv", 6)])
        self.assertLess({Chunk, Sent}, self.kinds())
        await self.end()

    async def test_one_that_began_skimmed_is_followed(self) -> None:
        self.terms.skims = True
        await self.send("one")
        [connection] = self.connections
        self.assertFalse(self.kinds() & {Called, Chunk, Sampled})
        connection.follow()
        await self.send("two")
        self.assertLess({Called, Chunk, Sampled}, self.kinds())
        finished = await self.end()
        self.assertEqual((finished.received_bytes, finished.unread_bytes), (8, 0))
