"""What docs/extending.md shows is a distribution; here it is installed and used."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from echolab.testing import LabProcess
from tests.support import ECHOLAB, PYTEST, ROOT, TWISTD, Client, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = (ROOT / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
PROJECT = tomllib.loads(FILES["pyproject.toml"])["project"]
GROUPS = PROJECT["entry-points"]
[COMMAND] = re.findall(r"^    echolab server 8888 (--framing .*)$", PAGE, re.MULTILINE)


def install(folder: Path) -> None:
    """Write what an installer makes of the distribution."""
    for name, text in FILES.items():
        if name.endswith(".py"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
    name, version = PROJECT["name"], PROJECT["version"]
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    (metadata / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in of.items())
            for group, of in GROUPS.items()
        )
    )


class ExtendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.lab = self.folder / "lab"
        self.lab.mkdir()
        install(self.lab)

    def see_the_lab(self) -> None:
        """Let all processes that are started find the distribution."""
        self.enterContext(mock.patch.dict("os.environ", {"PYTHONPATH": str(self.lab)}))

    def talk_to(self, port: int) -> None:
        with Client(port) as client:
            client.sendall(b"he")
            client.sendall(b"lp")
            self.assertEqual(client.recv(100), b"HELP\n")
            client.sendall(b"QUIT")
            with self.assertRaises(ConnectionResetError):
                client.recv(100)
            self.name = f"127.0.0.1:{client.getsockname()[1]}"

    def use(self, program: Sequence[str], *words: str, cwd: Path | None = None) -> None:
        """Run a server with all five, and see that each does its work."""
        listening = ("--interface", "127.0.0.1", "--port", "0")
        where = str(cwd or self.folder)
        with Program(*words, *listening, program=program, cwd=where) as server:
            self.talk_to(server.port())
            server.wait_for(f"{self.name} 4\n".encode(), times=2)
            server.process.terminate()
            server.end()
        self.assertEqual(server.out, f"{self.name} 4\n".encode() * 2)
        self.assertEqual(Path(where, "ends.txt").read_text(), "stopped 8\n")

    def test_on_the_command_line(self) -> None:
        self.see_the_lab()
        self.use(ECHOLAB, "server", *COMMAND.split())

    def test_under_twistd(self) -> None:
        self.see_the_lab()
        self.use(TWISTD, "-n", "echolab", *COMMAND.split())

    def test_in_the_current_folder(self) -> None:
        """The program is a script elsewhere, as ``echolab`` in ``bin`` is."""
        script = self.folder / "echolab"
        script.write_text("from echolab.__main__ import main\nraise SystemExit(main())")
        words = COMMAND
        for of in GROUPS.values():
            for name, value in of.items():
                words, count = re.subn(
                    rf"\b{name}\b(?!\.txt)", f"python:{value}", words
                )
                self.assertEqual(count, 1)
        self.use((sys.executable, str(script)), "server", *words.split(), cwd=self.lab)

    def test_in_tests(self) -> None:
        self.see_the_lab()
        command = (sys.executable, "-m", *PYTEST, "-q")
        ended = subprocess.run(
            [*command, "-p", "no:twisted", str(self.lab / "test_acme.py")],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("2 passed", ended.stdout)

    def test_in_a_process_of_the_kit(self) -> None:
        self.see_the_lab()
        self.patch(sys, "path", [*sys.path, str(self.lab)])
        ends = self.folder / "ends"
        with LabProcess(
            *("--output", f"sizes:{self.folder / 'sizes'}"),
            *("--output", f"sink:ends:{ends}"),
            framing="records",
            reply="shout",
            behave="hang-up:at=QUIT",
        ) as server:
            self.talk_to(server.port)
            server.wait_for_end()
            server.assert_lines(["help", "QUIT"])
        self.assertEqual(ends.read_text(), "stopped 8\n")

    def test_one_line_if_it_cannot_be_imported(self) -> None:
        self.see_the_lab()
        (self.lab / "acme_lab" / "shout.py").write_text("import nothing_of_the_kind\n")
        for program, *words in ((ECHOLAB, "server"), (TWISTD, "-n", "echolab")):
            with Program(
                *words, "--reply", "shout", program=program, cwd=str(self.folder)
            ) as server:
                self.assertEqual(server.end(), 1)
            self.assertEqual(server.out, b"")
            self.assertEqual(
                server.err.decode().removeprefix("echolab: "),
                "--reply shout: cannot import acme_lab.shout, named by acme-lab 1.0: "
                "No module named 'nothing_of_the_kind'\n",
            )
