"""The files of the page: what they load, and what comes from other people."""

from __future__ import annotations

import hashlib
import re

from twisted.trial.unittest import SynchronousTestCase

from echolab.web.files import page_files
from tests.support import ROOT

STATIC = ROOT / "echolab" / "web" / "static"
VENDOR = STATIC / "vendor"
SHA256 = {
    "htm-preact.module.js": "72284e8e9079c87817145df1110f74e8"
    "a2aa040b2fc384922e18dfcb46fc1fd7",
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f71615"
    "66dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


class PageFilesTests(SynchronousTestCase):
    def test_what_the_page_names_is_served(self) -> None:
        served = page_files()
        page = (STATIC / "index.html").read_text()
        named = re.findall(r'(?:src|href)="/static/([^"]+)"', page)
        self.assertIn("app.js", named)
        for path in STATIC.glob("*.js"):
            named += re.findall(r'from "\./([^"]+)"', path.read_text())
        self.assertEqual({*named} - {*served}, set())

    def test_all_of_it_fits_a_strict_policy(self) -> None:
        page = (STATIC / "index.html").read_text()
        self.assertEqual(re.findall(r"<script(?![^>]* src=)|<style|\sstyle=", page), [])
        for path in STATIC.glob("*.js"):
            text = path.read_text()
            unsafe = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\("
            self.assertEqual(re.findall(rf"{unsafe}|\sstyle=", text), [], path.name)
        for path in STATIC.glob("*.*"):
            outside = re.findall(
                r"https?://(?!www\.w3\.org/2000/svg)", path.read_text()
            )
            self.assertEqual(outside, [], path.name)

    def test_libraries_are_unchanged_and_have_their_licences(self) -> None:
        readme = (VENDOR / "README.md").read_text()
        for name, digest in SHA256.items():
            found = hashlib.sha256((VENDOR / name).read_bytes()).hexdigest()
            self.assertEqual(found, digest, name)
            self.assertIn(f"`{name}`", readme)
        here = {path.name for path in VENDOR.iterdir()}
        licences = {*re.findall(r"\[(LICENSE\.\w+)\]", readme)}
        self.assertEqual(here - {"README.md"}, {*SHA256} | licences)
