"""What is wrong with a page of the documentation is seen in a browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.chromium import browser
from tests.look_at_docs import complaints

WIDE = '<div style="width: 500px">a table</div>'
PAGES = {
    "good": f'<div style="overflow: auto">{WIDE}</div>',
    "wide": WIDE,
    "loading": '<img src="http://127.0.0.1:9/badge.svg">',
    "loud": "<script>console.error('it fails')</script>",
}


class LookTests(SynchronousTestCase):
    timeout = 120

    def test_what_is_wrong_with_each_page(self) -> None:
        site = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, body in PAGES.items():
            (site / f"{name}.html").write_text(f"<!doctype html>{body}")
        chromium = browser()
        self.addCleanup(chromium.leave)
        wrong = "\n".join(complaints(chromium, site))
        self.assertNotIn("good.html", wrong)
        self.assertIn("wide.html: wider than a phone", wrong)
        self.assertNotIn("wider than a desk", wrong)
        self.assertIn("loading.html: loads http://127.0.0.1:9/badge.svg", wrong)
        self.assertRegex(wrong, "loud.html: .*it fails")
