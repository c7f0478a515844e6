"""The page in a real browser, of a real server: what a person sees and does there."""

from __future__ import annotations

import contextlib
from functools import partial

from tests.chromium import LOG, ROW, PageCase


class WatchingTests(PageCase):
    def test_a_peer_and_its_line_are_seen(self) -> None:
        self.open()
        self.browser.until_text(".connections", "Nobody is connected.")
        client = self.connect()
        client.sendall(b"hello\n")
        self.browser.until_text(ROW, f"127.0.0.1:{client.port}", "open", "6 B")
        self.browser.until_text(LOG, "hello", f"127.0.0.1:{client.port}")
        self.browser.until_text(".readouts", "6 B in all")
        self.assertNotIn("token", self.browser.driver.current_url)
        self.browser.until_text(".title", f"127.0.0.1:{self.port}", "since ")
        client.close()
        self.browser.until_text(".connections", "Nobody is connected.")
        self.browser.find("details summary").click()
        self.browser.until_text(
            ".endings table", f"127.0.0.1:{client.port}", "the peer closed it"
        )
        self.assert_quiet()

    def test_connections_are_searched_and_sorted(self) -> None:
        clients = [self.connect() for _ in range(120)]
        self.open()
        self.browser.until(lambda: len(self.browser.all(ROW)) == 100, "100 rows")
        self.browser.until_text(".more", "20 more")
        self.browser.find(".more button").click()
        self.browser.until(lambda: len(self.browser.all(ROW)) == 120, "120 rows")
        clients[70].sendall(b"x" * 3000 + b"\n")
        head = self.browser.find("th.c-received")
        head.find_element("tag name", "button").click()
        self.assertEqual(head.get_attribute("aria-sort"), "descending")
        first = partial(self.browser.text, f"{ROW}:first-child")
        self.browser.until(lambda: f":{clients[70].port}" in first(), first)
        self.browser.find("#search").send_keys(f":{clients[7].port}")
        self.browser.until(lambda: len(self.browser.all(ROW)) == 1, "one row")
        self.assertIn(f":{clients[7].port}", self.browser.text(ROW))
        self.browser.find("#search").send_keys("no such")
        self.browser.until_text(".connections", "No connection matches.")
        self.assert_quiet()

    def test_messages_are_searched_filtered_and_shown_as_hex(self) -> None:
        one, other = self.connect(), self.connect()
        self.open()
        one.sendall(b"apple\nbanana\n")
        other.sendall(b"banana split\n" + b"y" * 9000 + b"\n")
        self.browser.until_text(LOG, "apple", "banana split", "bytes more")
        search = self.browser.find(".messages .search")
        search.send_keys("NANA")
        self.browser.until(lambda: len(self.browser.all(".message")) == 2, "two left")
        self.assertEqual(self.browser.text(".messages mark"), "nana\nnana")
        self.browser.find(".of-peer").send_keys("2")
        self.browser.until(lambda: len(self.browser.all(".message")) == 1, "one left")
        self.browser.until_text(LOG, "banana split")
        self.browser.choose("hex")
        self.browser.until_text(".dump", "62 61 6e 61 6e 61 20 73  70 6c 69 74")
        self.browser.choose("out")
        self.browser.until_text(LOG, "No message here matches.")
        self.assert_quiet()

    def test_a_pause_counts_what_comes(self) -> None:
        client = self.connect()
        self.open()
        client.sendall(b"before\n")
        self.browser.until_text(LOG, "before")
        self.browser.find(".pause").click()
        client.sendall(b"after\nand after\n")
        self.browser.until_text(".pause", "go on (2 new)")
        self.assertNotIn("after", self.browser.text(LOG))
        self.browser.find(".pause").click()
        self.browser.until_text(LOG, "before", "after", "and after")
        self.assert_quiet()

    def test_what_is_not_shown_is_counted_and_rows_are_bounded(self) -> None:
        client = self.connect()
        self.open()
        self.browser.find(ROW)
        client.sendall(b"".join(b"line %d\n" % number for number in range(20_000)))
        self.browser.until_text(LOG, "line 19999")
        self.browser.until_text(".messages .bar", "not shown")
        rows = "return document.querySelectorAll('.message').length"
        self.assertLessEqual(self.browser.run(rows), 500)
        self.assert_quiet()

    def test_refused_peers_are_listed(self) -> None:
        self.server = self.start("--max-connections", "1", "--deny", "192.0.2.0/24")
        self.open()
        self.connect()
        self.browser.find(ROW)
        late = self.connect()
        self.browser.until_text("details:last-of-type summary", "1 turned away")
        self.browser.find("details:last-of-type summary").click()
        self.browser.until_text("details:last-of-type table", f":{late.port}")
        self.assert_quiet()


