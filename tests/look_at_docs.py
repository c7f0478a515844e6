"""Opens every page of the built documentation in a real browser, from its files.

``python -m tests.look_at_docs build/docs`` fails if a page is wider than a phone or a
desk, if its console complains, if it loads what is not its own, or if the search of
the site, or that of the API reference, finds nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import SkipTest

from tests.chromium import Browser, browser

WIDTHS = {"a phone": 390, "a desk": 1440}
HEIGHT = 900

FOREIGN = """
return performance.getEntriesByType("resource").map(each => each.name)
    .filter(name => !/^(file|data|blob):/.test(name))
"""
WIDER = """
const page = document.scrollingElement
return page.scrollWidth > page.clientWidth
"""


def pages_of(site: Path) -> list[Path]:
    """Return the pages to look at: all, and some of the API reference, made alike."""
    api = site / "api"
    alike = [api / f"{name}.html" for name in ("index", "echolab", "echolab.events")]
    ours = [each for each in sorted(site.rglob("*.html")) if api not in each.parents]
    return ours + [each for each in alike if each.exists()]


def complaints(chromium: Browser, site: Path) -> list[str]:
    """Open each page in each width; return what is wrong with each."""
    wrong = []
    chromium.open("about:blank")
    for page in pages_of(site):
        chromium.driver.get(page.as_uri())
        name = str(page.relative_to(site))
        for kind, width in WIDTHS.items():
            chromium.resize(width, HEIGHT)
            if chromium.run(WIDER):
                wrong.append(f"{name}: wider than {kind}")
        wrong += [f"{name}: loads {each}" for each in chromium.run(FOREIGN)]
        wrong += [f"{name}: {each}" for each in chromium.complaints()]
    return wrong


def search(chromium: Browser, site: Path) -> None:
    """Search the site for a word, and the API reference for a name."""
    chromium.driver.get(f"{(site / 'search.html').as_uri()}?q=logrotate")
    chromium.find("#search-results li a[href*='docs/']")
    assert chromium.complaints() == []
    chromium.driver.get((site / "api" / "index.html").as_uri())
    chromium.find("#search-box").send_keys("LabServer")
    chromium.find("#search-results a[href*='LabServer']")


def main() -> int:
    """Look at a folder's pages; return the exit status."""
    site = Path(sys.argv[1]).resolve()
    try:
        chromium = browser()
    except SkipTest as why:
        print(f"the pages were not looked at: {why}")
        return 0
    wrong = complaints(chromium, site)
    print("\n".join(wrong) or f"{len(pages_of(site))} pages are right")
    search(chromium, site)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
