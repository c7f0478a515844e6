"""The file with the page's token."""

from __future__ import annotations

import os
import re
import socket
import stat
import tempfile
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from echolab import EcholabError
from echolab.web.token_file import new_token, token_in

TOKEN = "a-token.of_16~ch"


class TokenFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = Path(folder, "token")

    def write(self, data: bytes, mode: int = 0o600) -> None:
        self.path.write_bytes(data)
        self.path.chmod(mode)

    def refused(self) -> str:
        with self.assertRaises(EcholabError) as caught:
            token_in(str(self.path))
        return str(caught.exception).replace(str(self.path), "FILE")

    def test_a_file_that_is_absent_is_made(self) -> None:
        token = token_in(str(self.path))
        self.assertEqual(self.path.read_text(), f"{token}\n")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(token_in(str(self.path)), token)

    def test_tokens_differ(self) -> None:
        tokens = {new_token() for _ in range(100)}
        self.assertEqual(len(tokens), 100)
        for token in tokens:
            self.assertTrue(re.fullmatch(r"[A-Za-z0-9_-]{43}", token))

    def test_one_line(self) -> None:
        for text in (TOKEN, f"{TOKEN}\n", f"{TOKEN}\r\n"):
            self.write(text.encode())
            self.assertEqual(token_in(str(self.path)), TOKEN)

    def test_its_group_may_read_it(self) -> None:
        self.write(TOKEN.encode(), 0o640)
        self.assertEqual(token_in(str(self.path)), TOKEN)

    def test_others_must_not_read_or_change_it(self) -> None:
        for mode in 0o644, 0o604, 0o602, 0o660:
            self.write(TOKEN.encode(), mode)
            self.assertEqual(
                self.refused(),
                f"open FILE: mode {mode:04o} lets other users read or change the token",
            )

    def test_whoever_owns_the_file_its_mode_counts(self) -> None:
        self.write(TOKEN.encode(), 0o644)
        with mock.patch("os.geteuid", return_value=os.geteuid() + 1):
            self.assertIn("mode 0644 lets other users read", self.refused())

    def test_behind_a_link_the_mode_of_the_file_counts(self) -> None:
        self.write(TOKEN.encode(), 0o644)
        there, self.path = self.path, self.path.with_name("link")
        self.path.symlink_to(there)
        self.assertIn("mode 0644 lets other users read", self.refused())
        there.chmod(0o600)
        self.assertEqual(token_in(str(self.path)), TOKEN)
        there.unlink()
        self.assertEqual(
            self.refused(), "open FILE: a link to a file that does not exist"
        )
        self.assertFalse(there.exists())

    def test_what_is_no_file_is_refused_at_once(self) -> None:
        os.mkfifo(self.path, 0o600)
        self.assertEqual(self.refused(), "open FILE: not a file")
        self.path = self.path.with_name("folder")
        self.path.mkdir(0o700)
        self.assertEqual(self.refused(), "open FILE: not a file")
        self.path = self.path.with_name("socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self.path))
            self.assertEqual(self.refused(), "open FILE: not a file")
        for device in ("/dev/null", "/dev/zero", "/dev/tty"):
            self.path = Path(device)
            self.assertEqual(self.refused(), "open FILE: not a file")

    def test_what_is_no_token(self) -> None:
        for data in (
            b"",
            b"\n",
            b"short",
            f"{TOKEN}\n{TOKEN}\n".encode(),
            f"{TOKEN} {TOKEN}".encode(),
            b"base64+has/signs/of/URLs==",
            "sechzehn Zeichen \u00fc".encode(),
            b"\0" * 5000,
            b"a" * 513,
            TOKEN.encode() + b" " * 600,
            TOKEN.encode() + b"\n" * 5000,
        ):
            self.write(data)
            self.assertEqual(
                self.refused(),
                "read FILE: not a token: one line of 16 to 512 letters, digits or -._~",
            )

    def test_a_file_that_cannot_be_read_or_made(self) -> None:
        self.path = self.path / "token"
        self.assertEqual(self.refused(), "open FILE: No such file or directory")

    def test_a_full_disk_leaves_no_half_token(self) -> None:
        full = OSError(28, "No space left on device")
        with mock.patch("os.write", side_effect=full):
            self.assertEqual(self.refused(), "write FILE: No space left on device")
        self.assertFalse(self.path.exists())
