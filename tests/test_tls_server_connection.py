"""What a TLS server says to a client that does not speak TLS."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from echolab.tls_server_connection import ServerConnection

ALERT = b"\x15\x03\x01\0\2\2F"


class RefusalTests(SynchronousTestCase):
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

    def test_what_is_tls_is_told_what_openssl_says(self) -> None:
        self.assertEqual(len(self.answer(b"\x16\x03\x01\0\5hello")), len(ALERT))
        self.assertEqual(self.answer(b"hi"), b"", "too little to tell")
