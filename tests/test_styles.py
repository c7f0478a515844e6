"""The fixtures in tests of other styles: asyncio, and those where they cannot work."""

from __future__ import annotations

import asyncio
import unittest

from twisted.trial.unittest import SynchronousTestCase, TestCase

from echolab.testing import ListeningMixin, connect, listen
from echolab.testing.running import check_case
from tests.support import run_pytest

ASYNC = """
import asyncio
import os
import pathlib
import threading

import pytest

pids, folders, threads = [], [], set(threading.enumerate())


async def talk(server):
    reader, writer = await asyncio.open_connection(*server.address)
    waiting = asyncio.create_task(server.wait_for_line("bye"))
    writer.write(b"hello\\n")
    assert await server.wait_for_line("hel+o") == b"hello"
    assert await reader.readline() == b"hello\\n"
    writer.write(b"bye\\n")
    assert await waiting == b"bye"
    assert await reader.readline() == b"bye\\n"
    writer.close()
    assert (await server.wait_for_end()).cause.value == "eof"
    server.assert_lines(["hello", "bye"])
    other = await server.another(unix=True)
    pids.extend([server.pid, other.pid])
    folders.append(pathlib.Path(other.path).parent)
    assert folders[-1].exists()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.mark.echolab(reply="echo")
class TestEcho:
    @pytest.mark.asyncio
    async def test_pytest_asyncio(self, echolab_async):
        await talk(echolab_async)

    @pytest.mark.anyio
    async def test_anyio(self, echolab_async):
        await talk(echolab_async)

    def test_no_loop(self, echolab_async):
        asyncio.run(talk(echolab_async))


def test_nothing_is_left():
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not any(folder.exists() for folder in folders)
    assert set(threading.enumerate()) <= threads
"""

DEAD = """
import asyncio
import socket
import unittest

import pytest


@pytest.mark.asyncio
async def test_asyncio(echolab_server):
    raise ValueError("never here")


@pytest.mark.asyncio
async def test_asyncio_client(echolab_client):
    raise ValueError("never here")


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_anyio(anyio_backend, echolab_server):
    raise ValueError("never here")


class AsyncTests(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def lab(self, echolab_server):
        pass

    async def test_it(self):
        raise ValueError("never here")


def test_that_blocks(echolab_server):
    with socket.create_connection(echolab_server.another().address) as peer:
        peer.sendall(b"hello\\n")


def test_that_asks_for_its_port_only(echolab_server):
    assert echolab_server.port


async def test_that_awaits(echolab_server):
    with socket.create_connection(echolab_server.address) as peer:
        peer.sendall(b"hello\\n")
        await echolab_server.wait_for_line("hello")


@pytest.mark.asyncio
async def test_that_blocks_its_loop(echolab_process):
    echolab_process.wait_for_line("never", timeout=0.01)

"""


class PluginTests(SynchronousTestCase):
    def pytest(self, text: str, *options: str, status: int = 0) -> str:
        ended, said = run_pytest(text, *options)
        self.assertEqual(ended, status, said)
        return said

    def test_asyncio(self) -> None:
        said = self.pytest(ASYNC, "-p", "no:twisted", "--strict-markers", status=1)
        self.assertIn("4 passed, 1 error", said)
        self.assertIn(
            "echolab_async is for asyncio, and trio runs this test: use", said
        )

    def test_asyncio_in_several_processes_beside_pytest_twisted(self) -> None:
        modes = ("asyncio_mode=auto", "asyncio_default_fixture_loop_scope=function")
        options = [word for mode in modes for word in ("-o", mode)]
        said = self.pytest(ASYNC, "-n", "2", "-k", "not trio", "-W", "error", *options)
        self.assertIn("4 passed", said)

    def test_a_server_in_a_reactor_that_does_not_run(self) -> None:
        said = self.pytest(DEAD, status=1)
        self.assertIn("1 failed, 3 passed, 6 errors", said)
        self.assertNotIn("never here", said.replace('ValueError("never here")', ""))
        dead = "needs Twisted's reactor, which does not run in a test of"
        for words in (
            f"echolab_server {dead} asyncio: use echolab_async\n",
            f"echolab_client {dead} asyncio: use echolab_connect, in a thread\n",
            f"echolab_server {dead} trio: use echolab_process, in a thread\n",
            "echolab_server did nothing while this test ran, because the test did not",
            "0.01 s (which blocked the event loop: use echolab_async, or asyncio.to_t",
        ):
            self.assertIn(words, said)

    def test_without_the_plugins_of_asyncio(self) -> None:
        text = "def test_it(echolab_async): assert echolab_async.lines() == []\n"
        options = ("-p", "no:asyncio", "-p", "no:anyio", "-p", "no:twisted")
        self.assertIn("1 passed", self.pytest(text, *options))


class WrongTests(TestCase):
    """Servers in a reactor that does not run."""

    def test_in_a_loop_of_asyncio(self) -> None:
        async def main() -> None:
            for call in listen, lambda: connect(("127.0.0.1", 1)):
                with self.assertRaisesRegex(RuntimeError, "use the fixture echolab_as"):
                    call()

        asyncio.run(main())

    def test_in_cases_that_run_no_reactor(self) -> None:
        class Plain(ListeningMixin, unittest.TestCase):
            pass

        class Async(ListeningMixin, unittest.IsolatedAsyncioTestCase):
            pass

        class Synchronous(ListeningMixin, SynchronousTestCase):
            pass

        for kind in Plain, Async, Synchronous:
            case = kind()
            why = f"runs the reactor; {kind.__name__} does not: use echolab.testing.Lab"
            with self.assertRaisesRegex(TypeError, why):
                case.listen()
            with self.assertRaisesRegex(TypeError, why):
                case.connect(("127.0.0.1", 1))

    def test_in_a_case_of_another_framework(self) -> None:
        class Other(ListeningMixin, unittest.TestCase):
            def run(self, result: object = None) -> None:
                """Run the reactor."""

        check_case(Other())
