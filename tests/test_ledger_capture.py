"""What recordings say, held against captures that tcpdump makes beside them."""

from __future__ import annotations

import os
import shutil
import socket
import struct
from collections import defaultdict
from typing import TypeVar

from twisted.trial.unittest import SkipTest

from echolab import (
    Called,
    Chunk,
    Diagnosed,
    Event,
    Sampled,
    SynSaved,
)
from echolab.formats.recording import events_of, read_recording
from echolab.lab.capture import Packet, read_capture
from echolab.lab.conversations import packets_of
from echolab.lab.dissecting import Segment, dissect
from echolab.lab.segments import Flag
from tests.support import SECONDS, Client, Program, run
from tests.ways import FolderCase

T = TypeVar("T")

LAST_WORDS = b"all is captured\n"
BUFFERED = ("--buffer-size", "65536", "--snapshot-length", "70000")
"""Room for 900 packets of any size: with the defaults it is for eight."""
AT_ONCE = struct.pack("ii", 1, 0)
ENDS = Flag.SYN | Flag.FIN | Flag.RST


class Ledger:
    """What a recording says of one connection.

    Args:
        events: its events.
        server_port: the server's port.
    """

    def __init__(self, events: list[Event], server_port: int) -> None:
        self.events = events
        packets = [dissect(each.data) for each in packets_of(events)]
        self.ends = ends([each for each in packets if each], server_port)
        self.received = b"".join(each.data for each in self.all(Chunk))
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


