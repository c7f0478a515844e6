"""Figures as SVG, HTML and Mermaid."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from twisted.trial.unittest import SynchronousTestCase
from typing_extensions import override

from echolab import Misbehaved, Peer
from echolab.lab.figures import figure_of
from echolab.lab.joining import join
from echolab.lab.mermaid import draw_mermaid
from echolab.lab.page import draw_html
from echolab.lab.reading import sides_of
from echolab.lab.svg import draw_svg
from tests.sessions import TIME, Pair, hello

if TYPE_CHECKING:
    from echolab.lab.rows import Figure

EVIL = (
    b"<script>alert(1)</script>&amp;\"'\x1b]0;x\x07\0\xff\xfe%%{init}%%#59;;$$"
    + "\ufffe\u202e\u05d0".encode()
)
SVG = "{http://www.w3.org/2000/svg}"


def figure(pair: Pair | None = None, *, alone: bool = False) -> Figure:
    pair = pair or hello()
    sides = [sides_of(pair.at_server), sides_of(pair.at_client)]
    [account] = join(sides[:1] if alone else sides)
    return figure_of(account, "both")


def evil() -> Figure:
    """Return the figure of a peer that has chosen all it may, and has chosen badly."""
    name = '</text><script>alert("x")</script>\x1b'
    pair = Pair(Peer(1, "IPv4", "127.0.0.1", 60612, name=name))
    pair.connects()
    for at in range(0, len(EVIL), 12):
        pair.server_receives(0.1, EVIL[at : at + 12])
    pair.at_server.append(Misbehaved(pair.client, TIME, f"<b>{name};#"))
    return figure(pair, alone=True)


class SvgTests(SynchronousTestCase):
    def texts(self, document: str) -> list[str]:
        return [each.text or "" for each in ET.fromstring(document).iter(f"{SVG}text")]

    def test_it_has_the_same_words_as_the_text(self) -> None:
        texts = self.texts(draw_svg(figure()))
        for text in (
            "client 127.0.0.1:60612",
            "0.812 300",
            "send(6) = 6",
            '6 bytes "hello\\n"',
            "recv(65536) = 6 300 µs later",
            "… 4.2 s nothing …",
            "TIME_WAIT 60 s",
            "between two looks",
            "one machine, one clock",
        ):
            self.assertTrue(any(text in each for each in texts), text)

    def test_each_kind_of_line_has_its_own_look(self) -> None:
        root = ET.fromstring(draw_svg(figure()))
        kinds = {each.get("class") for each in root.iter(f"{SVG}path")}
        self.assertLessEqual({"seen", "between", "deduced"}, kinds)
        [style] = root.iter(f"{SVG}style")
        self.assertIn("prefers-color-scheme:dark", style.text or "")

    def test_nothing_is_markup_but_the_figures_own(self) -> None:
        document = draw_svg(evil())
        root = ET.fromstring(document)  # It is well-formed.
        kinds = {each.tag.removeprefix(SVG) for each in root.iter()}
        self.assertEqual(kinds, {"svg", "title", "style", "rect", "g", "path", "text"})
        self.assertTrue(document.replace("\n", "").isprintable())
        self.assertIn("<script>aler", "".join(self.texts(document)))

    def test_everything_is_inside(self) -> None:
        for made in (figure(), evil()):
            root = ET.fromstring(draw_svg(made))
            width, height = float(root.get("width", 0)), float(root.get("height", 0))
            for each in root.iter(f"{SVG}text"):
                self.assertLess(0, float(each.get("x", 0)))
                self.assertLess(float(each.get("x", 0)), width)
                self.assertLess(float(each.get("y", 0)), height)

    def test_it_is_small(self) -> None:
        self.assertLess(len(draw_svg(figure())), 8000)


class _Page(HTMLParser):
    """Collect what a page could load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


class HtmlTests(SynchronousTestCase):
    def test_it_loads_nothing_and_runs_nothing(self) -> None:
        page = _Page()
        page.feed(draw_html([figure(), evil()]))
        self.assertNotIn("script", page.tags)
        self.assertNotIn("link", page.tags)
        for name, value in page.attributes:
            self.assertNotIn(name, {"src", "href", "style"})
            self.assertFalse(name.startswith("on"))
            self.assertTrue("://" not in value or name == "xmlns", value)

    def test_its_policy_allows_its_style_and_nothing_else(self) -> None:
        document = draw_html([figure()])
        [style] = re.findall(r"<style>(.*?)</style>", document, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        [policy] = re.findall(r'Content-Security-Policy" content="(.*?)"', document)
        self.assertEqual(
            policy,
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'",
        )
        self.assertNotIn("url(", style)


class MermaidTests(SynchronousTestCase):
    def test_a_diagram(self) -> None:
        lines = [each.strip() for each in draw_mermaid(figure()).splitlines()]
        self.assertEqual(lines[0], "sequenceDiagram")
        for line in (
            "participant C as client 127.0.0.1:60612",
            "C->>S: SYN, MSS 65495",
            "C->>S: 6 bytes #quot;hello#92;n#quot;",
            "Note left of C: 0.812 300 send(6) = 6",
            "Note right of S: recv(65536) = 6 300 µs later",
            "C-->>S: FIN (between two looks)",
        ):
            self.assertIn(line, lines)
        self.assertTrue(any("ACK (deduced)" in line for line in lines))

    def test_nothing_is_markup_but_the_diagrams_own(self) -> None:
        text = draw_mermaid(evil())
        self.assertTrue(text.replace("\n", "").isprintable())
        for sign in '<"%$&`\\':
            self.assertNotIn(sign, text)
        rest = re.sub(r"#(\d+|[a-z]+);", "", text)
        self.assertNotIn(";", rest)
        self.assertNotIn("#", rest)
        for line in text.splitlines()[1:]:
            self.assertRegex(
                line, r"^    (participant [CS] as |Note [a-z]+ (of )?[CS](,S)?: |[CS]-)"
            )
