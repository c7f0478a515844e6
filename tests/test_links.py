"""The links between the pages lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKDOWN = MarkdownIt("commonmark").enable("table")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def links_of(page: Path) -> Iterator[str]:
    """Yield the links of a page, but for those to other sites."""
    for token in MARKDOWN.parse(page.read_text()):
        for child in token.children or ():
            to = str(child.attrs.get("href", child.attrs.get("src", "")))
            if to and ":" not in to:
                yield to


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that forges give the headings of a page."""
    tokens = MARKDOWN.parse(page.read_text())
    headings = (
        tokens[i + 1].content for i, e in enumerate(tokens) if e.type == "heading_open"
    )
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


class LinkTests(SynchronousTestCase):
    def test_each_leads_to_a_file_and_a_heading(self) -> None:
        for page in PAGES:
            for link in links_of(page):
                path, _, anchor = link.partition("#")
                there = page.parent / path if path else page
                self.assertTrue(there.exists(), f"{page}: {link}")
                if anchor:
                    self.assertIn(anchor, anchors_of(there), f"{page}: {link}")

    def test_each_page_is_linked_from_the_readme(self) -> None:
        linked = {link.partition("#")[0] for link in links_of(ROOT / "README.md")}
        for page in (ROOT / "docs").glob("*.md"):
            if page.name not in ("index.md", "api.md"):  # Pages of the site.
                self.assertIn(f"docs/{page.name}", linked)
