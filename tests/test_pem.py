"""PEM files, on a real disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import trustme
from twisted.trial.unittest import SynchronousTestCase

from echolab.tls.pem import (
    BEGIN,
    MAX_BYTES,
    certificates,
    pem_bytes,
    reading,
    unencrypted,
)
from echolab.tls.server import server_options


class PEMTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()), "a.pem")

    def test_each_certificate_on_its_own(self) -> None:
        self.path.write_bytes(b"key\n" + BEGIN + b"\n1\n" + BEGIN + b"\n2\n")
        self.assertEqual(
            certificates(str(self.path)), [BEGIN + b"\n1\n", BEGIN + b"\n2\n"]
        )

    def test_nothing_is_read_without_end(self) -> None:
        self.path.write_bytes(b"x" * MAX_BYTES)
        self.assertEqual(len(pem_bytes(str(self.path))), MAX_BYTES)
        self.path.write_bytes(b"x" * (MAX_BYTES + 1))
        for path in (str(self.path), "/dev/zero"):
            for read in (pem_bytes, certificates, unencrypted):
                with self.assertRaisesRegex(ValueError, f"^{path}: .* over 1 MiB$"):
                    read(path)

    def test_from_a_pipe(self) -> None:
        source, target = os.pipe()
        self.addCleanup(os.close, source)
        os.write(target, BEGIN)
        os.close(target)
        self.assertEqual(certificates(f"/dev/fd/{source}"), [BEGIN])

    def test_what_cannot_be_read_is_named(self) -> None:
        for why in ("No such file or directory", "no certificate in it"):
            with (
                self.assertRaisesRegex(ValueError, f"^{self.path}: {why}$"),
                reading(str(self.path)),
            ):
                certificates(str(self.path))
            self.path.touch()


class ServerFilesTests(SynchronousTestCase):
    def test_the_file_that_is_wrong_is_named(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        good, other, bad = (f"{folder}/{name}.pem" for name in ("good", "other", "bad"))
        ca = trustme.CA()
        for path in good, other:
            made = ca.issue_cert("localhost")
            made.private_key_and_cert_chain_pem.write_to_path(path)
        Path(bad).write_bytes(BEGIN + b"\nx\n")
        files: Any = {
            "private_key": good,
            "certificate": good,
            "chain": good,
            "client_ca": good,
        }
        server_options(**files)
        for name in files:
            with self.assertRaisesRegex(ValueError, rf"^{bad}: [\w ]+$"):
                server_options(**files | {name: bad})
        with self.assertRaisesRegex(ValueError, f"^{good}, {other}: .*mismatch$"):
            server_options(**files | {"certificate": other})
