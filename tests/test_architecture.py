"""The imports follow the order of the rooms in docs/architecture.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = ROOT / "echolab"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
ROOMS = re.findall(
    r"^\| `?(\w+)`? \| ", PAGE.split("## Where to look")[0], re.MULTILINE
)
ROOMS.remove("room")

OUTSIDE = {"pytest_plugin": "testing", "__main__": "command", "__init__": "testing"}
"""Top modules that belong to a room; the package itself imports the whole library."""


def modules() -> dict[str, Path]:
    """All modules by their names: ``server.protocol``."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the modules of echolab that a module imports, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "echolab"
        ):
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("echolab"):
                    yield node.lineno, alias.name


def room_of(name: str) -> str:
    """Return the room of a module, or of a name in it: ``server``, or the top."""
    first, _, _ = name.partition(".")
    return first if (PACKAGE / first).is_dir() else OUTSIDE.get(first, "top")


class RoomTests(SynchronousTestCase):
    def test_the_page_names_every_room(self) -> None:
        there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
        self.assertEqual({*ROOMS}, {*there, "top"})

    def test_nobody_imports_from_a_room_further_up(self) -> None:
        faults = []
        for module, path in modules().items():
            for line, what in imports(path):
                room, there = room_of(module), room_of(what.removeprefix("echolab."))
                if ROOMS.index(there) < ROOMS.index(room):
                    faults.append(f"echolab/{module}, line {line}: imports {what}")
        self.assertEqual(faults, [])

    def test_the_page_says_what_each_room_imports(self) -> None:
        known: dict[str, set[str]] = {room: set() for room in ROOMS}
        for module, path in modules().items():
            if module != "__init__":
                for _, what in imports(path):
                    there = room_of(what.removeprefix("echolab."))
                    known[room_of(module)] |= {there} - {room_of(module), "top"}
        for room, cells in re.findall(
            r"^\| `?(\w+)`? \| .* \| (.*) \|$", PAGE, re.MULTILINE
        ):
            if room != "room":
                self.assertEqual({*re.findall(r"`(\w+)`", cells)}, known[room], room)

    def test_client_and_server_do_not_know_each_other(self) -> None:
        for one, other in (("client", "server"), ("server", "client")):
            for path in (PACKAGE / one).rglob("*.py"):
                for line, what in imports(path):
                    fault = f"{path}, line {line}: imports {what}"
                    self.assertFalse(what.startswith(f"echolab.{other}."), fault)

    def test_no_circle(self) -> None:
        there = modules()
        known: dict[str, set[str]] = {}
        for module, path in there.items():
            known[module] = set()
            for _, what in imports(path):
                name = what.removeprefix("echolab.")
                for candidate in (name, name.rpartition(".")[0]):
                    known[module] |= {candidate} & there.keys()
        while leaves := {module for module, others in known.items() if not others}:
            known = {
                module: others - leaves
                for module, others in known.items()
                if module not in leaves
            }
        self.assertEqual(known, {}, "these import each other, or those who do")

    def test_where_to_look_is_there(self) -> None:
        for path in re.findall(r"`(echolab/[\w/]+\.py)`", PAGE):
            self.assertTrue((ROOT / path).exists(), path)


class ImportTests(SynchronousTestCase):
    def test_framings_and_formats_need_no_twisted(self) -> None:
        for names in ("framing import LineFramer", "formats import Json"):
            code = (
                f"import sys; from echolab.{names};"
                "sys.exit(any(name.startswith('twisted') for name in sys.modules))"
            )
            ended = subprocess.run([sys.executable, "-c", code], check=False)
            self.assertEqual(ended.returncode, 0, names)
