"""The page in a real browser: hostile bytes, keys alone, narrow, dark, cut off."""

from __future__ import annotations

import re
import ssl
import tempfile
from base64 import b64encode
from pathlib import Path

from echolab.escaping import escape
from tests.chromium import LOG, ROW, Keys, PageCase
from tests.support import write_certificates

HOSTILE = (
    b"<script>document.title='taken'</script>",
    b"<img src=x onerror=\"document.title='taken'\">",
    b"\x1b[31mred\x1b[0m \x1b]0;taken\x07",
    "left \u202egnp.exe\u202c zero\u200bwidth".encode(),
    b"</script><!-- ]]> {{constructor.constructor('x')()}} ${1} \"'&amp;",
    b"nul \x00 not utf-8 \xff\xfe\xc3",
)


class HostileTests(PageCase):
    def test_lines_stay_inert_and_visible(self) -> None:
        client = self.connect()
        self.open()
        client.sendall(b"\n".join(HOSTILE) + b"\n")
        shown = (
            "<script>document.title='taken'</script>",
            "<img src=x onerror=",
            "\\x1b[31mred\\x1b[0m \\x1b]0;taken\\x07",
            "left \\u202egnp.exe\\u202c zero\\u200bwidth",
            "</script><!-- ]]> {{constructor.constructor('x')()}} ${1} \"'&amp;",
            "nul \\x00 not utf-8 \\xff\\xfe\\xc3",
        )
        self.browser.until_text(LOG, *shown)
        self.browser.find(".messages .search").send_keys("<script>")
        self.browser.until_text(".messages mark", "<script>")
        self.browser.choose("hex")
        self.browser.until_text(".dump", "3c 73 63 72 69 70 74 3e")
        self.see(client)
        self.browser.until_text(".figure svg", "<script>document.ti…")
        self.browser.until_text(LOG, *shown)
        self.assert_inert()

    def test_names_of_certificates_stay_inert(self) -> None:
        name = "<script>document.title='taken'\u202e</script>"
        with tempfile.TemporaryDirectory() as folder:
            write_certificates(Path(folder), server="server", client=name)
            server, key, ca = (
                str(Path(folder, f"{each}.pem")) for each in ("server", "client", "ca")
            )
            self.server = self.start("--cert", server, "--client-ca", ca)
            self.open()
            context = ssl.create_default_context(cafile=ca)
            context.load_cert_chain(key)
            plain = self.connect()
            with context.wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(b"hello\n")
                self.browser.until_text(LOG, "hello", "script")
                self.browser.until_text(ROW, "script")
                self.browser.find("#to-1").click()
                self.browser.until_text("#detail-title", "script")
                self.browser.find(".figure svg")
                self.assertNotIn("\u202e", self.browser.text("body"))
                self.assert_inert()

    def assert_inert(self) -> None:
        """Nothing of what came is an element, and nothing of it has run."""
        self.assertNotIn("taken", self.browser.driver.title)
        self.assertEqual(self.browser.all("body script, body img, body iframe"), [])
        self.assertEqual(
            self.browser.run(
                "return [...document.querySelectorAll('body *')].flatMap(e => "
                "e.getAttributeNames()).filter(n => n.startsWith('on'))"
            ),
            [],
        )
        self.assert_quiet()


class PartsTests(PageCase):
    """Modules of the page, called in the browser."""

    def setUp(self) -> None:
        super().setUp()
        self.open()

    def test_bytes_are_escaped_as_on_a_terminal(self) -> None:
        samples = [bytes([each]) for each in range(256) if each != 0x0A]
        samples += [
            *HOSTILE[:3],
            "naïve café 東京 ✓ 😀 \u061c\u2028\u202e\ufeff\U000e0041".encode(),
            b"\xc0\xaf \xe0\x80\xaf \xed\xa0\x80 \xf0\x80\x80\xaf \xf4\x90\x80\x80",
            b"\xe6\x9d \xf0\x9f\x98 x\xe2\x82",
        ]
        shown = self.browser.run(
            "const {piecesOfBytes, bytesOf} = await import('/static/escaping.js');"
            "return arguments[0].map(each => piecesOfBytes(bytesOf(each))"
            ".map(([, text]) => text).join(''))",
            [b64encode(each).decode() for each in samples],
        )
        self.assertEqual(shown, [escape(each).decode() for each in samples])

    def test_only_shapes_are_taken_for_a_figure(self) -> None:
        space = 'xmlns="http://www.w3.org/2000/svg"'
        link = 'xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="#x"'
        figures = {
            f'<svg {space}><title>t</title><g><path d="M0 0"/></g></svg>': True,
            f"<svg {space}><script>1</script></svg>": False,
            f'<svg {space} onload="x()"></svg>': False,
            f'<svg {space}><a href="javascript:x()"></a></svg>': False,
            f"<svg {space}><text {link}>t</text></svg>": False,
            f"<svg {space}><style>*{{}}</style></svg>": False,
            f'<svg {space}><rect style="fill:red"/></svg>': False,
            f"<svg {space}><foreignObject/></svg>": False,
            f'<svg {space}><g xmlns="http://www.w3.org/1999/xhtml"/></svg>': False,
            f"<svg {space}><text>": False,
            f"<g {space}/>": False,
        }
        taken = self.browser.run(
            "const {checked} = await import('/static/figure.js');"
            "return arguments[0].map(each => {"
            "try { checked(each); return true; } catch { return false; }})",
            list(figures),
        )
        self.assertEqual(dict(zip(figures, taken, strict=True)), figures)


