"""docs/works-with.md: each program does what the page says."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.bench import proved
from tests.recipes import recipes_of
from tests.support import ROOT

PAGE = (ROOT / "docs" / "works-with.md").read_text()


@proved(recipes_of(PAGE))
class ProgramTests(SynchronousTestCase):
    """Each section is a test."""


class PageTests(SynchronousTestCase):
    def test_the_tests_that_are_named_are_there(self) -> None:
        sections, _, table = PAGE.partition("\n## Proved by other tests\n")
        self.assertEqual(len(recipes_of(PAGE)), sections.count("\n## "))
        named = re.findall(r"`((?:tests|docs)/\S+)`", table)
        self.assertGreater(len(named), 10)
        for name in named:
            self.assertTrue((ROOT / name).is_file(), name)
