"""OpenSSL's words for the errors of a certificate chain."""

from __future__ import annotations

import tempfile
from pathlib import Path

from OpenSSL.crypto import (
    FILETYPE_PEM,
    X509,
    X509Store,
    X509StoreContext,
    X509StoreContextError,
    load_certificate,
)
from twisted.trial.unittest import SynchronousTestCase

from echolab.tls.chain_faults import chain_fault
from tests.authority import Authority


class ChainFaultTests(SynchronousTestCase):
    def test_they_are_those_of_the_openssl_that_is_used(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        authority = Authority(folder)
        for days in (-1, 1, 9):
            certificate = X509.from_cryptography(authority.sign(None, days=days)[0])
            trusted = X509Store()
            if days != 1:
                ca = (folder / "roots" / "ca.pem").read_bytes()
                trusted.add_cert(_loaded(ca))
            with self.assertRaises(X509StoreContextError) as caught:
                X509StoreContext(trusted, certificate).verify_certificate()
            [number, _, words] = caught.exception.errors
            self.assertEqual(chain_fault(number), words)

    def test_any_number_has_words(self) -> None:
        self.assertEqual(chain_fault(79), "invalid CA certificate")
        self.assertEqual(chain_fault(9999), "error 9999")


def _loaded(pem: bytes) -> X509:
    return load_certificate(FILETYPE_PEM, pem)