class OneConnectionTests(PageCase):
    options = ("--reply", "echo")

    def test_a_connection_is_drawn_and_a_reload_stays(self) -> None:
        client = self.connect()
        client.sendall(b"hello\n")
        self.open()
        self.see(client)
        self.browser.until_text(".figure svg", "accept()", "hello", "send(")
        self.browser.until_text(".facts", "6 B", "ESTABLISHED")
        self.browser.until_text(LOG, "hello")
        self.assertEqual(len(self.browser.all(".plot canvas")), 3)
        client.sendall(b"once more\n")
        self.browser.until_text(".figure svg", "once more")
        self.browser.choose("packets")
        self.browser.until(lambda: "recv(" not in self.browser.text(".figure svg"))
        self.browser.driver.refresh()
        self.browser.until_text("#detail-title", f":{client.port}")
        self.browser.until_text(LOG, "once more")
        self.browser.until_text(".figure svg", "once more")
        for form in ("jsonl", "pcapng"):
            path = f"/connections/1.{form}"
            status = self.browser.run(
                "return fetch(arguments[0]).then(a => a.status)", path
            )
            self.assertEqual(status, 200, path)
            self.assertEqual(len(self.browser.all(f"a[download][href='{path}']")), 1)
        self.assert_quiet()

    def test_a_hold_keeps_what_is_shown(self) -> None:
        client = self.connect()
        self.open()
        self.see(client)
        client.sendall(b"before\n")
        self.browser.until_text(LOG, "before")
        self.browser.until_text(".figure svg", "before")
        self.browser.find(".hold").click()
        client.sendall(b"after\n")
        self.browser.until_text(".facts", "13 B")
        self.assertNotIn("after", self.browser.text(f"{LOG}, .figure"))
        self.browser.find(".hold").click()
        self.browser.until_text(LOG, "after")
        self.browser.until_text(".figure svg", "after")
        self.assert_quiet()

    def test_a_peer_that_is_gone_and_one_that_never_was(self) -> None:
        client = self.connect()
        client.sendall(b"farewell\n")
        self.open()
        self.see(client)
        self.assertEqual(client.recv(4096), b"farewell\n")
        client.close()
        self.browser.until_text(".detail", "gone", "It ended", "the peer closed it")
        self.browser.until_text(".figure svg", "farewell")
        self.browser.run("window.location.hash = '#/4711'")
        self.browser.until_text(".detail", "Nothing is known of number 4711")
        self.assert_quiet()

    def test_series_are_chosen(self) -> None:
        client = self.connect()
        client.sendall(b"hello\n")
        self.open()
        self.see(client)
        self.browser.until_text(".series", "rate in", "round trip", "µs")
        self.browser.find(".s-rtt input").click()
        self.browser.until(lambda: len(self.browser.all(".plot canvas")) == 2)
        self.browser.find(".s-rtt input").click()
        self.browser.until(lambda: len(self.browser.all(".plot canvas")) == 3)
        self.assert_quiet()


class AttentionTests(PageCase):
    options = ("--reply", "echo")

    def test_who_stalls_who_floods_and_who_stopped_are_named(self) -> None:
        calm = [self.connect() for _ in range(20)]
        stalled, flooding, stopped = (self.connect() for _ in range(3))
        self.open()
        self.browser.until_text(".connections [role=status]", "23")
        self.browser.until_text(".attention", "Nothing needs a look.")
        stopped.sendall(b"this message never en")
        stalled.setblocking(False)
        block = b"I do not read what you answer\n" * 2000

        def names_them() -> bool:
            for each in calm:
                each.sendall(b"calm\n")
                each.recv(4096)
            flooding.sendall(block)
            flooding.recv(1 << 20)
            with contextlib.suppress(BlockingIOError):
                stalled.send(block)
            links = self.browser.text(".attention li").splitlines()
            needs = {
                stalled: "does not read",
                flooding: "floods",
                stopped: "stopped in the middle of a message",
            }
            return all(
                any(f":{peer.port}" in each and why in each for each in links)
                for peer, why in needs.items()
            )

        self.browser.until(names_them, lambda: self.browser.text(".attention"))
        self.browser.choose("needs a look (3)")
        self.browser.until(lambda: len(self.browser.all(ROW)) == 3, "three rows")
        self.browser.all(".attention a")[0].click()
        self.browser.find("#detail-title")
        self.assert_quiet()
