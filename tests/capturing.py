"""Captures that tcpdump makes beside recordings, and what both say of a connection."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter, defaultdict
from typing import NamedTuple, TypeVar

from twisted.trial.unittest import SkipTest

from echolab import (
    Called,
    Chunk,
    Diagnosed,
    Event,
    SynSaved,
)
from echolab.formats.recording import events_of
from echolab.lab.capture import Packet, read_capture
from echolab.lab.captured import with_packets
from echolab.lab.conversations import packets_of
from echolab.lab.dissecting import Segment, dissect
from echolab.lab.joining import Account, join
from echolab.lab.layout import lay_out
from echolab.lab.ledger import End
from echolab.lab.reading import read_sides
from echolab.lab.segments import Flag
from tests.support import ECHOLAB, Client, Program, run
from tests.ways import FolderCase

T = TypeVar("T")

LAST_WORDS = b"all is captured\n"
BUFFERED = ("--buffer-size", "65536", "--snapshot-length", "70000")
"""Room for 900 packets of any size: with the defaults it is for eight."""
ENDS = Flag.SYN | Flag.FIN | Flag.RST


class Ledger:
    """What a recording says of one connection.

    Args:
        events: its events.
        server_port: the server's port.
    """

    def __init__(self, events: list[Event], server_port: int) -> None:
        self.events = events
        made = [*packets_of(events)]
        # Over TLS, a capture has the ciphertext.
        made = [each for each in made if each.encrypted] or made
        packets = [dissect(each.data) for each in made]
        self.ends = ends([each for each in packets if each], server_port)
        encrypted = [each.data for each in self.calls("recv") if each.data is not None]
        self.received = b"".join(encrypted or [each.data for each in self.all(Chunk)])
        self.sent_bytes = sum(
            each.result for each in self.calls("send") if each.result > 0
        )

    def all(self, kind: type[T]) -> list[T]:
        return [each for each in self.events if isinstance(each, kind)]

    def calls(self, name: str) -> list[Called]:
        return [each for each in self.all(Called) if each.call == name]

    def states(self, end: str) -> list[str]:
        """Return what inet_diag told of an end."""
        return [each.state for each in self.all(Diagnosed) if each.end == end]


class Captured:
    """What a capture says of one connection; each packet is there once.

    Args:
        packets: its packets.
        server_port: the server's port.
    """

    def __init__(self, packets: list[Packet], server_port: int) -> None:
        self.packets = packets
        self.ends = ends(packets, server_port)
        self._port = server_port

    def data(self, *, of_server: bool) -> bytes:
        """Put a stream together, by the sequence numbers."""
        found = bytearray()
        first: int | None = None
        for each in self.packets:
            if (each.source.port == self._port) != of_server:
                continue
            if each.flags & Flag.SYN:
                first = each.seq + 1
            elif each.length:
                assert first is not None
                assert each.data is not None
                at = (each.seq - first) % 2**32
                found[at : at + each.length] = each.data
        return bytes(found)

    def windows(self, *, of_server: bool) -> list[int]:
        return [
            each.window
            for each in self.packets
            if (each.source.port == self._port) == of_server
            and not each.flags & (Flag.SYN | Flag.RST)
        ]


def ends(packets: list[Packet] | list[Segment], server_port: int) -> list[str]:
    """Return each SYN, FIN and RST in order: ``client SYN``, ``server FIN``, …"""
    return [
        f"{'server' if each.source.port == server_port else 'client'} "
        f"{(each.flags & ENDS).name}"
        for each in packets
        if each.flags & ENDS
    ]


class Drawn(NamedTuple):
    """What the figure of a connection says.

    Attributes:
        ends: like those of `Ledger`.
        moved: how many bytes went to each end.
    """

    ends: list[str]
    moved: Counter[str]


def drawn(account: Account) -> Drawn:
    """Return what the figure of packets says."""
    arrows = [row.arrow for row in lay_out(account, "packets") if row.arrow]
    found = Drawn([], Counter())
    for arrow in arrows:
        source = "server" if arrow.to is End.CLIENT else "client"
        found.ends.extend(
            f"{source} {flag}" for flag in re.findall("SYN|FIN|RST", arrow.label)
        )
        if arrow.span:
            found.moved[arrow.to.name] += arrow.span[1]
    return found


class CaptureCase(FolderCase):
    """Programs that record, and tcpdump beside them."""

    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() != 0 or shutil.which("tcpdump") is None:
            raise SkipTest("only root can capture, with tcpdump")
        self.inside: tuple[str, ...] = ()
        self.server_file = self.folder / "server.jsonl"
        self.client_file = str(self.folder / "client.jsonl")
        self.capture_file = self.folder / "lo.pcap"

    def alone(self) -> None:
        """Start all programs in a network of their own, which has only a loopback."""
        for tool in ("unshare", "nsenter", "ip"):
            if shutil.which(tool) is None:
                raise SkipTest(f"there is no {tool}")
        script = "ip link set lo up && echo ready && exec cat"
        holder = Program("-n", "sh", "-c", script, program=("unshare",))
        self.enterContext(holder)
        try:
            holder.wait_for(b"ready")
        except AssertionError as error:
            raise SkipTest(f"no network namespace: {error}") from None
        self.inside = ("nsenter", "-t", str(holder.process.pid), "-n")

    def serve(self, *options: str, only: str = "") -> int:
        """Start a server that records, and a capture of its port; return that.

        Args:
            options: more options of the server.
            only: what to capture instead, as a filter of tcpdump.
        """
        where = ("--port", "0", "--interface", "127.0.0.1")
        self.server = self.enterContext(
            Program(
                *("server", "--record", "-", "--framing", "chunk"),
                *(() if "--listen" in options else where),
                *options,
                program=(*self.inside, *ECHOLAB),
            )
        )
        port = self.server.port()
        self.capture(port, only=only)
        return port

    def capture(self, port: int, *, only: str = "") -> None:
        """Start tcpdump."""
        self.port = port
        self.tcpdump = self.enterContext(
            Program(
                *("-i", "lo", "-U", "--immediate-mode", "-w", "-"),
                *BUFFERED,
                *(only or f"tcp port {port}").split(),
                program=(*self.inside, "tcpdump"),
            )
        )
        try:
            self.tcpdump.wait_for(b"listening on", stream="err")
        except AssertionError:
            self.tcpdump.process.kill()
            raise SkipTest(f"tcpdump: {self.tcpdump.err.decode()}") from None

    def client(self, *words: str, typed: bytes) -> bytes:
        """Run a client that records to its end; return its stderr."""
        ended = run(
            *("client", "--record", self.client_file, *words),
            typed=typed,
            program=(*self.inside, *ECHOLAB),
        )
        return ended.err

    def finished(self, times: int = 1) -> None:
        self.server.wait_for(b'"event":"finished"', times=times)

    def captured(self) -> list[Captured]:
        """End the capture, with a last connection; return all before it, in order."""
        if self.inside:
            words = ("client", "127.0.0.1", str(self.port))
            run(*words, typed=LAST_WORDS, program=(*self.inside, *ECHOLAB))
        else:
            with Client(self.port) as client:
                client.sendall(LAST_WORDS)
        self.tcpdump.wait_for(LAST_WORDS)
        return self.captured_so_far()[:-1]

    def captured_so_far(self) -> list[Captured]:
        """End the capture; return all connections, in order."""
        self.tcpdump.process.terminate()
        self.tcpdump.end()
        self.capture_file.write_bytes(self.tcpdump.out)
        packets: dict[int, list[Packet]] = defaultdict(list)
        for packet in read_capture(self.capture_file):
            client_port = {packet.source.port, packet.target.port} - {self.port}
            packets[client_port.pop()].append(packet)
        return [Captured(each, self.port) for each in packets.values()]

    def recorded(self) -> list[Ledger]:
        """End the server; return its connections, in order."""
        self.server.process.terminate()
        self.server.end()
        self.server_file.write_bytes(self.server.out)
        events: dict[int, list[Event]] = defaultdict(list)
        for event in events_of(self.server.out.splitlines(keepends=True)):
            events[event.peer.number].append(event)
        del events[0]
        return [Ledger(each, self.port) for each in events.values()]

    def both(self) -> tuple[list[Ledger], list[Captured]]:
        """End everything; return what both say of each connection, in order."""
        captured = self.captured()
        self.server.wait_for(LAST_WORDS.strip())
        ledgers = self.recorded()[:-1]
        self.assertEqual(len(ledgers), len(captured))
        return ledgers, captured

    def agree(self) -> tuple[list[Ledger], list[Captured]]:
        """Check all that both say; return it."""
        ledgers, captures = self.both()
        for ledger, captured in zip(ledgers, captures, strict=True):
            self.compare(ledger, captured)
        self.compare_figures(len(ledgers), str(self.server_file))
        return ledgers, captures

    def compare(self, ledger: Ledger, captured: Captured) -> None:
        """Check all that a server's ledger and a capture say of a connection."""
        self.assertEqual(ledger.ends, captured.ends)
        self.assertEqual(ledger.received, captured.data(of_server=False))
        self.assertEqual(ledger.sent_bytes, len(captured.data(of_server=True)))
        [saved] = ledger.all(SynSaved)
        syn = dissect(saved.packet)
        assert syn is not None
        self.assertEqual(syn[2:7], captured.packets[0][4:9])
        self.closed_first(ledger, captured)

    def compare_figures(self, connections: int, *recordings: str) -> None:
        """Check that figures say the same without the capture and with it."""
        accounts = join([read_sides(path) for path in recordings])[:connections]
        packets = [*read_capture(self.capture_file)]
        for account, captured in zip(
            accounts, with_packets(accounts, packets), strict=True
        ):
            self.assertTrue(captured.is_captured)
            self.assertEqual(drawn(account), drawn(captured))

    def closed_first(
        self,
        ledger: Ledger,
        captured: Captured,
        *,
        own: str = "server",
        peer: str = "client",
    ) -> None:
        """Check that TIME_WAIT is where the first FIN came from."""
        fins = [each for each in captured.ends if each.endswith("FIN")]
        for end, side in (("own", own), ("peer", peer)):
            if "TIME_WAIT" in ledger.states(end):
                self.assertEqual(fins[0], f"{side} FIN")
