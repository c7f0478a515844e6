"""Lines typed with editing and history, for those who have the extra ``edit``.

It needs a reactor that runs on asyncio, since prompt_toolkit does.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.history import InMemoryHistory
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LineEditor"]

SHOW_SECONDS = 0.05


@implementer(IPushProducer)
class LineEditor:
    """Reads lines from a terminal, each edited as one likes.

    What is printed meanwhile stands above the line that is being typed.

    Args:
        prompt: what stands before the line.
        received: takes each line, with its newline.
        ended: called once, at the end of input (Ctrl-D).
        write: prints.
    """

    def __init__(
        self,
        prompt: str,
        *,
        received: Callable[[bytes], None],
        ended: Callable[[], None],
        write: Callable[[bytes], None],
    ) -> None:
        self._prompt = prompt
        self._received = received
        self._ended = ended
        self._write = write
        self._waiting = bytearray()
        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), enable_suspend=True
        )
        self._resumed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def print(self, data: bytes) -> None:
        """Print above the line that is being typed."""
        if not self._session.app.is_running:
            self._flush()
            self._write(data)
            return
        if not self._waiting:
            # Not for each reply, so that in a flood of them the line is seen.
            loop = asyncio.get_running_loop()
            loop.call_later(SHOW_SECONDS, run_in_terminal, self._flush)
        self._waiting += data

    def resumeProducing(self) -> None:
        """Read, from now on or again."""
        self._resumed.set()
        if self._task is None:
            self._task = asyncio.ensure_future(self._read())

    def pauseProducing(self) -> None:
        """Read no other line until `resumeProducing`; this one may be finished."""
        self._resumed.clear()

    def stopProducing(self) -> None:
        """Never read again; ``ended`` is not called."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()

    def close(self) -> Deferred[None]:
        """Stop, and wait until the terminal is as it was."""
        self.stopProducing()
        if self._task is None:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._task.add_done_callback(lambda _: closed.callback(None))
        return closed

    def _flush(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        if data:
            self._write(data)

    async def _read(self) -> None:
        while not self._stopped:
            await self._resumed.wait()
            try:
                line = await self._session.prompt_async(
                    self._prompt, set_exception_handler=False, handle_sigint=False
                )
            except EOFError:
                self._ended()
                return
            except KeyboardInterrupt:  # The key, which is no signal here.
                os.kill(os.getpid(), signal.SIGINT)
                return
            self._received(line.encode("utf-8", "surrogateescape") + b"\n")
