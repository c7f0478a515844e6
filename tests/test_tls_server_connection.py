"""The answer of a TLS server to a client that does not speak TLS."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from echolab.errors import reason_of
from echolab.tls.server_connection import ServerConnection
from tests.authority import Authority

ALERT = b"\x15\x03\x01\0\2\2F"


class RefusalTests(SynchronousTestCase):
    def test_a_few_bytes_are_enough_to_tell(self) -> None:
        for data in (b"\n", b"hi", b"hi!\n", b"\xc3\xa9\n", b"\x16hi", b"\0"):
            self.assertEqual(self.answer(data), ALERT)

    def test_the_beginning_of_tls_is_waited_with(self) -> None:
        for data in (b"", b"\x16", b"\x16\x03", b"\x16\x03\x01\0", b"\x15\x03"):
            connection = ServerConnection(SSL.Context(SSL.TLS_SERVER_METHOD), None)
            connection.set_accept_state()
            for at in range(len(data)):
                connection.bio_write(data[at : at + 1])
                self.assertRaises(SSL.WantReadError, connection.do_handshake)
            self.assertRaises(SSL.WantReadError, connection.bio_read, 99)

    def test_no_handshake_is_made_when_there_is_no_time_for_it(self) -> None:
        connection = ServerConnection(SSL.Context(SSL.TLS_SERVER_METHOD), None)
        connection.set_accept_state()
        connection.set_app_data(mock.Mock())
        connection.get_app_data().wrappedProtocol.is_late.return_value = True
        connection.bio_write(b"hello\n")
        self.assertRaises(SSL.WantReadError, connection.do_handshake)
        self.assertRaises(SSL.WantReadError, connection.bio_read, 99)

    def answer(self, data: bytes) -> bytes:
        connection = ServerConnection(SSL.Context(SSL.TLS_SERVER_METHOD), None)
        connection.set_accept_state()
        connection.bio_write(data)
        self.assertRaises(SSL.Error, connection.do_handshake)
        answer = b""
        with self.assertRaises(SSL.WantReadError):
            while True:
                answer += connection.bio_read(1 << 15)
        return answer

    def test_what_is_not_tls_is_told_so_once(self) -> None:
        for data in (b"hello\n", b"GET / HTTP/1.1\r\n\r\n", bytes(99), b"\n" * 99):
            self.assertEqual(self.answer(data), ALERT)

    def test_an_alert_instead_of_a_handshake_has_words(self) -> None:
        """Twisted cannot handle an error without a reason (`IndexError`)."""
        for level, number, why in (
            (1, 0, "close notify during the handshake"),
            (2, 80, "internal error"),
            (2, 255, "unknown TLS alert"),
        ):
            connection = self.greeted()
            connection.bio_write(bytes((21, 3, 3, 0, 2, level, number)))
            with self.assertRaises(SSL.Error) as caught:
                connection.do_handshake()
            self.assertIn(why, reason_of(caught.exception))

    def greeted(self) -> ServerConnection:
        """A server's connection that has answered a ClientHello."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        context = Authority(folder).context(None)
        connection = ServerConnection(context, None)
        connection.set_accept_state()
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        client.set_connect_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        connection.bio_write(client.bio_read(1 << 15))
        self.assertRaises(SSL.WantReadError, connection.do_handshake)
        return connection

    def test_what_is_tls_is_told_what_openssl_says(self) -> None:
        self.assertEqual(len(self.answer(b"\x16\x03\x01\0\5hello")), len(ALERT))
