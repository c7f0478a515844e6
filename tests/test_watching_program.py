"""A server with a page as a real process: how the page starts and ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from echolab.command.server_assembly import server_service
from echolab.command.server_options import ServerOptions
from echolab.command.watching import Watching
from tests.starting import StartCase
from tests.support import SECONDS, TWISTD, Client, FakeReactor, Program

if TYPE_CHECKING:
    from echolab import EcholabError

LOOPBACK = ("--interface", "127.0.0.1", "--port", "0")
WATCHED = (*LOOPBACK, "--web", "0")
URL = re.compile(
    rb"^watch at http://127\.0\.0\.1:(\d+)/\?token=([\w-]{43})$", re.MULTILINE
)


class Page:
    """The page of a server, as a scraper sees it."""

    def __init__(self, said: bytes) -> None:
        [(port, token)] = URL.findall(said)
        self.port = int(port)
        self.token = token.decode()

    def get(self, path: str, token: str | None = None) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def update(self) -> dict[str, Any]:
        """Return the first update of the stream."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with contextlib.closing(connection):
            token = {"Authorization": f"Bearer {self.token}"}
            connection.request("GET", "/events", headers=token)
            with connection.getresponse() as stream:
                for line in stream:
                    if line.startswith(b"data: "):
                        found: dict[str, Any] = json.loads(line[6:])
                        return found
        raise AssertionError("the stream has no update")


def page_of(server: Program) -> Page:
    """Wait until the server says where its page is."""
    server.wait_for_match(rb"watch at .*\n")
    return Page(server.err)


def fill_output(server: Program, client: Client) -> None:
    """Send to a server whose output nobody reads, until bytes wait in it."""
    page = page_of(server)
    client.setblocking(False)

    def waits() -> bool:
        with contextlib.suppress(BlockingIOError):
            client.send(b"y" * 99_999 + b"\n")
        _, body = page.get("/metrics", page.token)
        [waiting] = re.findall(rb"\necholab_output_waiting_bytes (\S+)", body)
        return float(waiting) > 0

    server.wait_until(waits, "nothing waits in the output", every=0.02)


class WatchedTests(SynchronousTestCase):
    """Tests for both ways to run the server; see `WatchedByTwistdTests`."""

    def start(self, *options: str, stdout: int = subprocess.PIPE) -> Program:
        return Program("server", *WATCHED, *options, stdout=stdout)

    def test_the_address_that_is_said_opens_the_page(self) -> None:
        with self.start() as server:
            page = page_of(server)
            status, body = page.get(f"/?token={page.token}")
            self.assertEqual(status, 200)
            self.assertIn(b"<html", body)
            self.assertEqual(page.get("/")[0], 401)
            self.assertEqual(page.get("/?token=wrong")[0], 401)
            server.process.send_signal(signal.SIGTERM)
            server.end()
            self.assertNotIn(page.token.encode(), server.out)

    def test_metrics_count_what_happens(self) -> None:
        with self.start() as server:
            port = server.port()
            page = page_of(server)
            with Client(port) as client:
                client.sendall(b"hello\n")
                server.wait_for(b"recv data: hello")
                _, body = page.get("/metrics", page.token)
            self.assertIn(b'\necholab_connections{state="open"} 1.0\n', body)
            self.assertIn(b"\necholab_received_bytes_total 6.0\n", body)
            self.assertIn(b"\necholab_received_messages_total 1.0\n", body)
            self.assertEqual(page.get("/metrics")[0], 401)

    def test_the_kernel_is_asked_unless_that_is_forbidden(self) -> None:
        for options, states in ((), "ESTABLISHED"), (("--kernel", "never"), None):
            with self.start(*options) as server:
                port = server.port()
                page = page_of(server)
                with Client(port) as client:
                    client.sendall(b"hello\n")
                    server.wait_for(b"recv data: hello")
                    [row] = page.update()["rows"]
                    self.assertEqual(row[5], states)

    def test_health_until_all_is_printed_and_no_browser_delays_the_end(self) -> None:
        reading, writing = os.pipe()
        with self.start("--drain", "60", stdout=writing) as server:
            os.close(writing)
            port = server.port()
            page = page_of(server)
            self.assertEqual(page.get("/healthz"), (200, b"ok\n"))
            stream = HTTPConnection("127.0.0.1", page.port, timeout=SECONDS)
            self.addCleanup(stream.close)
            token = {"Authorization": f"Bearer {page.token}"}
            stream.request("GET", "/events", headers=token)
            updates = stream.getresponse()
            with Client(port) as client:
                fill_output(server, client)
                server.process.send_signal(signal.SIGTERM)
                server.wait_until(
                    lambda: page.get("/healthz") == (503, b"draining\n"),
                    "it does not drain",
                    every=0.02,
                )
                with open(reading, "rb") as stdout:
                    while stdout.read(1 << 20):
                        pass
            self.assertIn(server.end(), (-signal.SIGTERM, 143))
            with contextlib.suppress(ConnectionError):
                updates.read()


