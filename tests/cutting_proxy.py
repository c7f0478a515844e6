"""A proxy that resets connections, each after so many bytes."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["CuttingProxy"]

RESET = struct.pack("ii", 1, 0)


class CuttingProxy:
    """Relays connections to a server, and resets the first ones.

    Args:
        port: the port of the server, on 127.0.0.1.
        cuts: how many connections to reset.
        most: after how many bytes from the client at most.
        seed: decides after how many.

    Attributes:
        port: where it listens.
        left: how many connections are still to be reset.
    """

    def __init__(self, port: int, *, cuts: int, most: int, seed: int) -> None:
        self.left = cuts
        self._server = port
        self._most = most
        self._random = random.Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> CuttingProxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        why: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                client.close()
                continue
            room = self._random.randrange(self._most) if self.left > 0 else 1 << 60
            self.left -= 1
            back = threading.Thread(target=_relay, args=(server, client), daemon=True)
            back.start()
            _relay(client, server, room)
            back.join(10)
            client.close()
            server.close()


def _relay(source: socket.socket, sink: socket.socket, room: int = 1 << 60) -> None:
    """Copy bytes to the end; if there are too many, reset both."""
    with contextlib.suppress(OSError):
        while data := source.recv(min(65536, room)):
            sink.sendall(data)
            room -= len(data)
            if room <= 0:
                for each in (source, sink):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    each.shutdown(socket.SHUT_RDWR)
                return
        sink.shutdown(socket.SHUT_WR)
