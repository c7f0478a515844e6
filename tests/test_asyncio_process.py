"""A server in its own process, for asyncio: its waits are coroutines."""

from __future__ import annotations

import asyncio
import inspect
import os
import select
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from echolab import EndCause
from echolab.testing import AsyncLabProcess, LabProcess
from tests.support import SECONDS

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def connected(
    server: AsyncLabProcess,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert isinstance(server.address, tuple)
    return await asyncio.open_connection(*server.address)


class AsyncioTests(SynchronousTestCase):
    def run_alone(self, test: Coroutine[object, object, None]) -> None:
        """Run a test in a loop; nothing of it may remain."""

        async def main() -> None:
            await test
            self.assertEqual(asyncio.all_tasks(), {asyncio.current_task()})

        threads = threading.enumerate()
        asyncio.run(main(), debug=True)
        self.assertEqual(threading.enumerate(), threads)

    def test_a_conversation_in_one_loop(self) -> None:
        async def test() -> None:
            async with AsyncLabProcess(reply="echo") as server:
                waits = [server.wait_for_line(each) for each in ("one", "two")]
                waiting = asyncio.gather(*waits, server.wait_for_bytes(8))
                reader, writer = await connected(server)
                writer.write(b"one\n")
                await server.wait_for_line("one")
                writer.write(b"two\n")
                self.assertEqual(await waiting, [b"one", b"two", b"one\ntwo\n"])
                self.assertEqual(await server.wait_for_data("e\n(?s:.)w"), b"e\ntw")
                self.assertEqual(await server.wait_for_sent("two"), b"two")
                self.assertEqual(await reader.readexactly(8), b"one\ntwo\n")
                writer.close()
                end = await server.wait_for_end(1)
                self.assertIs(end.cause, EndCause.EOF)
                self.assertEqual(await server.wait_for_peers(1), [end.peer])
                self.assertEqual(server.lines(), [b"one", b"two"])

        self.run_alone(test())

    def test_the_same_waits_as_a_lab_process_has(self) -> None:
        for name in dir(LabProcess):
            if name.startswith("wait_for_"):
                ours = getattr(AsyncLabProcess, name)
                self.assertTrue(inspect.iscoroutinefunction(ours), name)
                self.assertEqual(
                    inspect.signature(ours),
                    inspect.signature(getattr(LabProcess, name)),
                    name,
                )

    def test_a_wait_that_is_too_late(self) -> None:
        async def test() -> None:
            async with AsyncLabProcess(reply="ok") as server:
                _, writer = await connected(server)
                writer.write(b"hello\n")
                await server.wait_for_line("hello")
                with self.assertRaisesRegex(
                    AssertionError,
                    r"b'never': not within 0.01 s; the transcript so far:\n"
                    r"\(options: reply='ok'\)\n(?s:.*) recv hello\n",
                ):
                    await server.wait_for_line("never", timeout=0.01)
                writer.close()

        self.run_alone(test())

    def test_cancelled_waits(self) -> None:
        async def test() -> None:
            async with AsyncLabProcess() as server:
                with self.assertRaises(TimeoutError):
                    await asyncio.wait_for(server.wait_for_line("x"), 0.01)
                with self.assertRaises(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await server.wait_for_line("x", timeout=0.02)
                task = asyncio.create_task(server.wait_for_line("x"))
                await asyncio.sleep(0)
                task.cancel("by the test")
                with self.assertRaisesRegex(asyncio.CancelledError, "by the test"):
                    await task
                _, writer = await connected(server)
                writer.write(b"x\n")
                self.assertEqual(await server.wait_for_line("x"), b"x")
                writer.close()

        self.run_alone(test())

    def test_a_task_group(self) -> None:
        async def test() -> None:
            async with AsyncLabProcess() as server:
                with self.assertRaises(ExceptionGroup) as raised:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(server.wait_for_line("never", timeout=0.01))
                        other = group.create_task(server.wait_for_peers(1))
                [error] = raised.exception.exceptions
                self.assertIsInstance(error, AssertionError)
                self.assertTrue(other.cancelled())

        self.run_alone(test())

    def test_another_server_and_its_end(self) -> None:
        async def test() -> None:
            async with AsyncLabProcess() as server:
                other = await server.another(unix=True)
                last = await server.another("--max-per-host", "1")
                await last.stop()
                await last.stop()  # A second time: nothing.
                with self.assertRaisesRegex(AssertionError, "the server has ended"):
                    await last.wait_for_peers(1)
                waiting = asyncio.create_task(other.wait_for_peers(1, SECONDS))
                await asyncio.sleep(0)
            with self.assertRaisesRegex(AssertionError, "the server has ended"):
                await waiting
            assert other.path is not None
            self.assertFalse(Path(other.path).parent.exists())
            for each in (server, other, last):
                with self.assertRaises(ProcessLookupError):
                    os.kill(each.pid, 0)

        self.run_alone(test())

    def test_all_servers_stop_though_some_have_failed(self) -> None:
        async def test() -> None:
            server = await AsyncLabProcess().__aenter__()
            others = [await server.another() for _ in range(2)]
            os.kill(others[0].pid, signal.SIGKILL)
            with self.assertRaisesRegex(AssertionError, "ended with status -9"):
                await server.stop()
            for each in (server, *others):
                with self.assertRaises(ProcessLookupError):
                    os.kill(each.pid, 0)

        self.run_alone(test())

    def test_a_child_of_its_code_outlives_it(self) -> None:
        async def test() -> None:
            answers = [("", "python:tests.test_kit:leave_a_child")]
            async with AsyncLabProcess(answers=answers) as server:
                reader, writer = await connected(server)
                writer.write(b"x\n")
                child = os.pidfd_open(int(await reader.readline()))
                self.addCleanup(os.close, child)
                self.addCleanup(signal.pidfd_send_signal, child, signal.SIGKILL)
                writer.close()
            self.assertEqual(select.select([child], [], [], 0)[0], [])

        self.run_alone(test())

    def test_one_that_does_not_start(self) -> None:
        async def test() -> None:
            with self.assertRaisesRegex(RuntimeError, "not start: --framing x: must"):
                AsyncLabProcess(framing="x")
            with self.assertRaisesRegex(RuntimeError, "an event: b'Usage"):
                async with AsyncLabProcess("--help"):
                    self.fail("it has started")

        self.run_alone(test())

    def test_cancelled_while_it_starts(self) -> None:
        async def test() -> None:
            server = AsyncLabProcess(unix=True)
            starting = asyncio.create_task(server.__aenter__())
            await asyncio.sleep(0)
            starting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await starting
            with self.assertRaises(ProcessLookupError):
                os.kill(server.pid, 0)

        self.run_alone(test())

    def test_cancelled_while_it_stops(self) -> None:
        async def test() -> None:
            server = await AsyncLabProcess().__aenter__()
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            stopping.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await stopping
            with self.assertRaises(ProcessLookupError):
                os.kill(server.pid, 0)

        self.run_alone(test())

    def test_one_that_dies(self) -> None:
        async def test() -> None:
            with self.assertRaisesRegex(AssertionError, "ended with status -9"):
                async with AsyncLabProcess() as server:
                    os.kill(server.pid, signal.SIGKILL)
                    with self.assertRaisesRegex(AssertionError, "server has ended"):
                        await server.wait_for_line("x", timeout=SECONDS)
            with self.assertRaises(ZeroDivisionError):
                async with AsyncLabProcess() as server:
                    os.kill(server.pid, signal.SIGKILL)
                    raise ZeroDivisionError

        self.run_alone(test())

    def test_one_server_for_several_loops(self) -> None:
        async def send(server: AsyncLabProcess, data: bytes) -> None:
            _, writer = await connected(server)
            writer.write(data + b"\n")
            await server.wait_for_line(data)
            writer.close()

        with AsyncLabProcess() as server:
            asyncio.run(send(server, b"one"))
            asyncio.run(send(server, b"two"))
            loop = asyncio.new_event_loop()
            loop.set_exception_handler(lambda *_: None)  # of the task that is left
            left = loop.create_task(server.wait_for_line("three"))
            loop.run_until_complete(asyncio.sleep(0, loop))
            loop.close()
            asyncio.run(send(server, b"three"))
            self.assertEqual(server.lines(), [b"one", b"two", b"three"])
            self.assertFalse(left.done())

    def test_without_a_loop(self) -> None:
        with AsyncLabProcess() as server:
            waiting = server.wait_for_line("x")
            with self.assertRaisesRegex(RuntimeError, "for asyncio, and its loop does"):
                waiting.send(None)

    def test_not_started(self) -> None:
        server = AsyncLabProcess()
        self.assertEqual(server.lines(), [])
        with self.assertRaisesRegex(RuntimeError, "the server was not started"):
            os.kill(server.pid, 0)
