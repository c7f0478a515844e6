"""docs/recipes.md: every recipe shows what the page says."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.bench import proved
from tests.recipes import recipes_of
from tests.support import ROOT

RECIPES = recipes_of((ROOT / "docs" / "recipes.md").read_text())


@proved(RECIPES)
class RecipeTests(SynchronousTestCase):
    """Each recipe is a test."""
