"""What recordings of both programs say: system calls, and what the kernel says."""

from __future__ import annotations

import re
import signal
import socket
import stat
import struct
import sys
from pathlib import Path
from typing import TypeVar

from twisted.trial.unittest import SkipTest

from echolab import (
    Accepted,
    Called,
    Chunk,
    Connected,
    Diagnosed,
    Finished,
    HalfClosed,
    Listening,
    Sampled,
    Sent,
    SynSaved,
)
from echolab.formats.recording import read_recording
from echolab.testing import Transcript
from tests.support import Client, Program, placed, run, write_certificates
from tests.ways import FolderCase

T = TypeVar("T")


class LedgerCase(FolderCase):
    def setUp(self) -> None:
        super().setUp()
        self.server_file = str(self.folder / "server.jsonl")
        self.client_file = str(self.folder / "client.jsonl")

    def serve(self, *options: str) -> Program:
        return self.start("--record", self.server_file, *placed(options))

    def stop(self, server: Program) -> None:
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.end(), -signal.SIGTERM, server.err)

    def events(self, path: str, kind: type[T]) -> list[T]:
        return [event for event in read_recording(path) if isinstance(event, kind)]

    def calls(self, path: str, number: int) -> list[str]:
        """Return the calls of one peer as strace writes them, the close last."""
        return [
            f"{call.call}({call.arguments}) = {call.errno or call.result}"
            for call in self.events(path, Called)
            if call.peer.number == number
        ]


class ServerCallTests(LedgerCase):
    def test_the_calls_of_the_lecture(self) -> None:
        server = self.serve()
        port = server.port()
        with Client(port) as client:
            client.sendall(b"hello\n")
            server.wait_for(b"recv hello")
        server.wait_for(b"finished")
        self.stop(server)
        listening = self.calls(self.server_file, 0)
        self.assertRegex(listening[0], r"^socket\(\) = [1-9]")
        self.assertEqual(
            listening[1:3], [f"bind(127.0.0.1:{port}) = 0", "listen(1024) = 0"]
        )
        self.assertIn("accept() = EAGAIN", listening)
        self.assertEqual(listening[-1], "close() = 0")
        accepted, *calls = self.calls(self.server_file, 1)
        self.assertRegex(accepted, r"^accept\(\) = [1-9]")
        self.assertEqual(calls[0], "recv(65536) = 6")
        self.assertEqual(calls[1], "recv(65536) = 0")
        self.assertRegex(calls[2], r"^shutdown\(SHUT_RDWR\) = ")
        self.assertEqual(calls[3:], ["close() = 0"])

    def test_both_ends_tell_their_addresses(self) -> None:
        server = self.serve("--once")
        port = server.port()
        with Client(port) as client:
            client.sendall(b"x\n")
            client_port = client.port
        server.end()
        [accepted] = self.events(self.server_file, Accepted)
        assert accepted.local is not None
        self.assertEqual(
            (accepted.peer.port, accepted.local.host, accepted.local.port),
            (client_port, "127.0.0.1", port),
        )

    def test_spans_are_of_the_monotonic_clock(self) -> None:
        server = self.serve("--once")
        with Client(server.port()) as client:
            client.sendall(b"x\n")
        server.end()
        [accepted] = self.events(self.server_file, Accepted)
        assert accepted.monotonic is not None
        received, *_ = [
            call for call in self.events(self.server_file, Called) if call.result == 2
        ]
        assert received.monotonic is not None
        self.assertGreaterEqual(received.monotonic, accepted.monotonic)
        self.assertAlmostEqual(
            received.monotonic - accepted.monotonic,
            received.time - accepted.time,
            places=2,
        )

    def test_a_reset_is_the_error_of_a_call(self) -> None:
        server = self.serve()
        with Client(server.port()) as client:
            client.sendall(b"x\n")
            server.wait_for(b"recv x")
            client.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        server.wait_for(b"reset")
        self.stop(server)
        self.assertIn("recv(65536) = ECONNRESET", self.calls(self.server_file, 1))

    def test_a_unix_socket(self) -> None:
        server = self.serve("--listen", f"unix:{self.path}")
        server.wait_for(b"listening on", stream="err")
        self.talk(data=b"hello\n")
        server.wait_for(b"finished")
        self.stop(server)
        names = [call.partition("(")[0] for call in self.calls(self.server_file, 1)]
        self.assertEqual(names[0], "accept")
        self.assertEqual(names[-1], "close")
        self.assertEqual(self.events(self.server_file, Sampled), [])
        [accepted] = self.events(self.server_file, Accepted)
        assert accepted.local is not None
        self.assertEqual(accepted.local.path, self.path)
        self.assertEqual(accepted.local.pid, server.process.pid)


