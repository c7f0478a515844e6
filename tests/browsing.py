"""A browser in memory, and a server for it to watch."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from echolab import EndCause, Lines, Peer
from echolab.events import Accepted, Chunk, Finished, Received
from echolab.web.page_clock import PageClock
from echolab.web.site import page_site
from echolab.web.totals import EndedRow, QueueNow, Row, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event

TOKEN = "a-token-of-the-page"
HERE = IPv4Address("TCP", "127.0.0.1", 8889)
HOST = "127.0.0.1:8889"
THERE = IPv4Address("TCP", "127.0.0.1", 50000)


def peer(number: int) -> Peer:
    """Return the peer with a number."""
    return Peer(number, "IPv4", "127.0.0.1", 40000 + number)


def row(number: int, **changes: Any) -> Row:
    """Return the row of a connection."""
    plain = Row(
        number,
        str(peer(number)),
        *(10.0, 11.0, "open", "ESTABLISHED", 6, 1, 0, 0.001, 0, 0, 0, 100, 200, 0),
    )
    return plain._replace(**changes)


def ended_row(number: int) -> EndedRow:
    """Return the row of a connection that has ended."""
    return EndedRow(number, str(peer(number)), 10.0, 12.0, "eof", "", 6, 1, 0, 0, 0)


def said(number: int, text: bytes, time: float = 11.0) -> Received:
    """Return the event of lines that a peer has sent."""
    return Received(peer(number), time, Lines(text))


def life(number: int, data: bytes = b"hello\n") -> list[Event]:
    """Return the events of a connection from its beginning to its end."""
    who, here = peer(number), Peer(0, "IPv4", "127.0.0.1", 8888)
    return [
        Accepted(who, 10.0, here, 10.0),
        Chunk(who, 11.0, data),
        Received(who, 11.0, Lines(data)),
        Finished(
            who, 12.0, EndCause.EOF, received_bytes=len(data), messages=1, seconds=2.0
        ),
    ]


class FakeKnown:
    """What is known of one connection."""

    def __init__(self, number: int, events: list[Event]) -> None:
        self.number = number
        self.peer = peer(number)
        self.is_open = True
        self.is_skimmed = False
        self.revision = 1
        self.kept = events
        self.messages: list[tuple[int, Event]] = []
        self.drawn = 0

    def events(self) -> list[Event]:
        self.drawn += 1
        return self.kept

    def since(self, taken: int) -> Iterator[tuple[int, Event]]:
        return (each for each in self.messages if each[0] > taken)


class FakeWatch:
    """Knows what the test tells it."""

    def __init__(self, clock: Clock) -> None:
        self.time = PageClock(clock)
        self.run = "r1"
        self.taken = 0
        self.looks = 0
        self.open_rows: dict[int, Row] = {}
        self.ended: deque[EndedRow] = deque(maxlen=200)
        self.refused: deque[Any] = deque(maxlen=100)
        self.recent: deque[tuple[int, Event]] = deque(maxlen=300)
        self.connections: dict[int, FakeKnown] = {}
        self.chosen: list[int] = []
        self.now = Totals(
            *(True, False, {"open": 1}, 1, {"eof": 0}, {"refused": 0}, 6, 0, 0, 0),
            [QueueNow("127.0.0.1:8888", 0, 1024, None)],
            *(0, 0, 1.0, ["127.0.0.1:8888"]),
        )

    def look(self) -> None:
        self.looks += 1

    def totals(self) -> Totals:
        return self.now

    def take(self, event: Event) -> None:
        """Take a message."""
        self.taken += 1
        self.recent.append((self.taken, event))
        if isinstance(event, Received):
            messages = self.now.received_messages + len(event.messages)
            self.now = replace(self.now, received_messages=messages)

    def known(self, number: int) -> FakeKnown | None:
        return self.connections.get(number)

    def choose(self, number: int) -> None:
        self.chosen.append(number)

    def let_go(self, number: int) -> None:
        self.chosen.remove(number)

    def recording(self) -> Iterator[Event]:
        for known in self.connections.values():
            yield from known.kept


class Wire(StringTransport):
    """A connection of a browser, which can read slowly."""

    def __init__(self) -> None:
        super().__init__(HERE, THERE, lenient=True)
        self.aborted = False
        self.producer: Any = None

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


class Visit:
    """One connection of a browser, and the answer that it gets."""

    def __init__(self, browser: Browser) -> None:
        self.wire = Wire()
        self.channel = browser.site.buildProtocol(THERE)
        self.channel.makeConnection(self.wire)

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def vanish(self) -> None:
        self.channel.connectionLost(Failure(error.ConnectionLost()))

    @property
    def raw(self) -> bytes:
        written: bytes = self.wire.value()
        return written

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        head = self.raw.partition(b"\r\n\r\n")[0].decode()
        pairs = (line.split(": ", 1) for line in head.split("\r\n")[1:])
        return {name.lower(): value for name, value in pairs}

    @property
    def body(self) -> bytes:
        """The body; as far as it has come, if it comes in chunks."""
        body = self.raw.partition(b"\r\n\r\n")[2]
        if self.headers.get("transfer-encoding") != "chunked":
            return body
        joined = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            length = int(size, 16)
            joined, body = joined + body[:length], body[length + 2 :]
        return joined

    @property
    def is_whole(self) -> bool:
        """Whether an answer in chunks has ended."""
        return self.raw.endswith(b"0\r\n\r\n")

    @property
    def updates(self) -> list[dict[str, Any]]:
        """The updates of a stream."""
        return [
            json.loads(line.removeprefix("data: "))
            for line in self.body.decode().split("\n")
            if line.startswith("data: ")
        ]


class Browser:
    """Asks the page for things; it has the token unless it is told otherwise."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        clock = settings.pop("clock", self.clock)
        self.watch = FakeWatch(self.clock)
        self.spent = 0.0
        watch: Any = settings.pop("watch", self.watch)
        self.site = page_site(
            watch,
            clock=clock,
            token=TOKEN,
            metrics=settings.pop("metrics", lambda: (b"a 1\n", b"text/plain")),
            lag=lambda: 0.002,
            cost=lambda: self.spent,
            **settings,
        )

    def visit(self) -> Visit:
        return Visit(self)

    def ask(self, path: str, *, method: str = "GET", **headers: str | None) -> Visit:
        """Ask for a path; header names have underscores, None leaves one out."""
        asked: dict[str, str | None] = {
            "Host": HOST,
            "Authorization": f"Bearer {TOKEN}",
        }
        asked |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}\r\n" for name, value in asked.items() if value]
        visit = self.visit()
        visit.send(f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode())
        return visit

    def run(self, seconds: float = 0.5) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def turn(self) -> None:
        """Let the reactor turn until nothing is to be done now."""
        self.clock.advance(0)
