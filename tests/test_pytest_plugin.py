"""The pytest plugin as users run it: in a separate pytest, on files."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support import run_pytest

BLOCKING = """
import socket
import ssl

import pytest


@pytest.mark.echolab(reply="echo")
class TestEcho:
    def test_marker(self, echolab_process):
        with socket.create_connection(echolab_process.address) as peer:
            peer.sendall(b"hello\\n")
            assert peer.recv(10) == b"hello\\n"
        assert echolab_process.wait_for_line("hel+o") == b"hello"
        assert echolab_process.wait_for_end().cause.value == "eof"
        assert echolab_process.lines() == [b"hello"]

    @pytest.mark.echolab(reply="ok", unix=True)
    def test_the_nearer_marker_first(self, echolab_process):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(echolab_process.address)
            peer.sendall(b"hello\\n")
            assert peer.recv(10) == b"ok\\n"


@pytest.mark.echolab(reply="first")
@pytest.mark.parametrize(
    "answer", [pytest.param(b"own", marks=pytest.mark.echolab(reply="own")), b"first"]
)
def test_a_parameters_marker(echolab_process, answer):
    with socket.create_connection(echolab_process.address) as peer:
        peer.sendall(b"hello\\n")
        assert peer.recv(10) == answer + b"\\n"


def test_call(echolab_process):
    server = echolab_process.another(tls=True)
    context = ssl.create_default_context(cafile=server.ca)
    with socket.create_connection(server.address) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as peer:
            peer.sendall(b"secret\\n")
            server.wait_for_line("secret")
"""

TWISTED = """
import pytest
import pytest_twisted


@pytest.mark.echolab(reply="echo", behave="answer-late:seconds=0.01")
@pytest_twisted.ensureDeferred
async def test_both(echolab_server, echolab_client):
    client = await echolab_client(echolab_server.address)
    client.send("hello\\n")
    assert await client.wait_for_line("hello") == b"hello"
    await echolab_server.wait_for_line("hello")
    other = echolab_server.another(unix=True)
    client = await echolab_client(other.endpoint, framing="chunk")
    client.send("bye")
    client.finish()
    await other.wait_for_end()
    other.assert_lines(["bye"])
"""

FAILING = """
import socket


def test_failing(echolab_process):
    with socket.create_connection(echolab_process.address) as peer:
        peer.sendall(b"hello\\n")
        echolab_process.wait_for_line("hello")
    with socket.create_connection(echolab_process.another().address) as peer:
        peer.sendall(b"unfinished")
        echolab_process.others[0].wait_for_bytes(10)
        echolab_process.others[0].wait_for_line("unfinished", timeout=0.01)
"""

CONNECTING = """
import pytest

peers = []


@pytest.mark.echolab(reply="ok")
def test_failing(echolab_process, echolab_connect):
    peers.append(echolab_connect(echolab_process))
    peers[0].send_message("hello")
    peers[0].wait_for_line("ok")
    peers[0].expect("^ok$", timeout=0.01)


def test_after_it():
    assert peers[0].expect_end().cause.value == "stopped"
"""

OPTIONS = """
import socket

import pytest


@pytest.mark.parametrize("echolab_process", [{"reply": "ok"}], indirect=True)
def test_options(echolab_process):
    with socket.create_connection(echolab_process.address) as peer:
        peer.sendall(b"hello\\n")
        assert peer.recv(10) == b"ok\\n"


@pytest.mark.parametrize("echolab_process", ["echo"], indirect=True)
def test_none(echolab_process):
    pass


@pytest.mark.echolab(replay="ok")
def test_mistyped(echolab_process):
    pass


@pytest.mark.echolab(behave="toast")
def test_wrong(echolab_server):
    pass
"""

OWN_FIXTURE = """
import socket

import pytest

from echolab.testing import LabProcess


@pytest.fixture(scope="module")
def lab():
    with LabProcess() as server:
        yield server


def send(server, data):
    with socket.create_connection(server.address) as peer:
        peer.sendall(data)
    server.wait_for_line(data.decode().strip())
    server.wait_for_end()  # What comes later would be the next test's.


def test_one(lab):
    send(lab, b"one\\n")
    assert 0, "first"


def test_two(lab):
    send(lab, b"two\\n")


def test_of_what_was_before(lab):
    assert 0, "also first"


def test_with_nothing_to_show():
    assert 0, "second"


def test_in_the_test():
    with LabProcess() as server:
        send(server, b"three\\n")
        assert 0, "third"
