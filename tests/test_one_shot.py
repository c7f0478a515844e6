"""One shot: --send and --expect, as a real process, against servers of all kinds."""

from __future__ import annotations

import http.server
import json
import os
import re
import shlex
import socketserver
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from echolab.testing import LabProcess
from tests.support import ROOT, SECONDS, TWISTD, Program

GUIDE = (ROOT / "docs" / "client.md").read_text()


class Redis(socketserver.StreamRequestHandler):
    """Knows one command, as a line."""

    def handle(self) -> None:
        for line in self.rfile:
            known = line == b"PING\r\n"
            self.wfile.write(b"+PONG\r\n" if known else b"-ERR unknown command\r\n")


class OldRedis(socketserver.StreamRequestHandler):
    """Knows no command, and hangs up after the first."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"-ERR unknown command\r\n")


class SMTP(socketserver.StreamRequestHandler):
    """Greets in two lines, which it writes in pieces; knows EHLO and QUIT."""

    def handle(self) -> None:
        for piece in b"220-la", b"b.example\r\n22", b"0 ESMTP\r\n":
            self.wfile.write(piece)
        for line in self.rfile:
            quits = line.startswith(b"QUIT")
            self.wfile.write(
                b"221 bye\r\n" if quits else b"250-lab\r\n250 PIPELINING\r\n"
            )
            if quits:
                return


class Web(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing on stderr."""

    def log_message(self, *_: Any) -> None:
        pass


class Flood(socketserver.BaseRequestHandler):
    """Sends without end."""

    def handle(self) -> None:
        try:
            while True:
                self.request.sendall(b"x" * 65536)
        except OSError:
            pass


