"""Who may see the page, in memory: the Host, the token, the cookie; the headers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.browsing import HOST, TOKEN, Browser, FakeKnown, Visit, life

PATHS = (
    *("/", "/static/figure.css", "/events", "/connections/1.svg", "/metrics"),
    *("/connections/1.jsonl", "/connections/1.pcapng"),
    *("/recording.jsonl", "/recording.pcapng", "/nothing"),
)


class GateCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser()
        self.watch = self.browser.watch
        self.watch.connections[1] = FakeKnown(1, life(1))
        self.ask = self.browser.ask

    def told(self, visit: Visit) -> tuple[int, str]:
        """Return the status, and the text of the answer."""
        return visit.status, visit.body.decode()


class TokenTests(GateCase):
    def test_nothing_is_shown_without_the_token(self) -> None:
        for path in PATHS:
            for shown in (None, "Bearer ", "Bearer wrong", "Basic abc", f"{TOKEN}"):
                visit = self.ask(path, Authorization=shown)
                self.assertEqual(visit.status, 401, (path, shown))
                self.assertNotIn(b"hello", visit.raw)
                self.assertIn("www-authenticate", visit.headers)

    def test_the_token_in_the_address_is_swapped_for_a_cookie(self) -> None:
        first = self.ask(f"/?token={TOKEN}", Authorization=None)
        self.assertEqual(first.status, 200)
        cookie, *attributes = first.headers["set-cookie"].split("; ")
        self.assertEqual(attributes, ["Path=/", "HttpOnly", "SameSite=Strict"])
        self.assertTrue(cookie.startswith("echolab_8889="))
        self.assertNotIn(TOKEN, cookie)
        for path in PATHS[:-1]:
            visit = self.ask(path, Authorization=None, Cookie=f"a=b; {cookie}")
            self.assertEqual(visit.status, 200, path)
            self.assertNotIn("set-cookie", visit.headers)
        for wrong in (f"{cookie}0", cookie[:-1], "echolab_8889=", f"x{cookie}"):
            visit = self.ask("/", Authorization=None, Cookie=wrong)
            self.assertEqual(visit.status, 401, wrong)
        visit = self.ask("/", Authorization=f"Bearer {cookie.partition('=')[2]}")
        self.assertEqual(visit.status, 401)

    def test_a_wrong_token_is_refused_even_with_the_cookie(self) -> None:
        cookie = self.ask(f"/?token={TOKEN}").headers["set-cookie"].partition(";")[0]
        for query in ("wrong", "", f"{TOKEN}&token={TOKEN}", f"{TOKEN}0"):
            visit = self.ask(f"/?token={query}", Cookie=cookie)
            self.assertEqual(visit.status, 401, query)
            self.assertNotIn("set-cookie", visit.headers)

    def test_the_token_counts_only_in_the_address_of_the_page(self) -> None:
        for path in PATHS[1:]:
            visit = self.ask(f"{path}?token={TOKEN}", Authorization=None)
            self.assertEqual(visit.status, 401, path)

    def test_a_cookie_survives_the_program_if_the_token_does(self) -> None:
        cookie = self.ask(f"/?token={TOKEN}").headers["set-cookie"].partition(";")[0]
        visit = Browser().ask("/", Authorization=None, Cookie=cookie)
        self.assertEqual(visit.status, 200)

    def test_the_cookies_of_two_forwarded_ports_are_apart(self) -> None:
        visit = self.ask(f"/?token={TOKEN}", Host="localhost:9000")
        self.assertTrue(visit.headers["set-cookie"].startswith("echolab_9000="))

    def test_the_token_is_in_no_log(self) -> None:
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.patch(self.watch.connections[1], "kept", [None])
        self.ask(f"/?token={TOKEN}")
        self.ask("/?token=wrong")
        self.assertEqual(self.ask(f"/connections/1.svg?{TOKEN}").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertNotIn(TOKEN, repr(events))


class HostTests(GateCase):
    def status(self, host: str | None, here: Any = None) -> int:
        visit = self.browser.visit()
        visit.wire.hostAddr = here or visit.wire.hostAddr
        hosts = "" if host is None else f"Host: {host}\r\n"
        line = f"GET /?token={TOKEN} HTTP/1.1\r\n{hosts}\r\n"
        visit.send(line.encode())
        return visit.status

    def test_a_foreign_host_is_refused(self) -> None:
        for host in (
            *("evil.example", "evil.example:8889", "127.0.0.1.evil.example", "", None),
            *("127.0.0.2", "0.0.0.0", "[::1]", "localhost.evil.example", "[127.0.0.1"),
            *("127.0.0.1:x", "127.0.0.1:8889:8889", "a@127.0.0.1", "127.0.0.1 evil"),
            *("127.0.0.1\r\nHost: evil.example", "2130706433", "127.1", "::1", "/"),
        ):
            self.assertEqual(self.status(host), 403, host)

    def test_the_address_that_the_browser_has_reached_is_known(self) -> None:
        for host in ("127.0.0.1", HOST, "localhost", "LocalHost:8889", "localhost:90"):
            self.assertEqual(self.status(host), 200, host)
        for here, host in (
            (IPv4Address("TCP", "192.0.2.7", 8889), "192.0.2.7:8889"),
            (IPv6Address("TCP", "::1", 8889), "[::1]:8889"),
            (IPv6Address("TCP", "::1", 8889), "[0:0:0:0:0:0:0:1]"),
            (IPv6Address("TCP", "::ffff:127.0.0.1", 8889), "localhost"),
            (IPv6Address("TCP", "::ffff:192.0.2.7", 8889), "192.0.2.7"),
            (IPv6Address("TCP", "fe80::1%eth0", 8889), "[fe80::1]:8889"),
        ):
            self.assertEqual(self.status(host, here), 200, host)
        remote = IPv4Address("TCP", "192.0.2.7", 8889)
        self.assertEqual(self.status("localhost", remote), 403)

    def test_the_host_of_the_option_is_known(self) -> None:
        self.browser = Browser(host="Lab.example")
        self.assertEqual(self.status("lab.example:8889"), 200)
        self.assertEqual(self.status("lab.example"), 200)
        self.assertEqual(self.status("other.example"), 403)
        for anything in ("0.0.0.0", "::"):
            self.browser = Browser(host=anything)
            self.assertEqual(self.status("0.0.0.0:8889"), 403)
            self.assertEqual(self.status("[::]:8889"), 403)

    def test_other_pages_cannot_ask_with_the_cookie(self) -> None:
        for site in ("cross-site", "same-site"):
            visit = self.ask("/recording.jsonl", Sec_Fetch_Site=site)
            self.assertEqual(visit.status, 403)
            framed = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"}
            visit = self.ask("/", Sec_Fetch_Site=site, **framed)
            self.assertEqual(visit.status, 403)
            followed = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
            visit = self.ask("/", Sec_Fetch_Site=site, **followed)
            self.assertEqual(visit.status, 200)
        for site in ("same-origin", "none"):
            self.assertEqual(self.ask("/events", Sec_Fetch_Site=site).status, 200)

    def test_a_request_of_another_origin_is_refused(self) -> None:
        socket = {"Upgrade": "websocket", "Connection": "Upgrade"}
        for origin in (
            *("http://evil.example", "http://evil.example:8889", "null", "x", HOST),
            *("http://127.0.0.1", "http://127.0.0.1:8890", "https://127.0.0.1:8889"),
            *("http://localhost:8889", "http://127.0.0.1:8889/", "http://a@127.0.0.1"),
            "http://127.0.0.1:8889\r\nOrigin: http://evil.example",
        ):
            for path in ("/", "/events", "/metrics"):
                visit = self.ask(path, Origin=origin, **socket)
                self.assertEqual(visit.status, 403, (path, origin))
        for host, origin in (
            (HOST, "http://127.0.0.1:8889"),
            ("LOCALHOST:8889", "http://localhost:8889"),
            ("localhost", "http://localhost"),
            ("localhost", "http://localhost:80"),
        ):
            self.assertEqual(self.ask("/", Host=host, Origin=origin).status, 200)
        visit = self.ask("/healthz", Origin="http://evil.example")
        self.assertEqual(visit.status, 200)


class AnswerTests(GateCase):
    def test_every_answer_has_the_headers(self) -> None:
        visits = [self.ask(path) for path in PATHS]
        visits += [self.ask(path, method="HEAD") for path in PATHS]
        visits += [self.ask(path, Authorization=None) for path in PATHS]
        visits += [self.ask("/", method="POST"), self.ask("/", Host="evil.example")]
        visits += [self.ask("/", Content_Length="1"), self.ask("/healthz")]
        broken = self.browser.visit()
        broken.send(b"what is this\r\n")
        for visit in [*visits, broken]:
            headers = visit.headers
            policy = headers["content-security-policy"]
            self.assertTrue(policy.startswith("default-src 'none'; script-src 'self';"))
            self.assertNotIn("unsafe", policy)
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertEqual(headers["referrer-policy"], "no-referrer")
            self.assertEqual(headers["cache-control"], "no-store")
            self.assertEqual(headers["cross-origin-resource-policy"], "same-origin")
            self.assertEqual(headers["cross-origin-opener-policy"], "same-origin")
            self.assertEqual(headers["connection"], "close")
            self.assertIn("content-type", headers)
            self.assertNotIn("server", headers)
            self.assertNotIn("access-control-allow-origin", headers)

    def test_an_error_is_a_short_page_for_a_person_and_a_line_for_a_program(
        self,
    ) -> None:
        for path, headers, status in (
            ("/nothing", {}, 404),
            ("/<script>alert(1)</script>", {}, 404),
            ("/connections/2.svg", {}, 404),
            ("/connections/2.jsonl", {}, 404),
            ("/connections/1.png", {}, 404),
            ("/static/../site.py", {}, 404),
            ("/static/%2e%2e/site.py", {}, 404),
            ("/static//etc/passwd", {}, 404),
            ("http://127.0.0.1:8889/", {}, 404),
            ("/connections/1.svg?figure=writes", {}, 400),
            ("/events?peer=x", {}, 400),
            ("/events?peer=1&peer=2", {}, 400),
            ("/", {"Authorization": None}, 401),
            ("/", {"Host": "evil.example"}, 403),
            ("/", {"Content_Length": "5"}, 400),
            ("/", {"Transfer_Encoding": "chunked"}, 400),
        ):
            visit = self.ask(path, Accept="text/html,*/*", **headers)
            self.assertEqual(visit.status, status, path)
            self.assertEqual(visit.headers["content-type"], "text/html; charset=utf-8")
            text = visit.body.decode()
            self.assertTrue(text.startswith("<!DOCTYPE html>"), text)
            for bad in ("Traceback", "script", ".py", "evil", "style"):
                self.assertNotIn(bad, text)
            visit = self.ask(path, **headers)
            self.assertEqual(visit.status, status, path)
            self.assertEqual(visit.headers["content-type"], "text/plain; charset=utf-8")
            self.assertEqual(visit.body.count(b"\n"), 1)

    def test_it_only_shows(self) -> None:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"):
            for path in ("/", "/events", "*"):
                visit = self.ask(path, method=method)
                self.assertEqual(visit.status, 405, method)
                self.assertEqual(visit.headers["allow"], "GET, HEAD")

    def test_head_tells_the_same_without_a_body(self) -> None:
        for path in (*PATHS, "/healthz"):
            head = self.ask(path, method="HEAD")
            self.assertEqual(head.body, b"", path)
            self.assertEqual(head.status, self.ask(path).status)
            self.assertTrue(head.wire.disconnecting)

    def test_the_files_have_their_types(self) -> None:
        style = self.ask("/static/figure.css")
        self.assertEqual(style.headers["content-type"], "text/css; charset=utf-8")
        self.assertIn(b"svg", style.body)
        page = self.ask("/")
        self.assertEqual(page.headers["content-type"], "text/html; charset=utf-8")
        self.assertTrue(page.body.startswith(b"<!DOCTYPE html>"))

    def test_a_fault_of_ours_is_logged_and_not_shown(self) -> None:
        def metrics() -> tuple[bytes, bytes]:
            raise ZeroDivisionError("secret")

        browser = Browser(metrics=metrics)
        for accept in ("text/html", "*/*"):
            visit = browser.ask("/metrics", Accept=accept)
            self.assertEqual(visit.status, 500)
            for bad in (b"secret", b"Traceback", b"ZeroDivision", b".py"):
                self.assertNotIn(bad, visit.raw)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_metrics_need_their_extra(self) -> None:
        def metrics() -> tuple[bytes, bytes]:
            raise ModuleNotFoundError("/metrics needs the extra web")

        visit = Browser(metrics=metrics).ask("/metrics", Accept="text/html")
        self.assertEqual(self.told(visit), (501, "/metrics needs the extra web\n"))
        visit = self.ask("/metrics")
        self.assertEqual(self.told(visit), (200, "a 1\n"))
        self.assertEqual(visit.headers["content-type"], "text/plain")

    def test_health_needs_no_token_and_no_host(self) -> None:
        asked: dict[str, Any] = {"Authorization": None, "Host": "10.0.0.7:80"}
        self.assertEqual(self.told(self.ask("/healthz", **asked)), (200, "ok\n"))
        well = self.watch.now
        for now in (replace(well, draining=True), replace(well, listening=False)):
            self.watch.now = now
            visit = self.ask("/healthz", **asked)
            self.assertEqual(self.told(visit), (503, "draining\n"))
