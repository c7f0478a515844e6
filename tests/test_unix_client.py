"""Connecting to UNIX sockets, and its errors."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from echolab.errors import reason_of
from echolab.sockets.unix_connecting import UNIXClientEndpoint
from tests.support import SECONDS


class Talker(Protocol):
    """Sends hello, and records what it receives."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"hello")  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.ended.callback(None)


class Nobody(Factory[Protocol]):
    def buildProtocol(self, addr: object) -> None:
        return None


class ConnectTests(TestCase):
    timeout = SECONDS

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = str(self.folder / "lab.sock")

    def endpoint(self, path: str = "") -> UNIXClientEndpoint:
        return UNIXClientEndpoint(self.reactor, path or self.path)

    def listener(self, path: str | bytes, backlog: int = 5) -> socket.socket:
        listener = self.enterContext(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(backlog)
        listener.settimeout(SECONDS)
        return listener

    async def fails(self, kind: type[Exception], path: str = "") -> str:
        try:
            await self.endpoint(path).connect(Factory.forProtocol(Talker))
        except kind as why:
            return reason_of(why)
        raise self.failureException("connected")

    async def test_both_kinds_of_names(self) -> None:
        name = f"echolab-client-{os.getpid()}"
        for path, address in (self.path, self.path), (f"@{name}", f"\0{name}"):
            listener = self.listener(address)
            factory = Factory.forProtocol(Talker)
            protocol: Any = await self.endpoint(path).connect(factory)
            self.assertIs(protocol.factory, factory)
            self.assertEqual(protocol.transport.getPeer().name, os.fsencode(address))
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(SECONDS)
                said = await deferToThread(accepted.recv, 100)
                self.assertEqual(said, b"hello")
                accepted.sendall(b"hi")
            await protocol.ended
            self.assertEqual(protocol.heard, b"hi")

    async def test_full_queue(self) -> None:
        listener = self.listener(self.path, backlog=0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(self.path)
            why = await self.fails(BlockingIOError)
            self.assertEqual(why, "the queue is full (EAGAIN)")
            listener.accept()[0].close()
            listening = self.endpoint().connect(Factory.forProtocol(Talker))
            protocol: Any = await listening
            listener.accept()[0].close()
            await protocol.ended

    async def test_nobody_there(self) -> None:
        (self.folder / "file").write_text("")
        self.assertEqual(
            await self.fails(error.ConnectError, str(self.folder)), "Is a directory"
        )
        self.assertEqual(
            await self.fails(error.ConnectError, str(self.folder / "file")),
            "Socket operation on non-socket",
        )
        self.assertEqual(
            await self.fails(error.ConnectError), "No such file or directory"
        )
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        self.assertEqual(
            await self.fails(error.ConnectionRefusedError), "Connection refused"
        )
        await self.fails(error.ConnectionRefusedError, f"@nobody-{os.getpid()}")

    async def test_refused_by_the_factory(self) -> None:
        listener = self.listener(self.path)
        with self.assertRaises(error.NoProtocol):
            await self.endpoint().connect(Nobody())
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(SECONDS)
            self.assertEqual(accepted.recv(1), b"")