"""

ONCE = """
import socket

import pytest

from echolab.testing import Behaviour

lab = pytest.mark.echolab
MISDEEDS = Behaviour.reset(after_bytes=99) + Behaviour.close(after_bytes=999)


@pytest.fixture
def one_hello(echolab_process):
    with socket.create_connection(echolab_process.address) as peer:
        peer.sendall(b"hello\\n")
        echolab_process.wait_for_line("hello")
        yield echolab_process
    echolab_process.wait_for_end()


@lab(reply="echo", behave=MISDEEDS)
def test_a_wait(one_hello):
    one_hello.wait_for_line("never", timeout=0.01)


def test_later_events(echolab_process):
    with socket.create_connection(echolab_process.address) as peer:
        peer.sendall(b"hello\\n")
        echolab_process.wait_for_line("hello")
        with pytest.raises(AssertionError) as failed:
            echolab_process.wait_for_line("never", timeout=0.01)
        peer.sendall(b"bye\\n")
        echolab_process.wait_for_line("bye")
        raise ExceptionGroup("several", [failed.value])


def test_another_error(one_hello):
    try:
        one_hello.wait_for_line("never", timeout=0.01)
    except AssertionError:
        raise ValueError("mine")


def test_another_error_without_it(one_hello):
    try:
        one_hello.wait_for_line("never", timeout=0.01)
    except AssertionError:
        raise ValueError("mine") from None


@pytest.fixture
def failing_afterwards(one_hello):
    yield
    assert 0, "afterwards"


@lab(max_message=5000)
def test_two_reports(failing_afterwards):
    assert 0, "itself"


def test_expected_in_vain(echolab_process, echolab_connect):
    peer = echolab_connect(echolab_process)
    peer.send(b"hello\\n")
    echolab_process.wait_for_line("hello")
    peer.expect("never", timeout=0.01)


def test_two_servers(one_hello):
    one_hello.another("--max-per-host", "7", framing="chunk")
    one_hello.wait_for_line("never", timeout=0.01)
"""

IN_THE_REACTOR = """
import pytest
import pytest_twisted


def answer(peer, messages):
    return b"x"


@pytest.mark.echolab(reply=answer)
@pytest_twisted.ensureDeferred
async def test_a_wait(echolab_server, echolab_client):
    client = await echolab_client(echolab_server.address)
    client.send("hello\\n")
    await client.wait_for_bytes(1)
    await echolab_server.wait_for_line("never", timeout=0.01)
"""

FORGOTTEN = """
import pytest_twisted


@pytest_twisted.ensureDeferred
async def test_an_await_that_is_missing(echolab_server):
    echolab_server.wait_for_line("never")


@pytest_twisted.ensureDeferred
async def test_the_clients(echolab_server, echolab_client):
    client = await echolab_client(echolab_server.address)
    client.wait_for_line("never")
