"""The pictures of the README are those of a run today."""

from __future__ import annotations

import tempfile
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from tests.make_pictures import PICTURES, make

SVG = "{http://www.w3.org/2000/svg}"


class PictureTests(SynchronousTestCase):
    def test_they_are_current(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        make(folder)
        drawn = {each.name: each.read_text() for each in folder.iterdir()}
        kept = {each.name: each.read_text() for each in PICTURES.iterdir()}
        self.assertEqual(drawn, kept, "run `python3 -m tests.make_pictures`")

    def test_they_are_texts_with_a_name(self) -> None:
        for each in PICTURES.iterdir():
            picture = ElementTree.parse(each).getroot()
            self.assertTrue(picture.findtext(f"{SVG}title"))
            self.assertTrue(picture.findtext(f"{SVG}desc"))
            rows = ["".join(row.itertext()) for row in picture.iter(f"{SVG}text")]
            self.assertIn("recv data: this is test client", rows)
