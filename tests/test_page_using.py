"""The page in a real browser: many tabs, the end of a server, keys, its memory."""

from __future__ import annotations

import os
import signal
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.chromium import LOG, ROW, Keys, PageCase
from tests.test_watching_program import fill_output

ACTIVE = "return document.activeElement"


class TabTests(PageCase):
    def test_more_tabs_than_a_browser_has_connections(self) -> None:
        client = self.connect()
        self.open()
        driver = self.browser.driver
        first = driver.current_window_handle
        address = driver.current_url
        client.sendall(b"before\n")
        self.browser.until_text(LOG, "before")
        for _ in range(7):
            driver.switch_to.new_window("tab")
            driver.get(address)
            self.browser.until_text(ROW, f":{client.port}")
            self.assert_quiet()
        client.sendall(b"while nobody looked\n" * 900)
        self.browser.until_text(LOG, "while nobody looked")
        driver.switch_to.window(first)
        self.browser.until_text(LOG, "while nobody looked")
        self.browser.find(".pulse.live")
        self.browser.until_text(".messages .bar", "700 not shown")
        self.assert_quiet()

    def test_too_many_pages(self) -> None:
        address = urlsplit(self.address())
        token = address.query.removeprefix("token=")
        answers = []
        for _ in range(8):
            other = HTTPConnection(str(address.hostname), address.port, timeout=20)
            self.addCleanup(other.close)
            headers = {"Authorization": f"Bearer {token}"}
            other.request("GET", "/events", headers=headers)
            answers.append(other.getresponse())
            self.addCleanup(answers[-1].close)
        self.assertEqual({each.status for each in answers}, {200})
        self.addCleanup(self.browser.leave)
        self.browser.open(address.geturl())
        self.browser.until_text("[role=alert]", "watch this server. Close one")
        self.assertNotIn("Nobody", self.browser.text("main"))


class FollowingTests(PageCase):
    def test_the_newest_message_is_in_sight_however_long_they_are(self) -> None:
        client = self.connect()
        self.open()
        for number in range(30):
            client.sendall(b"%d " % number + b"long words " * 90 + b"\n")
            self.browser.until_text(LOG, f"{number} long")
        self.browser.until(
            lambda: self.browser.driver.execute_script(
                f"const list = document.querySelector({LOG!r});"
                "return list.scrollHeight > list.clientHeight &&"
                " list.scrollTop + list.clientHeight > list.scrollHeight - 8"
            )
        )
        self.assertEqual(self.browser.text(".pause"), "pause")


class EndTests(PageCase):
    def test_a_server_that_was_draining(self) -> None:
        reading, writing = os.pipe()
        self.server = self.start("--drain", "60", stdout=writing)
        os.close(writing)
        client = self.connect()
        fill_output(self.server, client)
        self.open()
        self.browser.until_text(ROW, "KiB")
        self.server.process.send_signal(signal.SIGTERM)
        self.browser.until_text(".banner", "Draining")
        self.browser.until_text(".addresses", f":{self.port}")
        with open(reading, "rb") as stdout:
            while stdout.read(1 << 20):
                pass
        self.browser.until_text(
            "[role=alert]", "is lost", "was draining", "What is shown is old"
        )
        self.browser.find(".readouts.old")

    def test_a_server_of_one_connection(self) -> None:
        self.server = self.start("--once")
        client = self.connect()
        client.sendall(b"hello\n")
        self.open()
        self.browser.until_text(ROW, "6 B")
        client.close()
        self.browser.until_text("[role=alert]", "is lost", "was draining")

    def test_time_stands_still_when_nothing_is_heard(self) -> None:
        self.open()
        now = self.browser.run(
            "const {Model} = await import('/static/model.js');"
            "const model = new Model(); const totals = {queues: [], addresses: []};"
            "model.take({run: 'r', time: 100, rows: [], gone: [], ended: [],"
            " refused: [], messages: [], left_out: 0, totals});"
            "await new Promise(requestAnimationFrame);"
            "const before = model.now; model.stop();"
            "await new Promise(requestAnimationFrame);"
            "return [before > 100, model.now];"
        )
        self.assertEqual(now, [True, 100])

    def test_a_reset_is_called_so(self) -> None:
        self.open()
        client = self.connect()
        client.sendall(b"hello\n")
        self.browser.until_text(ROW, "6 B")
        client.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: close sends RST
        client.close()
        self.browser.until_text("details summary", "1 it was reset")
        self.browser.find("details summary").click()
        self.assertEqual(
            self.browser.find(".endings td.c-why [title]").get_attribute("title"),
            "reset",
        )
        for head in self.browser.all(".endings thead button"):
            self.assertGreater(len(head.get_attribute("title") or ""), 3)


