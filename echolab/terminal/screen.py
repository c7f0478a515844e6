"""The output for a client's replies, and the terminal of its user."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from echolab.descriptors import check_standard_output
from echolab.outputs.descriptor import DescriptorOutput
from echolab.sinks.printing import Replies
from echolab.terminal.terminal_stream import TerminalStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from echolab.errors import EcholabError
    from echolab.interfaces import IOutput, IReactor

__all__ = ["Display", "Screen"]

STDOUT = 1
STDERR = 2


class Display(Protocol):
    """Shows the conversation: the screen, or an object that draws on it."""

    def write(self, data: bytes) -> None:
        """Show replies."""

    def say(self, data: bytes) -> None:
        """Show a message to the user."""

    def close(self) -> Deferred[None] | None:
        """Stop drawing; restore the terminal."""


@dataclass(frozen=True, slots=True)
class Screen:
    """The output for replies, and a terminal for messages to the user.

    Attributes:
        output: takes the replies: stdout.
        replies: whether the replies are visible on the terminal.
        terminal: stdout if it is a terminal, else stderr if it is one, else None.
        stream: the terminal for libraries that draw; None if there is no terminal.
    """

    output: IOutput
    replies: Replies
    terminal: DescriptorOutput | None
    stream: TerminalStream | None

    @classmethod
    def of_process(
        cls,
        reactor: IReactor,
        lost: Callable[[EcholabError | None], None],
        *,
        patient: bool = False,
    ) -> Screen:
        """Return the screen of this process.

        Args:
            reactor: watches the descriptors.
            lost: called when stdout has gone.
            patient: see `DescriptorOutput`.

        Raises:
            OutputError: there is no stdout.
        """
        check_standard_output()
        stdout = DescriptorOutput(
            reactor, STDOUT, "stdout", clock=reactor, lost=lost, patient=patient
        )
        if os.isatty(STDOUT):
            return cls(
                stdout, Replies.HERE, stdout, TerminalStream(stdout.write, STDOUT)
            )
        if not os.isatty(STDERR):
            return cls(stdout, Replies.ELSEWHERE, None, None)
        piped = stat.S_ISFIFO(os.fstat(STDOUT).st_mode)
        terminal = _terminal_at(reactor, STDERR, "stderr")
        return cls(
            stdout,
            Replies.PIPED if piped else Replies.ELSEWHERE,
            terminal,
            TerminalStream(terminal.write, STDERR),
        )

    @classmethod
    def of_terminal(cls, reactor: IReactor) -> Screen | None:
        """Return the terminal of this process as a screen that shows no replies.

        Returns:
            The screen; None if neither stdout nor stderr is a terminal.
        """
        for fd, name in (STDOUT, "stdout"), (STDERR, "stderr"):
            if os.isatty(fd):
                terminal = _terminal_at(reactor, fd, name)
                stream = TerminalStream(terminal.write, fd)
                return cls(terminal, Replies.ELSEWHERE, terminal, stream)
        return None

    @property
    def outputs(self) -> list[IOutput]:
        """All outputs, that of the replies first."""
        others = [self.terminal] if self.terminal not in (None, self.output) else []
        return [self.output, *filter(None, others)]

    def write(self, data: bytes) -> None:
        """Write replies."""
        self.output.write(data)

    def say(self, data: bytes) -> None:
        """Write to the user's terminal, if there is one."""
        if self.terminal is not None:
            self.terminal.write(data)

    def close(self) -> None:
        """Do nothing: nothing is drawn here."""


def _terminal_at(reactor: IReactor, fd: int, name: str) -> DescriptorOutput:
    # A signal tells when a terminal goes away.
    return DescriptorOutput(reactor, fd, name, clock=reactor, lost=lambda _: None)
