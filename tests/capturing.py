"""Programs that record, tcpdump beside them, and whether both say the same."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict

from twisted.trial.unittest import SkipTest

from echolab import Event, SynSaved
from echolab.formats.recording import events_of
from echolab.lab.capture import Packet, read_capture
from echolab.lab.captured import with_packets
from echolab.lab.dissecting import dissect
from echolab.lab.joining import join
from echolab.lab.reading import read_sides
from tests.support import ECHOLAB, Client, Program, placed, run
from tests.ways import FolderCase
from tests.witnesses import Captured, Ledger, drawn

LAST_WORDS = b"all is captured\n"
BUFFERED = ("--buffer-size", "65536", "--snapshot-length", "70000")
"""Room for 900 packets of any size: with the defaults it is for eight."""


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
        self.server = self.enterContext(
            Program(
                *("server", "--record", "-", "--framing", "chunk"),
                *placed(options),
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

    def start_client(self, *words: str) -> Program:
        """Start a client that records."""
        return self.enterContext(
            Program(
                *("client", "--record", self.client_file, *words),
                program=(*self.inside, *ECHOLAB),
            )
        )

    def run_client(self, *words: str, typed: bytes) -> None:
        """Run a client that records to its end."""
        client = self.start_client(*words)
        client.send(typed)
        client.end_input()
        client.end()

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

    def compare(
        self, ledger: Ledger, captured: Captured, *, ends_first: bool = False
    ) -> None:
        """Check all that a server's ledger and a capture say of a connection.

        Args:
            ledger: of the server.
            captured: the capture.
            ends_first: whether the server may have ended first: then it need not have
                seen the client's end.
        """
        seen = (
            captured.ends[: max(3, len(ledger.ends))] if ends_first else captured.ends
        )
        self.assertEqual(ledger.ends, seen)
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