class KeyboardTests(PageCase):
    def test_everything_is_reached_by_keys(self) -> None:
        client = self.connect()
        client.sendall(b"hello\n")
        self.open()
        self.browser.find(ROW)
        self.browser.press(Keys.TAB)
        self.assertIn("Skip", self.browser.focused())
        self.browser.press(Keys.ENTER)
        self.assertEqual(self.browser.run("return document.activeElement.id"), "main")
        self.browser.press("/")
        self.assertEqual(self.browser.run("return document.activeElement.id"), "search")
        self.browser.press("nobody")
        self.browser.until_text(".connections", "No connection matches.")
        self.browser.press(Keys.ESCAPE)
        self.browser.find(ROW)
        self.browser.press(Keys.ESCAPE)
        self.assertNotEqual(
            self.browser.run("return document.activeElement.id"), "search"
        )
        self.tab_to(f"127.0.0.1:{client.port}")
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        self.assertEqual(self.browser.run(outline), "solid")
        self.browser.press(Keys.ENTER)
        self.browser.until_text("#detail-title", f":{client.port}")
        self.browser.until(lambda: "Connection 1" in self.browser.focused())
        self.tab_to("hold")
        self.browser.press(Keys.SPACE)
        self.browser.until_text(".hold", "go on")
        self.browser.press(Keys.ESCAPE)
        self.browser.find(ROW)
        self.browser.until(lambda: f":{client.port}" in self.browser.focused())
        self.assert_quiet()

    def tab_to(self, text: str) -> None:
        for _ in range(60):
            self.browser.press(Keys.TAB)
            if self.browser.focused() == text:
                return
        self.fail(f"no {text!r} is reached")


class LookTests(PageCase):
    def test_a_narrow_page_is_not_scrolled_sideways(self) -> None:
        client = self.connect()
        client.sendall(b"w" * 3000 + b"\n")
        self.open()
        self.browser.resize(360, 740)
        self.browser.until_text(LOG, "www")
        self.assert_fits()
        self.browser.choose("hex")
        self.browser.find(".dump")
        self.assert_fits()
        self.see(client)
        self.browser.until_text(".figure svg", "www")
        self.browser.find(".plot canvas")
        self.assert_fits()
        self.assert_quiet()

    def assert_fits(self) -> None:
        fits = (
            "const {scrollWidth, clientWidth} = document.documentElement;"
            "return scrollWidth <= clientWidth && clientWidth <= 360"
        )
        self.browser.until(lambda: self.browser.run(fits), "it fits")

    def test_light_and_dark_are_legible(self) -> None:
        client = self.connect()
        client.sendall(b"hello \x1b\n")
        self.open()
        self.see(client)
        self.browser.find(".figure svg text.soft")
        self.browser.find(f"{LOG} .escape")
        papers = []
        for scheme in ("light", "dark"):
            self.browser.emulate("prefers-color-scheme", scheme)
            papers.append(self.light_of("html", "background-color"))
            paper = self.light_of(".figure", "background-color")
            texts = {
                "body": "color",
                ".fact dt": "color",
                ".escape": "color",
                ".figure svg text.soft": "fill",
                ".figure svg text": "fill",
            }
            for selector, attribute in texts.items():
                ink = self.light_of(selector, attribute)
                high, low = max(ink, paper), min(ink, paper)
                contrast = (high + 0.05) / (low + 0.05)
                self.assertGreater(contrast, 4.5, f"{selector}, {scheme}")
        self.assertGreater(papers[0], 0.8)
        self.assertLess(papers[1], 0.05)
        self.assert_quiet()

    def light_of(self, selector: str, attribute: str) -> float:
        """Return the relative luminance of a colour, as WCAG defines it."""
        color = self.browser.run(
            "return getComputedStyle(document.querySelector(arguments[0]))"
            ".getPropertyValue(arguments[1])",
            *(selector, attribute),
        )
        parts = [int(each) / 255 for each in re.findall(r"\d+", color)[:3]]
        linear = [
            each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
            for each in parts
        ]
        return sum(map(float.__mul__, (0.2126, 0.7152, 0.0722), linear))


class LosingTests(PageCase):
    def test_a_server_that_comes_again_is_found_again(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            token = str(Path(folder, "token"))
            self.server = self.start("--web-token", token)
            address = rb"watch at http://127\.0\.0\.1:(\d+)/.*\n"
            found = self.server.wait_for_match(address)
            web = found[1].decode()
            secret = Path(token).read_text().strip()
            self.addCleanup(self.browser.leave)
            self.browser.open(f"http://127.0.0.1:{web}/?token={secret}")
            self.connect()
            self.browser.find(ROW)
            self.server.process.terminate()
            self.browser.until_text("[role=alert]", "is lost", "trying again")
            self.server.end()
            self.start("--web-token", token, web=web)
            self.browser.find(".pulse.live")
            self.browser.until_text(".connections", "Nobody is connected.")
        for said in self.browser.complaints():
            self.assertRegex(
                said, "ERR_(CONNECTION_(REFUSED|RESET)|INCOMPLETE_CHUNKED)"
            )

    def test_a_page_without_access_says_so(self) -> None:
        self.connect()
        self.open()
        self.browser.find(ROW)
        self.browser.driver.delete_all_cookies()
        self.browser.find("#to-1").click()
        self.browser.until_text("[role=alert]", "No access", "token")
        self.assertTrue(all("401" in each for each in self.browser.complaints()))
