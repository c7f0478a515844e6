"""The whole package: its names, and the cost of its import."""

from __future__ import annotations

import re
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

import echolab
import echolab.escaping
import echolab.sockets
import echolab.tls
from tests.support import ROOT

PUBLIC = (echolab, echolab.escaping, echolab.sockets, echolab.tls)
"""The package, and its parts that can be used alone."""


class LibraryTests(SynchronousTestCase):
    def test_every_public_name_is_there(self) -> None:
        for module in PUBLIC:
            for name in module.__all__:
                self.assertTrue(hasattr(module, name), name)

    def test_every_public_name_is_used_as_a_strict_user_does(self) -> None:
        used = (ROOT / "tests" / "strict_user.py").read_text()
        missing = [
            name
            for module in PUBLIC
            for name in module.__all__
            if not re.search(rf"\b{name}\b", used)
        ]
        self.assertEqual(missing, [])

    def test_the_docstring_is_an_index(self) -> None:
        for module in PUBLIC:
            named = re.findall(r"(?<!`)`(\w+)`(?!`)", module.__doc__ or "")
            self.assertEqual(sorted({*named}), sorted(module.__all__), module)
            self.assertEqual(len(named), len({*named}), module)

    def test_any_other_name_is_not(self) -> None:
        name = "toaster"
        with self.assertRaisesRegex(AttributeError, "'echolab' has no.*'toaster'"):
            getattr(echolab, name)

    def test_the_package_alone_imports_nothing_of_twisted(self) -> None:
        said = python("import echolab, sys; dir(echolab); print(*sys.modules)")
        self.assertIn("echolab", said)
        self.assertNotIn("twisted", said)

    def test_a_name_imports_what_it_needs_and_no_more(self) -> None:
        for names, absent in (
            ("import echolab.tls; dir(echolab.tls)", "OpenSSL"),
            ("import echolab.sockets; dir(echolab.sockets)", "twisted"),
            ("from echolab import LineFramer", "twisted"),
            ("from echolab.escaping import escape", "twisted"),
            ("from echolab.sockets import ProxyHeader", "twisted.internet.tcp"),
        ):
            self.assertNotIn(
                absent, python(f"import sys; {names}; print(*sys.modules)")
            )

    def test_where_each_name_is_found(self) -> None:
        for module in (echolab, echolab.sockets, echolab.tls):
            said = python(f"import {module.__name__} as it; print(*dir(it))")
            self.assertEqual({*module.__all__} - {*said}, set())

    def test_names_and_help_before_the_first_use(self) -> None:
        names = python("import echolab; print(*dir(echolab))")
        self.assertEqual({*echolab.__all__} - {*names}, set())
        self.assertIn("__version__", names)
        shown = python(
            "import echolab, pydoc; print(pydoc.plaintext.document(echolab))"
        )
        self.assertIn("ReceiverFactory(", " ".join(shown))


def python(program: str) -> list[str]:
    """Run a program; return the words that it prints."""
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    return said.split()