class UnixTests(PageCase):
    def test_the_address_of_a_unix_server(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "lab.sock"))
            self.server = self.run_server("--listen", f"unix:{path}", "--web", "0")
            self.open()
            self.browser.until_text(".addresses", f"unix:{path}")
            self.assert_quiet()


class KeyTests(PageCase):
    def setUp(self) -> None:
        super().setUp()
        self.clients = [self.connect() for _ in range(12)]
        self.open()
        self.browser.until(lambda: len(self.browser.all(ROW)) == 12, "12 rows")

    def at(self, number: int) -> None:
        self.browser.until(
            lambda: self.browser.run(f"{ACTIVE}.id") == f"to-{number}",
            lambda: (
                f"focus on {number}: {self.browser.run(f'{ACTIVE}.outerHTML')[:99]}"
            ),
        )

    def test_the_table_is_one_stop(self) -> None:
        self.browser.find("#table").send_keys(Keys.TAB * 13)
        self.at(1)
        self.browser.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        self.at(3)
        self.browser.press(Keys.END)
        self.at(12)
        self.browser.press(Keys.ARROW_DOWN, Keys.ARROW_UP)
        self.at(11)
        self.browser.press(Keys.TAB)
        self.assertEqual(self.browser.focused(), "pause")
        focused = self.browser.driver.switch_to.active_element
        focused.send_keys(Keys.SHIFT, Keys.TAB)
        self.at(11)
        self.browser.press(Keys.ENTER)
        self.browser.until_text("#detail-title", "Connection 11")
        self.browser.press(Keys.ESCAPE)
        self.at(11)
        self.assert_quiet()

    def test_escape_leaves_a_search_and_finds_the_table(self) -> None:
        self.browser.press("/", *f":{self.clients[3].port}")
        self.browser.until(lambda: len(self.browser.all(ROW)) == 1, "one row")
        self.browser.press(Keys.ESCAPE)
        self.browser.until(lambda: len(self.browser.all(ROW)) == 12, "12 rows")
        self.assertEqual(self.browser.run(f"{ACTIVE}.tagName"), "BODY")
        self.browser.run("location.hash = '#/4711'")
        self.browser.until_text(".detail", "Nothing is known of number 4711")
        self.browser.press(Keys.ESCAPE)
        self.browser.until(lambda: self.browser.run(f"{ACTIVE}.id") == "table")
        self.assert_quiet()

    def test_choices_outlive_a_reload(self) -> None:
        self.see(self.clients[0])
        self.browser.find(".figure svg")
        self.browser.choose("packets")
        self.browser.choose("1 min")
        self.browser.driver.refresh()
        self.browser.find(".figure svg")
        chosen = "return [...document.querySelectorAll('.detail :checked + span')]"
        labels = self.browser.run(f"{chosen}.map(e => e.textContent)")
        self.assertTrue({"packets", "1 min"} <= {*labels}, labels)
        self.assert_quiet()

    def test_nothing_is_cut(self) -> None:
        client = self.clients[0]
        client.sendall(b"x" * 3000)
        self.browser.until_text(".readouts", "1 unfinished message")
        self.assert_shown(".readouts dt, .readouts dd")
        for head in self.browser.all("#table thead button"):
            head.click()
            self.assert_shown("#table, #table thead button")
        client.sendall(b"\n")
        self.see(client)
        self.browser.until_text(".figure svg", "xxx")
        self.assert_shown(".figure")

    def assert_shown(self, selector: str) -> None:
        """Nothing in these elements is wider than they are."""
        cut = self.browser.run(
            "return [...document.querySelectorAll(arguments[0])].filter("
            "e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)",
            selector,
        )
        self.assertEqual(cut, [])
