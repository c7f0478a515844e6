"""What recordings say, held against captures that tcpdump makes beside them."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from echolab import Called, Sampled
from echolab.formats.recording import read_recording
from echolab.lab.joining import join
from echolab.lab.reading import read_sides
from tests.capturing import CaptureCase
from tests.support import SECONDS, Client, write_certificates
from tests.witnesses import Ledger, drawn

AT_ONCE = struct.pack("ii", 1, 0)


class CaptureTests(CaptureCase):
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
        self.run_client("127.0.0.1", str(port), typed=b"hello\nbye\n")
        self.finished()
        _, [captured] = self.agree()
        ledger = Ledger([*read_recording(self.client_file)], port)
        self.assertEqual(ledger.ends, captured.ends)
        self.assertEqual(ledger.received, captured.data(of_server=True))
        self.assertEqual(ledger.sent_bytes, len(captured.data(of_server=False)))
        self.closed_first(ledger, captured, own="client", peer="server")
        self.compare_figures(1, self.client_file)
        self.compare_figures(1, str(self.server_file), self.client_file)

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
        port = self.serve("--idle-timeout", "500ms")  # Long enough for the last words.
        self.start_client("127.0.0.1", str(port)).end()
        self.finished()
        [ledger], [captured] = self.both()
        self.assertEqual(captured.ends[2:], ["server FIN", "client FIN"])
        self.compare(ledger, captured, ends_first=True)
        self.compare_figures(1, str(self.server_file), self.client_file)

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

    def test_a_client_whose_end_waits_behind_its_bytes(self) -> None:
        (self.folder / "big").write_bytes(b"0123456789abcde\n" * 125_000)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(SECONDS)
            port = server.getsockname()[1]
            self.capture(port)
            words = ("127.0.0.1", str(port), "--file", f"{self.folder}/big")
            client = self.start_client(*words)
            peer, _ = server.accept()
            with peer:
                peer.settimeout(SECONDS)
                peer.recv(1000)
                self.wait_for_record(b'"state":"FIN_WAIT_1"')
                self.read_to_the_end(peer)
            client.end()
            [captured] = self.captured()
        self.assertEqual(captured.ends[2:], ["client FIN", "server FIN"])
        ledger = Ledger([*read_recording(self.client_file)], port)
        self.assertEqual(ledger.ends, captured.ends)
        [account] = join([read_sides(self.client_file)])
        self.assertEqual(drawn(account).ends, captured.ends)

    def test_a_server_whose_end_waits_behind_its_bytes(self) -> None:
        port = self.serve("--reply", "echo", "--behave", "close:after-bytes=1000000")
        with Client(port) as client:
            client.sendall(b"x" * 1_000_000)
            self.server.wait_for(b'"state":"FIN_WAIT_1"')
            self.read_to_the_end(client)
        self.server.wait_for(b'"state":"TIME_WAIT"')
        [ledger], [captured] = self.both()
        self.compare(ledger, captured)
        self.assertEqual(captured.ends[2:], ["server FIN", "client FIN"])
        [account, _] = join([read_sides(self.server_file)])
        self.assertEqual(drawn(account).ends, captured.ends)

    def test_the_clients_end_between_two_looks(self) -> None:
        port = self.serve("--behave", "close:after-messages=1")
        with Client(port) as client:
            client.sendall(b"hello\n")
            self.read_to_the_end(client)
            self.server.wait_for(b'"end":"own"')
        self.server.wait_for(b'"state":"TIME_WAIT"')
        _, [captured] = self.agree()
        self.assertEqual(captured.ends[2:], ["server FIN", "client FIN"])

    def read_to_the_end(self, peer: socket.socket) -> None:
        while peer.recv(1 << 16):
            pass

    def wait_for_record(self, words: bytes) -> None:
        """Wait until a client has recorded something."""
        deadline = time.monotonic() + SECONDS
        while words not in Path(self.client_file).read_bytes():
            self.assertLess(time.monotonic(), deadline)

    def test_refused(self) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            self.capture(port)
            self.run_client("127.0.0.1", str(port), typed=b"")
            bound.listen()
            [captured] = self.captured()
        self.assertEqual(captured.ends, ["client SYN", "server RST"])
        errors = [
            each.errno
            for each in read_recording(self.client_file)
            if isinstance(each, Called) and each.call != "socket"
        ]
        self.assertIn("ECONNREFUSED", errors)
        [account] = join([read_sides(self.client_file)])
        self.assertEqual(drawn(account).ends, captured.ends)

    def test_a_full_backlog(self) -> None:
        port = self.serve("--behave", "hold-accept", "--backlog", "1")
        with Client(port), Client(port), socket.socket() as third:
            third.bind(("127.0.0.1", 0))
            third.setblocking(False)
            third.connect_ex(("127.0.0.1", port))
            ports = struct.pack("!HH", third.getsockname()[1], port)
            self.tcpdump.wait_for(ports, times=2)
            self.server.wait_for(b'"waiting":2,"drops":2')
        *_, captured = self.captured_so_far()
        self.assertEqual(captured.ends[:2], ["client SYN", "client SYN"])
        self.assertEqual(len({each.seq for each in captured.packets}), 1)

    def test_tls(self) -> None:
        write_certificates(self.folder, server="localhost")
        keys = str(self.folder / "keys.txt")
        port = self.serve(
            *("--cert", f"{self.folder}/server.pem", "--tls-keys", keys),
            *("--reply", "echo"),
        )
        self.run_client(
            *("127.0.0.1", str(port), "--tls", "--insecure", "--tls-keys", keys),
            typed=b"hello\nbye\n",
        )
        self.finished()
        [captured], [ledger] = self.captured(), self.recorded()
        self.compare(ledger, captured, ends_first=True)
        self.assertNotIn(b"hello", captured.data(of_server=False))
        ledger = Ledger([*read_recording(self.client_file)], port)
        self.assertEqual(ledger.ends, captured.ends)
        self.assertEqual(ledger.received, captured.data(of_server=True))
        self.compare_figures(1, str(self.server_file), self.client_file)

    def test_a_retransmission(self) -> None:
        self.alone()
        port = self.serve()
        client = self.start_client("127.0.0.1", str(port))
        self.server.wait_for(b'"event":"accepted"')
        self.tc("qdisc", "add", "dev", "lo", "root", "blackhole")
        client.send(b"hello\n")
        deadline = time.monotonic() + SECONDS
        while b"dropped 0" in self.tc("-s", "qdisc", "show", "dev", "lo"):
            self.assertLess(time.monotonic(), deadline)
        self.tc("qdisc", "del", "dev", "lo", "root")
        self.server.wait_for(b'"data":"hello\\n"')
        client.end_input()
        client.end()
        self.finished()
        _, [captured] = self.agree()
        self.assertEqual(captured.data(of_server=False), b"hello\n")
        ledger = Ledger([*read_recording(self.client_file)], port)
        self.assertEqual(ledger.ends, captured.ends)
        self.assertGreaterEqual(ledger.all(Sampled)[-1].retransmits or 0, 1)
        self.compare_figures(1, str(self.server_file), self.client_file)

    def tc(self, *words: str) -> bytes:
        """Run tc(8): it makes the loopback lose what is sent."""
        if shutil.which("tc") is None:
            raise SkipTest("there is no tc")
        ended = subprocess.run(
            [*self.inside, "tc", *words], capture_output=True, check=False
        )
        if ended.returncode:
            raise SkipTest(f"tc: {ended.stderr.decode()}")
        return ended.stdout

    def test_unix_sockets_have_no_packets(self) -> None:
        self.alone()
        self.serve(
            *("--listen", "tcp:0:interface=127.0.0.1", "--listen", f"unix:{self.path}"),
            only="ip or ip6",
        )
        self.run_client("--connect", f"unix:{self.path}", typed=b"hello\n")
        self.finished()
        self.assertEqual(self.captured(), [])
        [ledger, _] = self.recorded()
        self.assertEqual(ledger.received, b"hello\n")
        for recordings in ([str(self.server_file)], [self.client_file]):
            account, *_ = join([read_sides(path) for path in recordings])
            self.assertEqual(drawn(account).ends, [])
