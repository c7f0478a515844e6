"""The history of typed lines, on a real disk."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from echolab.terminal.history import MAX_BYTES, MAX_LINES, HistoryFile, history_path

WRITER = """
import sys
from pathlib import Path
from echolab.terminal.history import HistoryFile
file = HistoryFile(Path(sys.argv[1]))
for number in range(500):
    file.add(f"{sys.argv[2]} {number} " + "x" * 50)
file.flush()
"""


class HistoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.folder / "state" / "echolab" / "history"
        self.file = HistoryFile(self.path)

    def test_keeps_lines_for_its_owner_only(self) -> None:
        self.assertEqual(self.file.lines(), [])
        for line in ("wörd", " \t", "not UTF-8: \udcff"):
            self.file.add(line)
        self.assertEqual(
            HistoryFile(self.path).lines(), ["wörd", " \t", "not UTF-8: \udcff"]
        )
        for path, mode in ((self.path, 0o600), (self.path.parent, 0o700)):
            self.assertEqual(path.stat().st_mode & 0o777, mode)

    def test_a_file_that_others_could_read(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.write_text("old\n")
        self.path.chmod(0o644)
        self.file.add("new")
        self.assertEqual(self.file.lines(), ["old", "new"])
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_the_oldest_lines_go(self) -> None:
        for number in range(3000):
            self.file.add(f"{number:050}")
        self.assertLessEqual(self.path.stat().st_size, MAX_BYTES)
        lines = [int(line) for line in self.file.lines()]
        self.assertEqual(lines, list(range(lines[0], 3000)))
        self.assertGreater(len(lines), 500)
        self.file.add("x" * MAX_BYTES)
        self.assertEqual(int(self.file.lines()[-1]), 2999)

    def test_no_more_lines_than_a_person_looks_through(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.write_text("1\n" * 100_000 + "2\n" * MAX_LINES)
        self.assertEqual(self.file.lines(), ["2"] * MAX_LINES)

    def test_several_at_once(self) -> None:
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, self.path, f"writer{n}"])
            for n in range(3)
        ]
        for writer in writers:
            self.assertEqual(writer.wait(), 0)
        self.assertLessEqual(self.path.stat().st_size, MAX_BYTES)
        lines = self.file.lines()
        for n in range(3):
            numbers = [int(x.split()[1]) for x in lines if x.startswith(f"writer{n} ")]
            self.assertEqual(numbers, sorted(numbers))
        self.assertTrue(all(line.endswith(" " + "x" * 50) for line in lines))
        self.assertGreater(len(lines), 400)

    def test_nobody_waits_for_the_file(self) -> None:
        self.file.add("old")
        with self.path.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            self.file.add("typed")
            self.file.add("meanwhile")
            self.file.flush()
            self.assertEqual(self.file.lines(), ["old"])
            for _ in range(5):
                self.file.add("x" * (MAX_BYTES // 4))
            for number in range(9):
                self.file.add(str(number))
        self.file.flush()
        self.file.flush()
        self.assertEqual(self.file.lines()[-9:], [str(each) for each in range(9)])
        self.assertEqual(self.file.lines()[0], "old")
        self.assertLessEqual(self.path.stat().st_size, MAX_BYTES)

    def test_where_nothing_can_be_kept(self) -> None:
        for path in (
            Path("/dev/null"),
            Path("/dev/null/history"),
            self.folder,
            Path("/proc/history"),
        ):
            file = HistoryFile(path)
            file.add("line")
            self.assertEqual(file.lines(), [])
        os.mkfifo(self.folder / "fifo")
        HistoryFile(self.folder / "fifo").add("line")


class PathTests(SynchronousTestCase):
    def test_as_xdg_says(self) -> None:
        for environ, path in (
            ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, Path("/s/echolab/history")),
            ({"HOME": "/h"}, Path("/h/.local/state/echolab/history")),
            (
                {"XDG_STATE_HOME": "relative", "HOME": "/h"},
                Path("/h/.local/state/echolab/history"),
            ),
            ({}, None),
        ):
            self.assertEqual(history_path(environ), path)
