"""The places where twistd writes, checked before twistd writes."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

from twisted.scripts._twistd_unix import ServerOptions as TwistdOptions
from twisted.trial.unittest import SynchronousTestCase

from echolab.command.twistd_places import check_places, open_log
from echolab.errors import EcholabError, OutputError
from tests.support import SERVER, TWISTD, FakeReactor, Program, run

MEGABYTE = 1_000_000


class PlacesTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.here = os.getcwd()
        self.addCleanup(os.chdir, self.here)

    def check(self, **options: str) -> str:
        twistd = TwistdOptions()
        twistd.update({"pidfile": "", **options})
        try:
            check_places(twistd)
        except EcholabError as error:
            return str(error)
        return ""

    def test_places_that_can_be_used(self) -> None:
        pidfile = str(self.folder / "pid")
        self.assertEqual(self.check(pidfile=pidfile, rundir=str(self.folder)), "")
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(os.getcwd(), self.here)

    def test_pidfile_that_is_there_is_left_to_twistd(self) -> None:
        pidfile = self.folder / "pid"
        pidfile.write_text("1")
        self.assertEqual(self.check(pidfile=str(pidfile)), "")
        self.assertEqual(pidfile.read_text(), "1")

    def test_pidfile_that_cannot_be_read(self) -> None:
        self.assertIn(
            f"open {self.folder}: Is a directory; twistd keeps its process number",
            self.check(pidfile=str(self.folder)),
        )

    def test_another_root(self) -> None:
        self.assertEqual(self.check(chroot="/no", pidfile="/no/pid", rundir="/no"), "")

    def test_folder_of_the_pidfile_is_named(self) -> None:
        self.assertEqual(
            self.check(pidfile="/no/such/pid"),
            "open /no/such/pid: No such file or directory; twistd keeps its process "
            "number in /no/such: give another file with --pidfile=FILE, or none with "
            "--pidfile=",
        )

    def test_working_folder_that_is_deleted(self) -> None:
        gone = self.folder / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        said = self.check(pidfile="twistd.pid")
        self.assertIn("open twistd.pid: No such file or directory", said)
        self.assertIn("in the working folder", said)
        with self.assertRaisesRegex(OutputError, "^open twistd.log: No such file"):
            open_log(FakeReactor(), "twistd.log")

    def test_folder_to_run_in(self) -> None:
        self.assertEqual(
            self.check(rundir="/no/such"), "chdir /no/such: No such file or directory"
        )

    def test_at_most_ten_rotated_files(self) -> None:
        before = signal.getsignal(signal.SIGUSR1)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        log = open_log(FakeReactor(), str(self.folder / "log"))
        self.addCleanup(log.close)
        for _ in range(15):
            log.write("x" * MEGABYTE)
        self.assertEqual(len(os.listdir(self.folder)), 11)


class TwistdPlacesTests(SynchronousTestCase):
    """Under twistd each error is one line, with exit status 1."""

    def check(self, line: str, *options: str) -> None:
        ended = run(*options, program=TWISTD)
        self.assertEqual(ended.err.decode(), line)
        self.assertEqual((ended.out, ended.process.returncode), (b"", 1))
        self.assertEqual(ended.left_behind, [])

    def test_pidfile(self) -> None:
        for first in (["-n"], []):
            for words in (["echolab"], ["echolab-client", "--port", "1"]):
                ended = run(*first, "--pidfile=/no/pid", *words, program=TWISTD)
                self.assertEqual(ended.process.returncode, 1)
                [line] = ended.err.decode().splitlines()
                self.assertIn("in /no: give another file with --pidfile=FILE", line)

    def test_folder_and_log(self) -> None:
        for first in (["-n"], []):
            self.check(
                "chdir /no: No such file or directory\n",
                *(*first, "--rundir", "/no", "echolab"),
            )
            self.check(
                "open /no/log: No such file or directory\n",
                *(*first, "--logfile", "/no/log", "echolab", *SERVER[1:]),
            )

    def test_working_folder_that_is_deleted(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            gone = Path(folder, "gone")
            gone.mkdir()
            script = 'cd "$0" && rmdir "$0" && exec "$@"'
            python, *twistd = TWISTD
            # Without -P, Twisted itself would look for plugins in the removed folder.
            program = ("sh", "-c", script, str(gone), python, "-P", *twistd)
            with Program("-n", "echolab", program=program) as server:
                self.assertEqual(server.end(), 1)
            [line] = server.err.decode().splitlines()
            self.assertIn("open twistd.pid: No such file or directory", line)
