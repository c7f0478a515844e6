"""Recordings of sessions, made by hand: the lecture's, and others."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from echolab import (
    Accepted,
    Batch,
    Called,
    Chunk,
    Connected,
    Diagnosed,
    EndCause,
    Event,
    Finished,
    Listening,
    Peer,
    Received,
    Sampled,
    Sent,
    SynSaved,
)
from echolab.formats.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TIME = 1_795_000_000.0
MONOTONIC = 500.0


def syn_of(client: Peer, server: Peer) -> bytes:
    """Return a SYN with the option MSS 65495, as a kernel keeps it."""
    ends = [ip_address(each.host or "") for each in (client, server)]
    addresses = b"".join(each.packed for each in ends)
    ip = b"\x45" + bytes(11) if ends[0].version == 4 else b"\x60" + bytes(7)
    ports = struct.pack("!HH", client.port, server.port)
    tcp = ports + struct.pack("!IIBBHHH", 1234, 0, 6 << 4, 2, 65495, 0, 0)
    return ip + addresses + tcp + b"\2\4" + struct.pack("!H", 65495)


class Pair:
    """Both ends of a connection; their events are recorded at times from 0.

    Args:
        client: the client, as the server sees it.
        server: the address of the server.
        server_ahead: how far the server's clocks are ahead of the client's.
    """

    def __init__(
        self,
        client: Peer | None = None,
        server: Peer | None = None,
        *,
        server_ahead: float = 0.0,
    ) -> None:
        self.client = client or Peer(1, "IPv4", "127.0.0.1", 60612)
        server = server or Peer(0, "IPv4", "127.0.0.1", 8888)
        self.port = replace(server, number=0)
        self.server = replace(server, number=self.client.number)
        self.at_client: list[Event] = []
        self.at_server: list[Event] = []
        self._ahead = server_ahead

    def _call(
        self, peer: Peer, time: float, call: str, *said: Any, seconds: float = 1e-5
    ) -> Called:
        event = Called(
            peer, TIME + time, call, seconds=seconds, monotonic=MONOTONIC + time
        )
        names = ("arguments", "result", "errno")[: len(said)]
        values = dict(zip(names, said, strict=True))
        values["arguments"] = str(values.get("arguments", ""))
        return replace(event, **values)

    def client_calls(self, time: float, call: str, *said: Any) -> None:
        self.at_client.append(self._call(self.server, time, call, *said))

    def server_calls(self, time: float, call: str, *said: Any) -> None:
        event = self._call(self.client, time + self._ahead, call, *said)
        self.at_server.append(event)

    def listens(self, time: float = -9.0) -> None:
        at = time + self._ahead
        for call, arguments in (
            ("socket", ""),
            ("bind", f"{self.port}"),
            ("listen", "1024"),
        ):
            self.at_server.append(self._call(self.port, at, call, arguments))
        self.at_server.append(Listening(self.port, TIME + at, 1024, somaxconn=4096))

    def connects(self, *, trip: float = 0.0001, accepted: float = 0.0002) -> None:
        self.client_calls(0.0, "socket")
        where = str(self.port)
        self.client_calls(0.00001, "connect", where, -1, "EINPROGRESS")
        self.client_calls(trip, "connect", where, 0)
        self.at_client.append(
            Connected(self.server, TIME + trip, self.client, MONOTONIC + trip)
        )
        at = accepted + self._ahead
        self.server_calls(accepted, "accept", "", 12)
        self.at_server.append(
            Accepted(self.client, TIME + at, self.server, MONOTONIC + at)
        )

    def saves_syn(self) -> None:
        packet = syn_of(self.client, self.server)
        time = self.at_server[-1].time
        self.at_server.append(SynSaved(self.client, time, packet))

    def client_sends(self, time: float, data: bytes, *taken: int) -> None:
        self.at_client.append(Sent(self.server, TIME + time, data))
        for number in taken or (len(data),):
            self.client_calls(time + 0.00001, "send", number, number)

    def server_receives(self, time: float, data: bytes) -> None:
        self.server_calls(time, "recv", 65536, len(data))
        at = TIME + time + self._ahead
        self.at_server.append(Chunk(self.client, at, data))
        lines = tuple(data.splitlines())
        self.at_server.append(Received(self.client, at, Batch(lines)))

    def client_is_sampled(self, time: float, **counters: Any) -> None:
        sample = Sampled(self.server, TIME + time, "ESTABLISHED", **counters)
        self.at_client.append(sample)

    def ends(self, time: float, number: int) -> None:
        """The client ends first, after so many bytes; then it waits."""
        self.client_calls(time, "shutdown", "SHUT_WR")
        self.server_calls(time + 0.0001, "recv", 65536, 0)
        self.server_calls(time + 0.0002, "shutdown", "SHUT_RDWR")
        self.server_calls(time + 0.0003, "close")
        self.finishes(number)
        self.client_calls(time + 0.0005, "recv", 65536, 0)
        self.client_calls(time + 0.0006, "close")
        self.at_client.append(
            Diagnosed(self.server, TIME + time + 0.0007, "own", "TIME_WAIT", 60.0)
        )
        self.at_client.append(
            Finished(
                self.server,
                self.at_client[-1].time,
                EndCause.EOF,
                received_bytes=0,
                seconds=time,
                sent_bytes=number,
            )
        )

    def finishes(self, number: int, cause: EndCause = EndCause.EOF) -> None:
        last = self.at_server[-1].time
        detail = "ECONNRESET" if cause is EndCause.RESET else ""
        self.at_server.append(
            Finished(
                self.client,
                last,
                cause,
                received_bytes=number,
                seconds=1.0,
                detail=detail,
                sent_bytes=0,
            )
        )


def hello(pair: Pair | None = None) -> Pair:
    """Return the lecture's session, with one line."""
    pair = pair or Pair()
    pair.listens()
    pair.connects()
    if pair.client.family != "UNIX":
        pair.saves_syn()
    pair.client_is_sampled(
        0.0003, acked_bytes=1, segments_in=1, data_segments_in=0, data_segments_out=0
    )
    pair.client_sends(0.8123, b"hello\n")
    pair.client_is_sampled(
        0.8124, acked_bytes=7, segments_in=2, data_segments_in=0, data_segments_out=1
    )
    pair.server_receives(0.8126, b"hello\n")
    pair.ends(5.0, 6)
    return pair


def older(events: Iterable[Event]) -> list[Event]:
    """Return events as a recording without calls has them."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Accepted | Connected):
            kept.append(replace(event, local=None, monotonic=None))
        elif isinstance(event, Chunk | Received | Sent | Finished):
            kept.append(event)
    return kept


def write(path: Path, events: Iterable[Event]) -> str:
    """Write a recording; return its path."""
    path.write_bytes(b"".join(map(Recording(), events)))
    return str(path)
