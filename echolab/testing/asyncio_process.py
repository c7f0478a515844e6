"""A server in its own process, for tests of asyncio."""

from __future__ import annotations

from contextlib import AsyncExitStack, nullcontext, suppress
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from echolab.testing.awaiting import AwaitedTranscript
from echolab.testing.process import START_SECONDS, STOP_SECONDS, ServerProcess

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from echolab.testing.place import ServerKeywords

__all__ = ["AsyncLabProcess"]


class AsyncLabProcess(ServerProcess, AwaitedTranscript):
    """A server in its own process, and its transcript, whose waits are coroutines.

    It is for asyncio. An ``async with`` starts and stops it without blocking the loop.
    A ``with``, for fixtures that are no coroutines, blocks. Otherwise it is as
    `LabProcess`.

    Attributes:
        others: the servers that `another` has made.

    Args:
        options: further arguments of ``echolab server``.
        keywords: the options of the server.

    Raises:
        RuntimeError: it did not start; the message is what it said.
        ModuleNotFoundError: TLS needs the extra ``kit``.
    """

    async def another(self, *options: str, **keywords: Unpack[ServerKeywords]) -> Self:
        """Start another server; it is stopped together with this one."""
        other = type(self)(*options, **keywords)
        self.others.append(await other.__aenter__())
        return other

    async def stop(self) -> None:
        """Stop the server, and check that it ended without an error.

        Raises:
            AssertionError: it had ended before, or ended with an error.
        """
        async with AsyncExitStack() as stopping:  # as in `ServerProcess`
            stopping.push_async_callback(self._stop_gently)
            for other in self.others:
                stopping.push_async_callback(other.stop)

    async def _stop_gently(self) -> None:
        process = self._process
        if process is None or not self._runs():
            return
        process.terminate()
        try:
            if not await self._until(lambda: self._over, STOP_SECONDS):
                process.kill()
        finally:
            self._stop_this()

    async def __aenter__(self) -> Self:
        """Start the server; wait until it listens."""
        self._begin()
        try:
            await self._until(self._ready.is_set, START_SECONDS)
            self._listens()
        except BaseException:
            self.terminate()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server; an error of the test itself takes precedence."""
        with suppress(AssertionError) if error else nullcontext():
            await self.stop()