class WatchedByTwistdTests(WatchedTests):
    def start(self, *options: str, stdout: int = subprocess.PIPE) -> Program:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        return Program(
            *("-n", "echolab", *WATCHED, *options),
            cwd=folder,
            program=TWISTD,
            stdout=stdout,
        )


class DaemonTests(SynchronousTestCase):
    def test_its_log_says_where_the_page_is(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        with Program("echolab", *WATCHED, cwd=str(folder), program=TWISTD) as starting:
            self.assertEqual(starting.end(), 0)
        self.assertEqual(starting.err, b"")
        pid = int((folder / "twistd.pid").read_text())
        log = str(folder / "twistd.log")
        try:
            with Program("-n", "+1", "-F", log, program=("tail",)) as tail:
                tail.wait_for(b"watch at ")
                before = tail.out.partition(b"watch at ")[0].count(b"\n")
                tail.wait_for(b"\n", times=before + 1)
            # Every line of the log has its time and its module in front.
            page = Page(re.sub(rb"(?m)^.*?(?=watch at )", b"", tail.out))
            self.assertEqual(page.get("/healthz")[0], 200)
        finally:
            os.kill(pid, signal.SIGTERM)
        with Program("-n", "+1", "-F", log, program=("tail",)) as tail:
            tail.wait_for(b"Server Shut Down.")


class StartingTests(StartCase):
    """A page that cannot start is one line, exit status 1, and leaves nothing."""

    def test_a_taken_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.check(
                f"bind 127.0.0.1:{port}: Address already in use",
                *LOOPBACK,
                *("--web", port),
            )

    def test_the_servers_own_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        for interface in "127.0.0.1", "0.0.0.0":
            self.check_server(
                f"bind {interface}:{port}: Address already in use",
                *("--interface", interface, "--port", port, "--web", port),
            )

    def test_hosts_that_are_none(self) -> None:
        self.check(
            "bind 192.0.2.1:0: Cannot assign requested address",
            *LOOPBACK,
            *("--web", "192.0.2.1:0"),
        )
        self.check_server(
            f"bind {'ü' * 64}:0: encoding of hostname failed",
            *LOOPBACK,
            *("--web", "ü" * 64 + ":0"),
        )

    def test_a_token_that_others_may_read(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"a-token-of-the-page")
            file.flush()
            Path(file.name).chmod(0o644)
            self.check(
                f"open {file.name}: mode 0644 lets other users read or change the "
                "token",
                *WATCHED,
                *("--web-token", file.name),
            )


class TokenTests(SynchronousTestCase):
    def test_a_token_of_several_runs(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = str(Path(folder, "token"))
        for _ in range(2):
            with Program("server", *WATCHED, "--web-token", path) as server:
                server.wait_for(b"watch at ", stream="err")
                server.wait_for(
                    f"TOKEN with the token in {path}\n".encode(), stream="err"
                )
                token = Path(path).read_text().strip()
                self.assertNotIn(token.encode(), server.err)
                [port] = re.findall(rb"watch at http://127\.0\.0\.1:(\d+)/", server.err)
                said = b"watch at http://127.0.0.1:%b/?token=%b"
                page = Page(said % (port, token.encode()))
                self.assertEqual(page.get("/metrics", token)[0], 200)


class RoomTests(SynchronousTestCase):
    def test_browsers_take_no_peer_its_place(self) -> None:
        most = []
        for words in (), ("--web", "8889"):
            options = ServerOptions()
            options.parseOptions(words)
            reactor: Any = FakeReactor()
            with mock.patch(
                "echolab.server.assembly.open_files_left", return_value=1000
            ):
                service = server_service(reactor, options.settings, done=done)
            most.append(service.factory.connections.max_connections)
            self.successResultOf(service.stopService())
        self.assertEqual(most[0] - most[1], 101)


def done(why: EcholabError | None) -> None:
    raise AssertionError(why)


class ImportTests(SynchronousTestCase):
    def test_a_server_without_a_page_imports_nothing_of_it(self) -> None:
        code = (
            "import sys\n"
            "from twisted.internet import reactor\n"
            "from echolab.command.server_assembly import server_service\n"
            "from echolab.server.settings import ServerSettings\n"
            "server_service(reactor, ServerSettings(), done=print)\n"
            "names = 'echolab.web', 'twisted.web', 'prometheus_client'\n"
            "print([name for name in sys.modules if name.startswith(names)])\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        self.assertEqual(ended.stdout, "[]\n")

    def test_metrics_need_the_extra(self) -> None:
        options = ServerOptions()
        options.parseOptions(["--web", "8889"])
        with (
            mock.patch.dict("sys.modules", {"echolab.web.metrics": None}),
            mock.patch("echolab.command.watching.page_site") as made,
        ):
            reactor: Any = FakeReactor()
            Watching(reactor, options.settings, may_skim=False)
        with self.assertRaisesRegex(ImportError, r"^/metrics needs the extra web of "):
            made.call_args.kwargs["metrics"]()