class RotationTests(LedgerCase):
    def test_a_rotated_recording_can_be_read_by_itself(self) -> None:
        server = self.serve()
        with Client(server.port()) as client:
            client.sendall(b"one\n")
            server.wait_for(b"recv one")
            Path(self.server_file).rename(f"{self.server_file}.1")
            server.process.send_signal(signal.SIGHUP)
            server.wait_until(
                Path(self.server_file).exists, "it is not reopened", every=0.02
            )
            with Program("--retry", "-F", self.server_file, program=["tail"]) as tail:
                client.sendall(b"two\n")
                tail.wait_for(b'"data":"two')
        server.wait_for(b"finished")
        self.stop(server)
        for path, line in (f"{self.server_file}.1", b"one"), (self.server_file, b"two"):
            self.assertEqual(Transcript.load(path).lines(), [line])


class KernelTests(LedgerCase):
    def setUp(self) -> None:
        super().setUp()
        if sys.platform != "linux":
            raise SkipTest("Linux tells this")

    def test_what_it_says_of_a_connection(self) -> None:
        server = self.serve("--kernel", "auto")
        port = server.port()
        with Client(port) as client:
            client.sendall(b"hello\n")
            server.wait_for(b"recv hello")
            ours = client.port
        server.wait_for(b"finished")
        self.stop(server)
        first, *_ = self.events(self.server_file, Listening)
        self.assertEqual((first.peer.port, first.backlog), (port, 1024))
        assert first.somaxconn is not None
        [syn] = self.events(self.server_file, SynSaved)
        header = (syn.packet[0] & 15) * 4
        self.assertEqual(struct.unpack_from("!HH", syn.packet, header), (ours, port))
        received, *_ = [
            call
            for call in self.events(self.server_file, Called)
            if call.call == "recv"
        ]
        self.assertGreater(received.waited_seconds or 0, 0)
        sampled = self.events(self.server_file, Sampled)
        self.assertEqual(sampled[0].state, "ESTABLISHED")
        self.assertEqual(sampled[-1].arrived_bytes, 7)  # The FIN counts.
        ends = [
            (diagnosed.end, diagnosed.state)
            for diagnosed in self.events(self.server_file, Diagnosed)
        ]
        self.assertEqual(ends[0], ("peer", "ESTABLISHED"))
        self.assertIn(("own", "CLOSED"), ends)
        # The client closed first: the waiting is on its side.
        self.assertIn(("peer", "TIME_WAIT"), ends)
        self.assertNotIn(b"kernel", server.out)

    def test_who_closed_first_is_asked_of_both_ends(self) -> None:
        server = self.start(
            *("--port", "0", "--interface", "127.0.0.1", "--kernel", "always"),
            *("--output", "json:-", "--behave", "close:after-messages=1"),
        )
        with Client(server.port()) as client:
            client.sendall(b"hello\n")
            self.assertEqual(client.recv(9), b"")
            server.wait_for(b'"end":"peer","state":"CLOSE_WAIT"')
        server.wait_for(b'"end":"peer","state":"CLOSED"')
        states = re.findall(rb'"end":"(?:own|peer)","state":"\w+"', server.out)
        own, peer = b'"end":"own","state":"TIME_WAIT"', states[-1]
        self.assertLess(states.index(own), states.index(peer))
        self.stop(server)

    def test_a_stalled_reader_is_seen_between_the_events(self) -> None:
        server = self.serve("--reply", "echo", "--kernel", "always")
        with Client(server.port()) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            line = b"x" * 4095 + b"\n"
            try:
                while True:
                    client.send(line)
            except BlockingIOError:
                pass
            server.wait_for(b", window 0, full for ")
            client.setblocking(True)
        server.wait_for(b"finished")
        self.stop(server)
        stalls = [
            each.window_seconds for each in self.events(self.server_file, Sampled)
        ]
        self.assertGreater(stalls[-1] or 0, 0)

    def test_never(self) -> None:
        server = self.serve("--kernel", "never")
        with Client(server.port()) as client:
            client.sendall(b"hello\n")
        server.wait_for(b"finished")
        self.stop(server)
        for kind in Listening, SynSaved, Sampled, Diagnosed:
            self.assertEqual(self.events(self.server_file, kind), [])
        self.assertIn("recv(65536) = 6", self.calls(self.server_file, 1))

    def test_always_shows_it_and_says_the_backlog_at_the_start(self) -> None:
        server = self.start(
            "--port", "0", "--interface", "127.0.0.1", "--kernel", "always",
            "--backlog", "7", "--output", "json:-",
        )  # fmt: skip
        port = server.port()
        said = f"127.0.0.1:{port}: backlog 7 (somaxconn "
        server.wait_for(said.encode(), stream="err")
        with Client(port) as client:
            client.sendall(b"hello\n")
            server.wait_for(b'"state":"ESTABLISHED"')
        server.wait_for(b'"event":"finished"')
        self.stop(server)
        self.assertNotIn(b'"event":"called"', server.out)