class OneShotTests(SynchronousTestCase):
    def serve(self, handler: Any) -> str:
        server = self.enterContext(
            socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        )
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join, SECONDS)
        self.addCleanup(server.shutdown)
        return str(server.server_address[1])

    def lab(self, *options: str, **keywords: Any) -> str:
        self.server = self.enterContext(LabProcess(*options, **keywords))
        return str(self.server.port)

    def shoot(self, *words: str, **more: Any) -> Program:
        """Run the client, with a stdin that never ends."""
        with Program("client", *words, **more) as client:
            client.end()
        return client

    def check(
        self, client: Program, out: bytes, *, status: int = 0, err: str = ""
    ) -> None:
        self.assertEqual(client.err.decode(), err)
        self.assertEqual((client.out, client.process.returncode), (out, status))

    def test_the_examples_of_the_docs(self) -> None:
        section = GUIDE.partition("## One shot")[2]
        http, redis, smtp = re.findall(
            r"^    echolab (client .*)$", section, re.MULTILINE
        )[:3]
        folder = self.enterContext(tempfile.TemporaryDirectory())
        Path(folder, "index.html").write_text("hello\n")
        web = self.serve(partial(Web, directory=folder))
        for example, port, first, last in (
            (http, web, b"HTTP/1.0 200 OK\r\n", b"\r\nhello\n"),
            (redis, self.serve(Redis), b"+PONG\r\n", b"+PONG\r\n"),
            (smtp, self.serve(SMTP), b"220-lab.example\r\n", b"221 bye\r\n"),
        ):
            *words, _, _ = shlex.split(example)
            client = self.shoot(*words[1:], "127.0.0.1", port)
            self.check(client, client.out)
            self.assertEqual(client.out[: len(first)], first)
            self.assertEqual(client.out[-len(last) :], last)

    def test_something_else_comes(self) -> None:
        port = self.serve(OldRedis)
        words = ("--crlf", "--send", "PONG", "--expect", r"^\+", "--send", "x")
        client = self.shoot(*words, f"--wait={SECONDS}", "127.0.0.1", port)
        why = "closed by the server"
        said = rf"no '^\+', {why}; 22 bytes came: '-ERR unknown command\r\n'"
        err = f"expect 127.0.0.1:{port}: {said}\n"
        self.check(client, b"-ERR unknown command\r\n", status=2, err=err)

    def test_under_twistd(self) -> None:
        port = self.lab()
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with Program(
            *("-n", "echolab-client", "--port", port, "--wait", "0.1"),
            *("--expect", "x"),
            program=TWISTD,
            cwd=folder,
        ) as client:
            client.end()
        err = f"expect 127.0.0.1:{port}: no 'x' within 0.1 s; nothing came\n"
        self.check(client, b"", status=2, err=err)

    def test_nothing_is_expected(self) -> None:
        port = self.lab(reply="ok")
        client = self.shoot("--send", "a", "--send", r"b\x00\n", "127.0.0.1", port)
        self.check(client, b"ok\nok\n")
        self.assertEqual(self.server.received(), b"a\nb\0\n")

    def test_a_terminal_is_left_alone(self) -> None:
        port = self.lab(reply="ok")
        terminal, stdin = os.openpty()
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, stdin)
        words = ("--send", "a", "--expect", "ok", "127.0.0.1", port)
        self.check(self.shoot(*words, stdin=stdin), b"ok\n")

    def test_over_tls(self) -> None:
        port = self.lab(tls=True, reply="ok")
        words = ("--send", "a", "--expect", "ok", "--send", "b", "--expect", "ok$")
        client = self.shoot(*words, "--tls", "--insecure", "127.0.0.1", port)
        why = "--insecure: the server has not proved that it is 127.0.0.1\n"
        self.check(client, b"ok\nok\n", err=why)
        client = self.shoot(*words, "127.0.0.1", port)
        why = "the server speaks TLS; use --tls or --connect tls:HOST:PORT"
        self.check(client, b"", status=1, err=f"recv 127.0.0.1:{port}: {why}\n")

    def test_unix(self) -> None:
        self.lab(unix=True, reply="ok", behave="close:after-messages=2")
        path = f"unix:{self.server.path}"
        words = ("--send", "a", "--expect", "ok", "--send", "b", "--expect", "no")
        client = self.shoot("--connect", path, *words)
        self.assertEqual(client.process.returncode, 2)
        self.assertRegex(client.err.decode(), f"^expect {path}: no 'no', [^\n]*\n$")

    def test_reset_in_the_midst(self) -> None:
        port = self.lab(reply="ok", behave="reset:after-messages=2")
        words = ("--send", "a", "--expect", "ok", "--send", "b", "--expect", "no")
        client = self.shoot(*words, "127.0.0.1", port)
        self.assertEqual(client.process.returncode, 2)
        self.assertRegex(
            client.err.decode(),
            rf"^expect 127.0.0.1:{port}: no 'no', Connection reset by peer; "
            r"\d bytes? came: '\\n[^\n]*'\n$",
        )

    def test_refused(self) -> None:
        port = self.lab(behave="refuse")
        client = self.shoot("--expect", "x", "127.0.0.1", port)
        err = f"connect 127.0.0.1:{port}: Connection refused\n"
        self.check(client, b"", status=1, err=err)

    def test_a_flood(self) -> None:
        port = self.serve(Flood)
        with Program(
            *("client", "--expect", "never", "--wait", "1", "127.0.0.1", port),
            stdout=os.open(os.devnull, os.O_WRONLY),
        ) as client:
            client.wait_for(b"expect", stream="err")
            status = Path(f"/proc/{client.process.pid}/status").read_text()
            self.assertEqual(client.end(), 2)
        self.assertIn("bytes came, the last: 'xxx", client.err.decode())
        if peak := re.search(r"VmHWM:\s+(\d+)", status):
            self.assertLess(int(peak[1]), 60_000, "kB")

    def test_hex(self) -> None:
        port = self.lab(reply=r"\x00\xff")
        words = ("--send", r"\x01\n", "--expect", r"\x00\xff", "--hex")
        client = self.shoot(*words, "127.0.0.1", port)
        dump = "00 ff 0a".ljust(49)
        self.check(
            client,
            f"127.0.0.1:{port} recv 3 bytes\n00000000  {dump} |...|\n".encode(),
        )

    def test_record(self) -> None:
        port = self.lab(reply="ok")
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = f"{folder}/record"
        words = ("--send", "a", "--expect", "ok", "--record", path)
        self.check(self.shoot(*words, "127.0.0.1", port), b"ok\n")
        lines = Path(path).read_text().splitlines()
        kinds = [json.loads(line).get("event") for line in lines]
        for kind in "connected", "sent", "chunk", "finished":
            self.assertIn(kind, kinds)