class CaptureTests(FolderCase):
    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() != 0 or shutil.which("tcpdump") is None:
            raise SkipTest("only root can capture, with tcpdump")

    def serve(self, *options: str) -> int:
        """Start a server that records, and a capture of its port; return that."""
        self.server = self.enterContext(
            Program(
                *("server", "--record", "-", "--port", "0", "--interface"),
                *("127.0.0.1", "--framing", "chunk", *options),
            )
        )
        self.port = self.server.port()
        self.tcpdump = self.enterContext(
            Program(
                *("-i", "lo", "-U", "--immediate-mode", "-w", "-"),
                *BUFFERED,
                *("tcp", "port", str(self.port)),
                program=("tcpdump",),
            )
        )
        try:
            self.tcpdump.wait_for(b"listening on", stream="err")
        except AssertionError:
            self.tcpdump.process.kill()
            raise SkipTest(f"tcpdump: {self.tcpdump.err.decode()}") from None
        return self.port

    def finished(self, times: int = 1) -> None:
        self.server.wait_for(b'"event":"finished"', times=times)

    def both(self) -> tuple[list[Ledger], list[Captured]]:
        """End everything; return what both say of each connection, in order."""
        with Client(self.port) as client:
            client.sendall(LAST_WORDS)
        self.server.wait_for(LAST_WORDS.strip())
        self.tcpdump.wait_for(LAST_WORDS)
        self.server.process.terminate()
        self.server.end()
        self.tcpdump.process.terminate()
        self.tcpdump.end()
        events: dict[int, list[Event]] = defaultdict(list)
        for event in events_of(self.server.out.splitlines(keepends=True)):
            events[event.peer.number].append(event)
        del events[0]
        path = self.folder / "lo.pcap"
        path.write_bytes(self.tcpdump.out)
        packets: dict[int, list[Packet]] = defaultdict(list)
        for packet in read_capture(path):
            client_port = {packet.source.port, packet.target.port} - {self.port}
            packets[client_port.pop()].append(packet)
        ledgers = [Ledger(each, self.port) for each in events.values()]
        captured = [Captured(each, self.port) for each in packets.values()]
        self.assertEqual(len(ledgers), len(captured))
        return ledgers[:-1], captured[:-1]

    def agree(self) -> tuple[list[Ledger], list[Captured]]:
        """Check all that both say; return it."""
        ledgers, captures = self.both()
        for ledger, captured in zip(ledgers, captures, strict=True):
            self.assertEqual(ledger.ends, captured.ends)
            self.assertEqual(ledger.received, captured.data(of_server=False))
            self.assertEqual(ledger.sent_bytes, len(captured.data(of_server=True)))
            [saved] = ledger.all(SynSaved)
            syn = dissect(saved.packet)
            assert syn is not None
            self.assertEqual(syn[2:7], captured.packets[0][4:9])
            self.closed_first(ledger, captured)
        return ledgers, captures

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

    def test_the_session_of_the_lecture(self) -> None:
        with Client(self.serve()) as client:
            for line in (b"hello\n", b"this is test client\n", b"bye\n"):
                client.sendall(line)
                self.server.wait_for(line.strip())
        self.finished()
        [ledger], [captured] = self.agree()
        self.assertEqual(
            captured.ends, ["client SYN", "server SYN", "client FIN", "server FIN"]
        )
        lengths = [each.length for each in captured.packets if each.length]
        reads = [each.result for each in ledger.calls("recv") if each.result > 0]
        self.assertEqual(reads, lengths)
        last = ledger.all(Sampled)[-1]
        self.assertEqual(last.data_segments_in, 3)
        self.assertEqual(last.arrived_bytes, len(ledger.received) + 1)

    def test_the_recording_of_a_client(self) -> None:
        port = self.serve("--reply", "echo")
        recording = str(self.folder / "client.jsonl")
        words = ("client", "--record", recording, "127.0.0.1", str(port))
        ended = run(*words, typed=b"hello\nbye\n")
        self.assertEqual((ended.process.returncode, ended.out), (0, b"hello\nbye\n"))
        self.finished()
        _, [captured] = self.agree()
        ledger = Ledger([*read_recording(recording)], port)
        self.assertEqual(ledger.ends, captured.ends)
        self.assertEqual(ledger.received, captured.data(of_server=True))
        self.assertEqual(ledger.sent_bytes, len(captured.data(of_server=False)))
        self.closed_first(ledger, captured, own="client", peer="server")

    def test_resets(self) -> None:
        port = self.serve("--reply", "echo")
        with Client(port) as client:
            client.sendall(b"linger\n")
            self.assertEqual(client.recv(9), b"linger\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.finished()
        with Client(port) as client:
            client.sendall(b"unread\n")
            client.recv(9, socket.MSG_PEEK)
        self.finished(2)
        _, captures = self.agree()
        for captured in captures:
            self.assertEqual(captured.ends[2:], ["client RST"])

    def test_the_server_resets(self) -> None:
        with Client(self.serve("--behave", "reset:after-messages=1")) as client:
            client.sendall(b"hello\n")
            with self.assertRaises(ConnectionResetError):
                client.recv(9)
        self.finished()
        _, [captured] = self.agree()
        self.assertEqual(captured.ends[2:], ["server RST"])

    def test_the_server_ends_first(self) -> None:
        with Client(self.serve("--idle-timeout", "10ms")) as client:
            self.assertEqual(client.recv(9), b"")
        self.finished()
        [ledger], [captured] = self.both()
        self.assertEqual(captured.ends[2:3], ["server FIN"])
        self.assertEqual(ledger.ends, captured.ends[: len(ledger.ends)])

    def test_a_half_close(self) -> None:
        with Client(self.serve("--reply", "echo")) as client:
            client.sendall(b"first\n")
            self.assertEqual(client.recv(9), b"first\n")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(client.recv(9), b"")
        self.finished()
        _, [captured] = self.agree()
        self.assertEqual(captured.ends[2:], ["client FIN", "server FIN"])

    def test_a_zero_window(self) -> None:
        port = self.serve("--reply", "echo")
        sent = b"0123456789abcde\n" * 2500
        with socket.socket() as client:
            client.settimeout(SECONDS)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
            client.connect(("127.0.0.1", port))
            client.sendall(sent)
            self.server.wait_for(b'"send_window":0,')
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: client.recv(1 << 16), b""))
        self.assertEqual(received, sent)
        self.finished()
        [ledger], [captured] = self.agree()
        self.assertIn(0, captured.windows(of_server=False))
        self.assertEqual(
            0 in captured.windows(of_server=True),
            0 in [each.receive_window for each in ledger.all(Sampled)],
        )
