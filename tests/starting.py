"""Servers that cannot start, in all ways to start one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ECHOLAB, TWISTD, run


class StartCase(SynchronousTestCase):
    def check(self, line: str, *options: str) -> None:
        for program, before in (
            (ECHOLAB, ["server"]),
            (TWISTD, ["-n", "echolab"]),
            (TWISTD, ["echolab"]),
        ):
            ended = run(*before, *options, program=program)
            self.assertEqual(ended.err.decode(), line + "\n", before)
            self.assertEqual(ended.out, b"")
            self.assertEqual(ended.process.returncode, 1)
            self.assertEqual(ended.left_behind, [])