class ClientRecordTests(LedgerCase):
    def test_what_a_client_does(self) -> None:
        server = self.serve("--reply", "echo")
        port = str(server.port())
        client = run(
            *("client", "127.0.0.1", port, "--record", self.client_file),
            typed=b"hello\n",
        )
        self.assertEqual((client.out, client.err), (b"hello\n", b""))
        self.stop(server)
        connecting = self.calls(self.client_file, 0)
        self.assertRegex(connecting[0], r"^socket\(\) = [1-9]")
        self.assertEqual(connecting[-1], f"connect(127.0.0.1:{port}) = 0")
        calls = self.calls(self.client_file, 1)
        self.assertEqual(calls[:2], ["send(6) = 6", "shutdown(SHUT_WR) = 0"])
        self.assertIn("recv(65536) = 6", calls)
        self.assertEqual(calls[-1], "close() = 0")
        kinds = [type(event) for event in read_recording(self.client_file)]
        for kind in Connected, Sent, Chunk, Finished:
            self.assertIn(kind, kinds)
        self.assert_joined()

    def assert_joined(self) -> None:
        """Both recordings name both ends of the connection alike."""
        [accepted] = self.events(self.server_file, Accepted)
        [connected] = self.events(self.client_file, Connected)
        assert accepted.local is not None
        assert connected.local is not None
        self.assertEqual(connected.local.port, accepted.peer.port)
        self.assertEqual(connected.peer.port, accepted.local.port)

    def test_what_a_client_recorded_can_be_replayed_and_goes_on(self) -> None:
        server = self.serve("--reply", "ok")
        where = ("client", "127.0.0.1", str(server.port()))
        for line in b"one\n", b"two\n":
            run(*where, "--record", self.client_file, typed=line)
        self.stop(server)
        numbers = [
            each.peer.number for each in self.events(self.client_file, Connected)
        ]
        self.assertEqual(numbers, [1, 2])

    def test_a_client_that_is_stopped_records_its_end(self) -> None:
        server = self.serve()
        for form in "classic", "flow":
            client = Program(
                *("client", "127.0.0.1", str(server.port()), "--format", form),
                *("--record", self.client_file),
            )
            with client:
                client.send(b"hello\n")
                server.wait_for(b"recv hello", times=1 if form == "classic" else 2)
                client.process.terminate()
                self.assertEqual(client.end(), -signal.SIGTERM)
            self.assertEqual(client.err, b"")
        # The kernel is asked a last time after that, and may have more to tell.
        self.assertEqual(len(self.events(self.client_file, Finished)), 2)

    def test_a_refused_connection(self) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            client = run("client", "127.0.0.1", str(port), "--record", self.client_file)
        self.assertIn(b"Connection refused", client.err)
        calls = " ".join(self.calls(self.client_file, 0))
        self.assertIn("ECONNREFUSED", calls)
        self.assertIn("close() = 0", calls)

    def test_a_full_unix_queue(self) -> None:
        with socket.socket(socket.AF_UNIX) as full:
            full.bind(self.path)
            full.listen(0)
            with socket.socket(socket.AF_UNIX) as first:
                first.connect(self.path)
                client = run(
                    *("client", "--connect", f"unix:{self.path}"),
                    *("--record", self.client_file),
                )
        self.assertIn(b"EAGAIN", client.err)
        self.assertEqual(self.calls(self.client_file, 0)[-1], "connect() = EAGAIN")

    def test_a_server_that_ends_first(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            client = Program(
                *("client", "127.0.0.1", str(port), "--record", self.client_file),
                "--quiet",
            )
            with client:
                accepted, _ = listening.accept()
                accepted.shutdown(socket.SHUT_WR)
                client.send(b"still here\n")
                self.assertEqual(accepted.recv(100), b"still here\n")
                client.end_input()
                self.assertEqual(accepted.recv(100), b"")
                accepted.close()
                self.assertEqual(client.end(), 0)
        self.assertEqual(len(self.events(self.client_file, HalfClosed)), 1)

    def test_wrong_places(self) -> None:
        for path, said in (
            ("-", b"--record: stdout has the replies; name a file"),
            ("/no/such/folder/x", b"open /no/such/folder/x: No such file"),
        ):
            client = run("client", "127.0.0.1", "1", "--record", path)
            self.assertIn(said, client.err)
            self.assertEqual(client.process.returncode, 1)


class KeyTests(LedgerCase):
    def setUp(self) -> None:
        super().setUp()
        write_certificates(self.folder, server="localhost")
        self.keys = self.folder / "keys.txt"
        self.client_keys = self.folder / "client-keys.txt"

    def talk_tls(self) -> bytes:
        """Talk over TLS; return what the server says on stderr."""
        server = self.serve(
            *("--cert", f"{self.folder}/server.pem", "--reply", "echo"),
            *("--tls-keys", str(self.keys)),
        )
        client = run(
            *("client", "localhost", str(server.port()), "--tls", "--insecure"),
            *("--tls-keys", str(self.client_keys), "--record", self.client_file),
            typed=b"hello\n",
        )
        self.assertEqual(client.out, b"hello\n", client.err)
        server.wait_for(b"finished")
        self.stop(server)
        return server.err

    def test_both_sides_write_the_same_secrets_for_their_owner_alone(self) -> None:
        said = self.talk_tls()
        self.assertIn(f"whoever reads {self.keys} can decrypt".encode(), said)
        both = [path.read_text().splitlines() for path in (self.keys, self.client_keys)]
        for keys in both:
            self.assertTrue(any(k.startswith("CLIENT_TRAFFIC_SECRET_0 ") for k in keys))
        self.assertEqual(*map(sorted, both))
        self.assertEqual(stat.S_IMODE(self.keys.stat().st_mode), 0o600)

    def test_recordings_keep_the_encrypted_bytes(self) -> None:
        self.talk_tls()
        streams = [
            b"".join(
                call.data
                for call in self.events(path, Called)
                if call.call == name and call.data is not None
            )
            for path, name in (
                (self.client_file, "send"),
                (self.server_file, "recv"),
                (self.server_file, "send"),
                (self.client_file, "recv"),
            )
        ]
        self.assertEqual(streams[0], streams[1])
        self.assertEqual(streams[2], streams[3])
        self.assertTrue(streams[0].startswith(b"\x16\x03\x01"))  # A ClientHello.
        self.assertNotIn(b"hello", streams[0])

    def test_a_failed_handshake_has_its_calls_too(self) -> None:
        server = self.serve("--cert", f"{self.folder}/server.pem")
        port = str(server.port())
        client = run(
            *("client", "localhost", port, "--tls", "--record", self.client_file)
        )
        self.assertIn(b"certificate verify failed", client.err)
        server.wait_for(b"handshake")
        self.stop(server)
        for path in self.server_file, self.client_file:
            calls = " ".join(self.calls(path, 0))
            self.assertRegex(calls, r"send\(\d+\) = \d+ .*close\(\) = 0")

    def test_without_keys_the_encrypted_bytes_are_not_kept(self) -> None:
        server = self.serve("--cert", f"{self.folder}/server.pem")
        run(
            *("client", "localhost", str(server.port()), "--tls", "--insecure"),
            typed=b"hello\n",
        )
        server.wait_for(b"finished")
        self.stop(server)
        self.assertTrue(self.calls(self.server_file, 1))
        for call in self.events(self.server_file, Called):
            self.assertIs(call.data, None)

    def test_wrong_uses(self) -> None:
        no_folder = "/no/such/folder/keys"
        for words, said in (
            (("server", "--tls-keys", "x"), b"--tls-keys: there is no TLS"),
            (("client", "h", "1", "--tls-keys", "x"), b"no TLS without --tls"),
            (
                ("server", "--port", "0", "--tls", "--tls-keys", no_folder),
                b"open /no/such/folder/keys: No such file or directory\n",
            ),
            (
                ("client", "h", "1", "--tls", "--tls-keys", no_folder),
                b"open /no/such/folder/keys: No such file or directory\n",
            ),
        ):
            program = run(*words)
            self.assertIn(said, program.err)
            self.assertEqual(program.process.returncode, 1)
