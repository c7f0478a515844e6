"""Acknowledged lines, with real processes: kill each, cut their connections."""

from __future__ import annotations

import itertools
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.cutting_proxy import CuttingProxy
from tests.support import ECHOLAB, ROOT, SECONDS, SERVER, Program, keep_port, run

GUIDE = (ROOT / "docs" / "acknowledging.md").read_text()
COUNT = 100_000
LINES = [b"%d\n" % number for number in range(1, COUNT + 1)]

C_MAIN = """\
#include <signal.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    static char *lines[200000];
    size_t room = 0;
    long n = 0;
    signal(SIGPIPE, SIG_IGN);
    while (room = 0, getline(&lines[n], &room, stdin) > 0)
        n++;
    send_lines(argv[1], argv[2], argv[3], lines, n);
    return 0;
}
"""
PYTHON_MAIN = """
import sys
send(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.stdin.buffer.readlines())
"""


def code(language: str) -> str:
    """Return the client of the guide in a language."""
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    [block] = [each for each in blocks if "Send lines" in each or "Send n" in each]
    return str(block)


class ProgramTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.out = self.folder / "out"
        self.input = self.folder / "in"
        self.input.write_bytes(b"".join(LINES))

    def server(self, port: int = 0) -> Program:
        program = Program(
            *("server", "--interface", "127.0.0.1", str(port)),
            *("--acknowledge", "-o", f"raw:{self.out}"),
        )
        return self.enterContext(program)

    def client(self, port: int, *options: str) -> Program:
        words = "client", "127.0.0.1", str(port), "--acknowledged", *options
        return self.enterContext(Program(*words, "-f", str(self.input)))

    def wait_for_bytes(self, least: int) -> None:
        """Wait until the server has written so many bytes."""
        deadline = time.monotonic() + SECONDS
        while self.out.stat().st_size < least:
            assert time.monotonic() < deadline, self.out.stat()
            select.select([], [], [], 0.002)

    def assert_exact(self) -> None:
        self.assertTrue(self.out.read_bytes() == b"".join(LINES))

    def test_server_killed_in_a_flood(self) -> None:
        port = self.enterContext(keep_port()).getsockname()[1]
        server = self.server(port)
        server.port()
        client = self.client(port)
        for least in (20_000, 200_000):
            self.wait_for_bytes(least)
            server.process.kill()
            server.process.wait(SECONDS)
            server = self.server(port)
            server.port()
        self.assertEqual(client.end(), 0, client.err)
        printed = self.out.read_bytes().split(b"\n")[:-1]
        whole = {line[:-1] for line in LINES}
        numbers = [int(line) for line in printed if line in whole]
        self.assertEqual(set(numbers), set(range(1, COUNT + 1)))
        # What comes twice was written, but not acknowledged before the end.
        jumps = [a for a, b in itertools.pairwise(numbers) if b != a + 1]
        # A line that the kill has cut may become another number with the next line.
        self.assertLessEqual(len(jumps), 4)

    def test_connections_reset_in_the_middle(self) -> None:
        port = self.server().port()
        with CuttingProxy(port, cuts=8, most=150_000, seed=1) as proxy:
            client = self.client(proxy.port)
            self.assertEqual(client.end(), 0, client.err)
            self.assertLess(proxy.left, 1)
        self.assert_exact()

    def test_client_killed_and_run_again(self) -> None:
        port = self.server().port()
        for least in (20_000, 200_000):
            client = self.client(port, "--client-id", "lab", "--rate", "100000")
            self.wait_for_bytes(least)
            client.process.kill()
            client.process.wait(SECONDS)
        client = self.client(port, "--client-id", "lab")
        self.assertEqual(client.end(), 0, client.err)
        self.assertIn(b"of client lab already", client.err)
        self.assert_exact()

    def test_server_ended_in_a_flood_acknowledges_what_it_took(self) -> None:
        port = self.enterContext(keep_port()).getsockname()[1]
        server = self.server(port)
        server.port()
        client = self.client(port)
        self.wait_for_bytes(20_000)
        server.process.terminate()
        server.process.wait(SECONDS)
        self.server(port).port()
        self.assertEqual(client.end(), 0, client.err)
        self.assert_exact()

    def test_pipe_and_unfinished_line(self) -> None:
        port = self.server().port()
        client = run(
            *("client", "127.0.0.1", str(port), "--acknowledged"), typed=b"one\ntwo"
        )
        self.assertEqual(client.process.returncode, 0, client.err)
        self.assertEqual(client.out.replace(b"finish.\n", b""), b"")
        self.assertEqual(self.out.read_bytes(), b"one\ntwo\n")

    def test_what_keeps_nothing_is_not_enough(self) -> None:
        server = run(*SERVER, "--acknowledge", "--output", "/dev/null")
        self.assertEqual(
            server.err.decode(),
            "open /dev/null: it does not last; --acknowledge needs a file or a "
            "stream\n",
        )
        self.assertEqual(server.process.returncode, 1)

    def through_a_cutting_proxy(self, *program: str) -> None:
        port = self.server().port()
        with CuttingProxy(port, cuts=4, most=150_000, seed=2) as proxy:
            subprocess.run(
                [*program, "127.0.0.1", str(proxy.port), "example"],
                stdin=self.enterContext(self.input.open("rb")),
                check=True,
                timeout=SECONDS,
            )
            self.assertLess(proxy.left, 1)
        self.assert_exact()

    def test_the_guides_client_in_python(self) -> None:
        source = self.folder / "client.py"
        source.write_text(code("python") + PYTHON_MAIN)
        self.through_a_cutting_proxy(sys.executable, str(source))

    def test_the_guides_client_in_c(self) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SkipTest("there is no C compiler")
        source = self.folder / "client.c"
        source.write_text("#define _GNU_SOURCE\n" + code("c") + C_MAIN)
        program = self.folder / "client"
        words = [compiler, "-Wall", "-Werror", "-o", str(program), str(source)]
        subprocess.run(words, check=True, timeout=SECONDS)
        self.through_a_cutting_proxy(str(program))

    def test_the_guides_reader_drops_what_is_doubled(self) -> None:
        blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
        [block] = [each for each in blocks if "json.loads" in each]
        recorded = b""
        for _ in range(2):  # The second server does not know the first one's clients.
            out = self.folder / "json"
            words = (
                "server",
                "0",
                "-i",
                "127.0.0.1",
                "--acknowledge",
                "-o",
                f"json:{out}",
            )
            with Program(*words) as server:
                sent = run(
                    *("client", "127.0.0.1", str(server.port()), "--acknowledged"),
                    *("--client-id", "a"),
                    typed=b"one\ntwo\n",
                )
                self.assertEqual(sent.process.returncode, 0, sent.err)
                server.process.terminate()
                server.end()
            recorded = out.read_bytes()
        self.assertEqual(recorded.count(b'"message":"one"'), 2)
        read = run("-c", block, typed=recorded, program=[ECHOLAB[0]])
        self.assertEqual(read.out, b"one\ntwo\n", read.err)
