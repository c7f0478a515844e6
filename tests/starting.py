"""Servers that cannot start, in all ways to start one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support import TWISTD, Program, run


class StartCase(SynchronousTestCase):
    def check(self, line: str, *options: str) -> None:
        """Check a failed start under twistd too."""
        self.check_server(line, *options)
        for first in (["-n"], []):
            self._check(run(*first, "echolab", *options, program=TWISTD), line)

    def check_server(self, line: str, *options: str) -> None:
        """Check a failed start of ``echolab server``."""
        self._check(run("server", *options), line)

    def _check(self, ended: Program, line: str) -> None:
        self.assertEqual(ended.err.decode(), line + "\n")
        self.assertEqual(ended.out, b"")
        self.assertEqual(ended.process.returncode, 1)
        self.assertEqual(ended.left_behind, [])
