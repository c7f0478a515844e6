"""What other people's code offers, found by name and checked."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import LineFramer, framing_named
from echolab.command.server_options import ServerOptions
from echolab.framing import framed
from echolab.option import words_of
from echolab.testing import LabProcess, connected

if TYPE_CHECKING:
    from echolab.server.settings import ServerSettings


def parsed(*words: str) -> ServerSettings:
    """The settings that a command line makes, which makes the same again."""
    options = ServerOptions()
    options.parseOptions(words)
    again = ServerOptions()
    again.parseOptions(words_of(options.settings))
    assert again.settings == options.settings
    return options.settings


class Installed:
    """A folder of modules on ``sys.path``, as long as a test runs."""

    def __init__(self, case: SynchronousTestCase, **modules: str) -> None:
        self.folder = Path(case.enterContext(tempfile.TemporaryDirectory()))
        case.patch(sys, "path", [*sys.path, str(self.folder)])
        case.addCleanup(self.forget, *modules)
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(text)

    def distribution(self, name: str, entry_points: str) -> None:
        folder = self.folder / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(entry_points)
        sys.path[:] = [*sys.path, str(self.folder / name)]  # What is known is stale.

    def forget(self, *names: str) -> None:
        for name in names:
            sys.modules.pop(name, None)


class Shouting:
    """Lines in capitals; the framing of these tests."""

    def make_framer(self, max_message_bytes: int, overlong: Any) -> LineFramer:
        return LineFramer(max_message_bytes, overlong)

    def framed(self, message: bytes) -> bytes:
        return message.upper() + b"!\n"


LAB = """
from tests.test_doors import *

class Lacking:
    def make_framer(self, most): pass

class Void(Shouting):
    def make_framer(self, max_message_bytes, overlong): pass

class Failing(Shouting):
    def __init__(self): self.nothing
"""


class DoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.installed = Installed(
            self, door_lab=LAB, door_broken="1 +", door_exits="raise SystemExit(3)"
        )
        self.place = self.installed.folder / "door_lab.py"

    def why_not(self, *words: str) -> str:
        with self.assertRaises(UsageError) as caught:
            ServerOptions().parseOptions(words)
        return str(caught.exception)

    def test_by_module_and_name(self) -> None:
        settings = parsed("--framing", "python:door_lab:Shouting")
        self.assertEqual(settings.framing, "python:door_lab:Shouting")
        self.assertIsInstance(framing_named(settings.framing)(), LineFramer)
        self.assertEqual(framed(b"hello", settings.framing), b"HELLO!\n")

    def test_by_the_name_of_an_entry_point(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.framings]\nShouting = door_lab:Shouting\n"
        )
        settings = parsed("--framing", "Shouting")
        self.assertEqual(framed(b"hello", settings.framing), b"HELLO!\n")
        self.assertIn("did you mean Shouting?", self.why_not("--framing", "Shoutin"))

    def test_built_in_names_win(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.framings]\nline = door_lab:Shouting\n"
        )
        self.assertEqual(
            framed(b"hello", parsed("--framing", "LINE").framing), b"hello\n"
        )

    def test_two_distributions_with_one_name(self) -> None:
        points = "[echolab.framings]\nshouting = door_lab:{}\n"
        self.installed.distribution("door-one", points.format("Shouting"))
        self.installed.distribution("door-two", points.format("Void"))
        self.assertEqual(
            self.why_not("--framing", "shouting"),
            "--framing shouting: door-one 1.0 and door-two 1.0 both have this name; "
            "write python:module:name",
        )

    def test_what_cannot_be_found(self) -> None:
        for name, why in (
            ("door_lab:Nothing", f"door_lab ({self.place}) has no Nothing"),
            ("door_none:It", "cannot import door_none: No module named 'door_none'"),
            ("door_exits:It", "cannot import door_exits: SystemExit: 3"),
        ):
            said = self.why_not("--framing", f"python:{name}")
            self.assertEqual(said, f"--framing python:{name}: {why}")
        said = self.why_not("--framing", "python:door_broken:It")
        self.assertIn("cannot import door_broken: SyntaxError: invalid syntax", said)

    def test_who_names_what_cannot_be_found(self) -> None:
        self.installed.distribution(
            "door-lab", "[echolab.framings]\nshouting = door_none:Shouting\n"
        )
        self.assertEqual(
            self.why_not("--framing", "shouting"),
            "--framing shouting: cannot import door_none, named by door-lab 1.0: "
            "No module named 'door_none'",
        )

    def test_what_is_no_framing(self) -> None:
        for name, why in (
            (
                "Lacking",
                (
                    "is no IFraming: make_framer(max_message_bytes, overlong): "
                    "implementation doesn't allow enough arguments; "
                    "it has no framed(message)"
                ),
            ),
            (
                "Void",
                (
                    "is no IFramer: it has no buffered_bytes; it has no feed(chunk); "
                    "it has no take(); it has no end()"
                ),
            ),
            (
                "Failing",
                (
                    "cannot be used: AttributeError: 'Failing' object has no attribute "
                    "'nothing'"
                ),
            ),
        ):
            said = self.why_not("--framing", f"python:door_lab:{name}")
            there = f"door_lab.{name} ({self.place})"
            self.assertEqual(said, f"--framing python:door_lab:{name}: {there} {why}")


class KitTests(SynchronousTestCase):
    def test_a_framing_itself(self) -> None:
        for framing in Shouting, Shouting():
            talk = connected(framing=framing, reply="ok")
            talk.client.write(b"hello\n")
            talk.flush()
            talk.transcript.assert_lines(["hello"])
            self.assertEqual(talk.transcript.sent(), b"OK!\n")

    def test_what_is_none(self) -> None:
        with self.assertRaisesRegex(TypeError, "framing: .*int is no IFraming: it has"):
            connected(framing=int)  # type: ignore[arg-type]

    def test_elsewhere_only_by_name(self) -> None:
        with self.assertRaisesRegex(TypeError, "Shouting.* python:module:name can"):
            LabProcess(framing=Shouting)


class CostTests(SynchronousTestCase):
    def test_nothing_is_looked_for_while_none_is_named(self) -> None:
        said = subprocess.check_output(
            [
                sys.executable,
                "-c",
                (
                    "import sys\n"
                    "from echolab.command.server_options import ServerOptions\n"
                    "from echolab.command.server_assembly import server_service\n"
                    "options = ServerOptions()\n"
                    "options.parseOptions(sys.argv[1:])\n"
                    "print(*sys.modules)\n"
                ),
                *("--framing", "delimiter:;", "--format", "json", "-o", "hex:/tmp/x"),
                *("-o", "./y", "--reply", "echo", "--behave", "reset:after-bytes=3"),
            ],
            text=True,
        ).split()
        self.assertIn("echolab.doors", said)
        for name in ("importlib.metadata", "echolab.extending"):
            self.assertNotIn(name, said)
