"""Numbered lines: how they are sent, and what became of each."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LINE = "%s %d xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
"""About 64 bytes: the sender's name, the line's number from 1, and padding."""

WHOLE = re.compile(rb"(\w+) (\d+) x{49}")
"""Such a line, without its newline; the torn end of a connection is none."""

TURN = 0.05
"""How often a sender sends, in seconds."""


@dataclass(frozen=True)
class Verdict:
    """What became of the lines of some senders.

    Attributes:
        sent: how many lines were sent.
        acknowledged: how many of them the senders know to be durable.
        lost: how many of the acknowledged ones are missing.
        missing: how many of all that were sent are missing.
        doubled: how often a line came again.
        disordered: how many lines came behind a later one of their sender.
    """

    sent: int
    acknowledged: int
    lost: int
    missing: int
    doubled: int
    disordered: int


def judge(
    lines: Iterable[bytes], sent: Mapping[str, int], acknowledged: Mapping[str, int]
) -> Verdict:
    """Compare the lines of a reader with what the senders know.

    Args:
        lines: what the reader has, in order; torn ones and those of others are skipped.
        sent: the number of the last line that each sender has sent.
        acknowledged: the number of the last line that each sender knows to be durable.
    """
    seen: dict[str, set[int]] = defaultdict(set)
    highest: dict[str, int] = defaultdict(int)
    doubled = disordered = 0
    for line in lines:
        whole = WHOLE.fullmatch(line)
        if whole is None or (name := whole[1].decode()) not in sent:
            continue
        number = int(whole[2])
        if number in seen[name]:
            doubled += 1
        elif number < highest[name]:
            disordered += 1
        seen[name].add(number)
        highest[name] = max(highest[name], number)
    return Verdict(
        sum(sent.values()),
        sum(acknowledged.values()),
        sum(absent(seen[name], last) for name, last in acknowledged.items()),
        sum(absent(seen[name], last) for name, last in sent.items()),
        doubled,
        disordered,
    )


def absent(seen: set[int], last: int) -> int:
    """Return how many of the numbers from 1 to the last were not seen."""
    return last - sum(number <= last for number in seen)


class Sender:
    """Sends numbered lines at a steady pace, whoever is killed meanwhile.

    Attributes:
        name: the first word of its lines, and its id as a client.
        sent: the number of the last line that was given to the kernel.
        acknowledged: the number of the last line that is known to be durable.
        silence: the longest time between two acknowledgements, in seconds.
        connections: how often it has connected.
    """

    def __init__(
        self, name: str, ports: Sequence[int], *, acknowledged: bool, rate: int
    ) -> None:
        """Send nothing yet.

        Args:
            name: the first word of its lines.
            ports: where to connect, in turn, on this machine.
            acknowledged: whether lines are sent again until they are acknowledged.
            rate: how many lines a second.
        """
        self.name = name
        self.sent = self.acknowledged = self.connections = 0
        self.silence = 0.0
        self.keeps = acknowledged
        self._ports = ports
        self._block = max(1, round(rate * TURN))
        self._window = 10 * rate
        self._ended = False

    def end(self) -> None:
        """Send no new lines: the run is over when those sent are acknowledged."""
        self._ended = True

    async def run(self) -> None:
        """Send until the end, and until all is acknowledged if that is wanted."""
        self._heard = time.monotonic()
        while not self._done():
            port = self._ports[self.connections % len(self._ports)]
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                connecting = asyncio.open_connection("127.0.0.1", port)
                reader, writer = await asyncio.wait_for(connecting, 2)
                self.connections += 1
                try:
                    await self._talk(reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(TURN)

    def _done(self) -> bool:
        return self._ended and (not self.keeps or self.acknowledged >= self.sent)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Use one connection, until it or the run ends."""
        number = (self.acknowledged if self.keeps else self.sent) + 1
        if self.keeps:
            writer.write(f"echolab-client {self.name} {number}\n".encode())
        listening = asyncio.ensure_future(self._listen(reader))
        sending = asyncio.ensure_future(self._send(writer, number))
        try:
            await asyncio.wait((listening, sending), return_when="FIRST_COMPLETED")
            if sending.done() and not sending.exception() and not self.keeps:
                writer.write_eof()
                await asyncio.wait((listening,), timeout=20)
        finally:
            for task in (listening, sending):
                task.cancel()
            await asyncio.gather(listening, sending, return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Note each acknowledgement; what a plain sender is told does not matter.

        The first answer tells what an earlier connection has made durable.
        """
        while answer := await reader.readline():
            if self.keeps:
                now = time.monotonic()
                if (number := int(answer)) > self.acknowledged:
                    self.acknowledged = number
                    self.silence = max(self.silence, now - self._heard)
                    self._heard = now
                if self._done():
                    return

    async def _send(self, writer: asyncio.StreamWriter, number: int) -> None:
        """Send lines from this number on."""
        while not (self._ended and number > self.sent):
            ahead = number - self.acknowledged
            if not self.keeps or ahead < self._window:
                last = number + self._block - 1
                if self._ended:
                    last = min(last, self.sent)
                lines = [LINE % (self.name, i) for i in range(number, last + 1)]
                writer.write("".join(lines).encode())
                self.sent = max(self.sent, last)
                number = last + 1
                await writer.drain()
            else:
                self._heard_nothing()
            await asyncio.sleep(TURN)
        while self.keeps and not self._done():
            await asyncio.sleep(TURN)

    def _heard_nothing(self) -> None:
        self.silence = max(self.silence, time.monotonic() - self._heard)
