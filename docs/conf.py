"""How Sphinx makes a site of the documentation, in build/docs.

The pages are plain Markdown, which reads well in a repository too. The source is the
whole repository, so that a link from one page to another is the same in both places.
"""

from __future__ import annotations

import posixpath
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.addnodes import download_reference, pending_xref
from sphinx.transforms import SphinxTransform

from tests.lessons import FIGURE

if TYPE_CHECKING:
    import re

    from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent

project = "echolab"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    *("README*.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("docs/**.md", "benchmarks/README.md", "echolab/web/static/vendor/README.md"),
]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nitpicky = True

html_theme = "furo"
html_title = "echolab"
html_static_path = ["_static"]
html_css_files = ["echolab.css"]
html_copy_source = False
html_use_index = False
# A summary needs the found page, and browsers do not read one file from another.
html_show_search_summary = False
html_show_sphinx = False
html_show_copyright = False
templates_path = ["_templates"]
# The front page is docs/index.html; this one leads there.
html_additional_pages = {"index": "to_front_page.html"}

FIGURES = ROOT / "build" / "lessons" / "figures"
"""Where ``python -m tests.make_lessons build/lessons`` draws them."""

SHORT = 36
"""Code of up to this many characters fits on a line on a phone."""


class Elsewhere(SphinxTransform):
    """Redirect links to files that are not pages.

    A link to a module leads to the API reference; a link to a folder becomes text.
    Sphinx copies all other files that are linked.
    """

    default_priority = 5

    def apply(self, **kwargs: object) -> None:
        """Change the links of one page."""
        here = posixpath.dirname(self.env.docname)
        for link in list(self.document.findall(download_reference)):
            path = posixpath.normpath(posixpath.join(here, link["reftarget"]))
            if path.startswith("echolab/") and path.endswith(".py"):
                module = path.removesuffix(".py").removesuffix("/__init__")
                page = f"api/{module.replace('/', '.')}.html"
                found = nodes.reference("", "", refuri=posixpath.relpath(page, here))
                found += link.children
                link.replace_self(found)
        for link in list(self.document.findall(pending_xref)):
            if Path(self.env.srcdir, here, link["reftarget"]).is_dir():
                link.replace_self(link.children)


class Whole(SphinxTransform):
    """Mark short code in a sentence, which echolab.css then does not break."""

    default_priority = 900

    def apply(self, **kwargs: object) -> None:
        """Mark the code of one page."""
        for code in self.document.findall(nodes.literal):
            if len(code.astext()) <= SHORT:
                code["classes"].append("whole")


def show_figures(app: Sphinx, name: str, source: list[str]) -> None:
    """Show a lesson with those of its figures that have been drawn."""

    def shown(found: re.Match[str]) -> str:
        if not (FIGURES / f"{found[1]}.svg").exists():
            return found[0]
        return f"![{found[1]}](/build/lessons/figures/{found[1]}.svg)"

    if name.startswith("docs/lessons/"):
        source[0] = FIGURE.sub(shown, source[0])


def copy_pictures(app: Sphinx, failure: Exception | None) -> None:
    """Copy the pictures that pages show by HTML, of which Sphinx does not know."""
    if failure is None:
        pictures = Path("docs", "pictures")
        shutil.copytree(ROOT / pictures, app.outdir / pictures, dirs_exist_ok=True)


def setup(app: Sphinx) -> None:
    """Add what is here to Sphinx."""
    app.add_lexer("haproxy", TextLexer)
    app.add_transform(Elsewhere)
    app.add_transform(Whole)
    app.connect("source-read", show_figures)
    app.connect("build-finished", copy_pictures)
