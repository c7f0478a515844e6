"""Where a client's replies go, and the terminal where a person looks on."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from echolab.client.terminal_stream import TerminalStream
from echolab.descriptors import check_standard_output
from echolab.outputs.descriptor import DescriptorOutput
from echolab.sinks.printing import Replies

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from echolab.errors import EcholabError
    from echolab.interfaces import IOutput, IReactor

__all__ = ["Display", "Screen"]

STDOUT = 1
STDERR = 2


class Display(Protocol):
    """What shows the conversation: the screen, or what draws on it."""

    def write(self, data: bytes) -> None:
        """Show replies."""

    def say(self, data: bytes) -> None:
        """Show what is said to the person."""

    def close(self) -> Deferred[None] | None:
        """Draw no more; leave the terminal as it was."""


@dataclass(frozen=True, slots=True)
class Screen:
    """The replies' output, and a terminal for what is said to a person.

    Attributes:
        output: takes the replies: stdout.
        replies: where they are seen, seen from the terminal.
        terminal: stdout if that is one, else stderr if that is; None without.
        stream: the terminal for libraries that draw; None without.
    """

    output: IOutput
    replies: Replies
    terminal: IOutput | None
    stream: TerminalStream | None

    @classmethod
    def of_process(
        cls, reactor: IReactor, lost: Callable[[EcholabError | None], None]
    ) -> Screen:
        """The screen of this process.

        Args:
            reactor: watches the descriptors.
            lost: called when stdout has gone.

        Raises:
            OutputError: there is no stdout.
        """
        check_standard_output()
        stdout = DescriptorOutput(reactor, STDOUT, "stdout", clock=reactor, lost=lost)
        if os.isatty(STDOUT):
            return cls(
                stdout, Replies.HERE, stdout, TerminalStream(stdout.write, STDOUT)
            )
        if not os.isatty(STDERR):
            return cls(stdout, Replies.ELSEWHERE, None, None)
        piped = stat.S_ISFIFO(os.fstat(STDOUT).st_mode)
        terminal = DescriptorOutput(
            # That a terminal goes away is told by a signal.
            *(reactor, STDERR, "stderr"),
            clock=reactor,
            lost=lambda _: None,
        )
        return cls(
            stdout,
            Replies.PIPED if piped else Replies.ELSEWHERE,
            terminal,
            TerminalStream(terminal.write, STDERR),
        )

    @property
    def outputs(self) -> list[IOutput]:
        """All of it, the replies' output first."""
        others = [self.terminal] if self.terminal not in (None, self.output) else []
        return [self.output, *filter(None, others)]

    def write(self, data: bytes) -> None:
        """Write replies."""
        self.output.write(data)

    def say(self, data: bytes) -> None:
        """Say something to the person, if there is one."""
        if self.terminal is not None:
            self.terminal.write(data)

    def close(self) -> None:
        """Do nothing: nothing is drawn here."""