"""


def squeezed(text: str) -> str:
    """Text with at most two spaces in a row."""
    return re.sub(" {3,}", "  ", text)


class PluginTests(SynchronousTestCase):
    def pytest(self, text: str, *options: str, status: int = 0) -> str:
        ended, said = run_pytest(text, *options)
        self.assertEqual(ended, status, said)
        return said

    def test_blocking_tests_without_pytest_twisted(self) -> None:
        self.assertIn("5 passed", self.pytest(BLOCKING, "-p", "no:twisted"))

    def test_in_several_processes_at_once(self) -> None:
        said = self.pytest(BLOCKING, "-p", "no:twisted", "-n", "2")
        self.assertIn("5 passed", said)

    def test_coroutines(self) -> None:
        self.assertIn("1 passed", self.pytest(TWISTED, "--strict-markers"))

    def test_a_failure_shows_what_was_received(self) -> None:
        said = self.pytest(FAILING, status=1)
        self.assertRegex(
            said, r"- echolab transcript 1, of \S+ -+\n\S+ 127.*accepted\n.*recv h"
        )
        self.assertIn("is open; its last bytes were b'unfinished')", said)
        self.assertNotRegex(said, r"- echolab transcript 2, of \S+ -")

    def test_a_client_is_shown_in_both_directions_and_closed(self) -> None:
        said = self.pytest(CONNECTING, "-p", "no:twisted", status=1)
        self.assertIn("1 failed, 1 passed", said)
        self.assertIn("E       AssertionError: expect b'^ok$': not within", said)
        _, _, shown = said.partition("the transcript so far:")
        self.assertRegex(shown, r" connected\n.* sent hello\\n\n.* recv ok\n")

    def test_a_failure_shows_also_servers_of_the_tests_own(self) -> None:
        said = self.pytest(OWN_FIXTURE, "-p", "no:twisted", status=1)
        first, also_first, second, third = said.split("_ test_")[1:]
        self.assertIn("recv one", first)
        self.assertIn("recv two", also_first)
        self.assertNotIn("echolab transcript", second)
        self.assertIn("echolab transcript 1", third)
        self.assertNotIn("echolab transcript 2", third)
        self.assertIn("recv three", third)

    def test_a_failure_shows_each_transcript_once(self) -> None:
        said = self.pytest(ONCE, "-p", "no:twisted", status=1)
        said, _, _ = said.partition("short test summary")
        errors, _, failures = said.partition(" FAILURES ")
        parts = failures.split("_ test_")[1:]
        wait, later, other, without, two, client, servers = parts
        for each in wait, later, other, without, errors + two, servers:
            self.assertEqual(len(re.findall(r"Z 127\S+ recv hello\n", each)), 1, each)
        self.assertEqual(client.count(" sent hello\\n\n"), 1)
        self.assertNotIn("of a client", client.partition("so far:")[2])
        for each in wait, other:
            self.assertNotIn("echolab transcript", each)
        behave = "reset:after-bytes=99+close:after-bytes=999"
        self.assertIn(f"E  (options: reply='echo', behave='{behave}')", squeezed(wait))
        self.assertRegex(later, r"transcript 1, of \S+, later -+\n.* recv bye\n")
        self.assertRegex(without, r"transcript 1, of \S+ -+\n\S+ 127.* accepted\n")
        self.assertRegex(
            errors + two, r"of \S+ -+\n\(options: max_message=5000\)\n.* accepted"
        )
        self.assertRegex(
            servers,
            r"transcript 2, of \S+ -+\n\(options: '--max-per-host', '7', "
            r"framing='chunk'\)\n\(nothing has happened\)\n",
        )
        self.assertNotIn("transcript 1", servers)

    def test_a_failure_in_the_reactor(self) -> None:
        said = self.pytest(IN_THE_REACTOR, status=1)
        self.assertIn("E  (options: reply=answer)", squeezed(said))
        self.assertNotIn("transcript 1", said)
        self.assertIn("transcript 2, of a client", said)

    def test_options_that_are_wrong_need_no_traceback(self) -> None:
        said = self.pytest(OPTIONS, status=1)
        self.assertIn("1 passed, 3 errors", said)
        for why in (
            "echolab_process: its parameter is a dict of options by name\n",
            "echolab_process: a server in a test has no option replay; did you mean",
            "echolab_server: --behave toast: toast is none of",
        ):
            self.assertIn(f"_\n{why}", said)
        self.assertNotIn("Error", said)

    def test_an_await_that_is_missing(self) -> None:
        said = self.pytest(FORGOTTEN, status=1)
        self.assertIn("2 passed, 2 errors", said)
        self.assertIn("test_it.py:13: missing await: a line with b'never'", said)
        self.assertIn("test_it.py:7: missing await: a line with b'never'", said)

    def test_it_costs_nothing_where_it_is_not_used(self) -> None:
        unused = "import sys\ndef test_it(): assert 'twisted' not in sys.modules\n"
        self.assertIn("1 passed", self.pytest(unused, "-p", "no:twisted"))

    def test_without_pytest_twisted_a_coroutines_fixture_says_so(self) -> None:
        text = "def test_it(echolab_server): pass\n"
        said = self.pytest(text, "-p", "no:twisted", status=1)
        self.assertIn("echolab_server needs pytest-twisted: pip install", said)

    def test_a_marker_without_names(self) -> None:
        text = (
            "import pytest\n@pytest.mark.echolab('echo')\n"
            "def test_it(echolab_process): pass\n"
        )
        said = self.pytest(text, "-p", "no:twisted", status=1)
        self.assertIn("the marker echolab takes no 'echo': name it", said)

    def test_a_marker_that_is_wrong(self) -> None:
        text = (
            "import pytest\n@pytest.mark.echolab(toast=1)\n"
            "def test_it(echolab_process): pass\n"
        )
        said = self.pytest(text, "-p", "no:twisted", status=1)
        self.assertIn("a server in a test has no option toast", said)
