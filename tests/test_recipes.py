"""docs/recipes.md: every recipe shows what the page says."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.bench import proved
from tests.recipes import recipes_of
from tests.support import ROOT

PAGE = (ROOT / "docs" / "recipes.md").read_text()
RECIPES = recipes_of(PAGE)


@proved(RECIPES)
class RecipeTests(SynchronousTestCase):
    """Each recipe is a test."""


class PageTests(SynchronousTestCase):
    def test_every_section_is_a_recipe(self) -> None:
        self.assertEqual(len(RECIPES), PAGE.count("\n## "))
        self.assertGreater(len(RECIPES), 25)
