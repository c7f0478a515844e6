"""A server in its own process, for tests of any code in any framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import Unpack

from echolab.testing.blocking import BlockingTranscript
from echolab.testing.process import ServerProcess

if TYPE_CHECKING:
    from typing import Self

    from echolab.testing.place import ServerKeywords

__all__ = ["LabProcess"]


class LabProcess(ServerProcess, BlockingTranscript):
    """A server in its own process, and its transcript, whose waits block.

    It listens as soon as it is made. `stop`, or the end of a ``with``, stops it. Its
    events and its stderr come through pipes: whatever it wrote there before an answer
    is known with the answer.

    In a forked child, questions and waits fail, because the server belongs to the
    parent. Events from before the fork are in ``events`` and ``str``.

    Attributes:
        others: the servers that `another` has made.

    Args:
        options: further arguments of ``echolab server``.
        keywords: the options of the server.

    Raises:
        RuntimeError: it did not start; the message is what it said.
        ModuleNotFoundError: TLS needs the extra ``kit``.
    """

    def __init__(self, *options: str, **keywords: Unpack[ServerKeywords]) -> None:
        super().__init__(*options, **keywords)
        self._start()

    def another(self, *options: str, **keywords: Unpack[ServerKeywords]) -> Self:
        """Start another server; it is stopped together with this one."""
        self.others.append(type(self)(*options, **keywords))
        return self.others[-1]

    def stop(self) -> None:
        """Stop the server, and check that it ended without an error.

        In a forked child, stop only its own servers; those of the parent keep running.

        Raises:
            AssertionError: it had ended before, or ended with an error.
        """
        self._stop()
