"""What the tests of every way in share: a folder, a server in it, TLS clients."""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
import ssl
import struct
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import (
    SECONDS,
    Program,
    write_certificates,
)


class FolderCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = str(self.folder / "lab.sock")

    def start(self, *options: str) -> Program:
        return self.enterContext(
            Program(*("server", "--format", "log", "--drain", "2"), *options)
        )

    def talk(self, *, data: bytes, path: str = "") -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SECONDS)
            client.connect(path or self.path)
            client.sendall(data)


class TLSCase(FolderCase):
    def setUp(self) -> None:
        super().setUp()
        write_certificates(self.folder, server="localhost", alice="alice\n\x1b[2J")
        self.key = f"privateKey={self.folder}/server.pem"
        self.endpoint = f"ssl:0:interface=127.0.0.1:{self.key}"
        self.context = ssl.create_default_context(cafile=self.folder / "ca.pem")


def ask_for_key_updates(client: socket.socket) -> None:
    """Connect with TLS 1.3, ask for new keys until the connection breaks; read nothing.

    Python's ssl cannot, so this is OpenSSL itself; see SSL_key_update(3).
    """
    name = ctypes.util.find_library("ssl")
    if name is None:
        raise SkipTest("no libssl")
    openssl = ctypes.CDLL(name)
    pointer = ctypes.c_void_p
    for function in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
        getattr(openssl, function).restype = pointer
    context = pointer(openssl.SSL_CTX_new(pointer(openssl.TLS_client_method())))
    connection = pointer(openssl.SSL_new(context))
    # Less than a few segments of the loopback, and the kernel drops acknowledgements
    # too: then both sides wait for minutes, each for its retransmission.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 20, 0))
    client.setblocking(True)
    openssl.SSL_set_fd(connection, client.fileno())
    assert openssl.SSL_connect(connection) == 1
    update_requested = 1
    while openssl.SSL_key_update(connection, update_requested) == 1:
        if openssl.SSL_do_handshake(connection) != 1:
            break
    openssl.SSL_free(connection)
    openssl.SSL_CTX_free(context)
