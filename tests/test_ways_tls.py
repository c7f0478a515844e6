"""TLS, as users take it: real processes, real sockets, real TLS."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import ssl
from pathlib import Path

import trustme
from cryptography.x509 import DNSName
from OpenSSL import SSL

from tests.authority import Authority
from tests.support import (
    ECHOLAB,
    SECONDS,
    SERVER,
    TWISTD,
    Client,
    Program,
    run,
)
from tests.ways import TLSCase, ask_for_key_updates


class TLSTests(TLSCase):
    def connect(self, server: Program) -> ssl.SSLSocket:
        plain = self.enterContext(Client(server.port()))
        return self.context.wrap_socket(plain, server_hostname="localhost")

    def test_lines_arrive(self) -> None:
        server = self.start("--listen", self.endpoint)
        with self.connect(server) as client:
            client.sendall(b"secret\nlast")
            client.unwrap()
        server.wait_for(b" finished eof, 11 bytes, 1 message")
        self.assertIn(b" recv secret\n", server.out)
        self.assertIn(b" recv(unterminated) last\n", server.out)

    def test_client_that_offers_protocols(self) -> None:
        """Browsers and curl offer protocols (ALPN); none is selected."""
        server = self.start("--listen", self.endpoint)
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        with self.connect(server) as client:
            self.assertIsNone(client.selected_alpn_protocol())
            client.sendall(b"hello\n")
            server.wait_for(b" recv hello\n")

    def test_echo_over_tls(self) -> None:
        server = self.start("--listen", self.endpoint, "--reply", "echo")
        with self.connect(server) as client:
            client.sendall(b"x" * 100_000)
            got = b""
            while len(got) < 100_000:
                got += client.recv(65536)
        self.assertEqual(got, b"x" * 100_000)

    def test_client_certificate_is_required_and_names_the_peer(self) -> None:
        server = self.start(
            *("--listen", self.endpoint, "--client-ca", f"{self.folder}/ca.pem")
        )
        port = server.port()
        with contextlib.suppress(OSError), self.connect(server) as client:
            client.recv(1)  # A TLS 1.3 client learns here that it is refused.
        server.wait_for(b" handshake: ")
        self.assertIn(b"certificate", server.out)
        self.assertNotIn(b"accepted", server.out)
        self.context.load_cert_chain(self.folder / "alice.pem")
        with self.connect(server) as client:
            client.sendall(b"hello\n")
            server.wait_for(b" recv hello\n")
        self.assertIn(rb" alice\n\x1b\x5b2J@127.0.0.1:", server.out)
        self.assertEqual(server.port(), port)

    def test_garbage_and_silence_at_the_tls_port(self) -> None:
        server = self.start("--listen", self.endpoint, "--handshake-timeout", "0.2")
        port = server.port()
        with Client(port) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n\x1b]0;owned\x07")
            server.wait_for(b" handshake: ")
        with Client(port) as silent:
            server.wait_for(b" handshake: no TLS handshake in time\n")
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(silent.recv(1), b"")
        self.assertNotIn(b"accepted", server.out)
        self.assertNotIn(b"Traceback", server.err)
        self.assertNotIn(b"\x1b", server.out + server.err)

    def test_behind_a_balancer(self) -> None:
        server = self.start(
            *("--listen", f"haproxy:{self.endpoint}", "--proxy-from", "127.0.0.1")
        )
        with Client(server.port()) as plain:
            plain.sendall(b"PROXY TCP4 192.0.2.9 127.0.0.1 4711 443\r\n")
            with self.context.wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(b"hello\n")
                server.wait_for(b" 192.0.2.9:4711 recv hello\n")

    def test_every_end_behind_a_balancer(self) -> None:
        server = self.start(
            *("--listen", f"haproxy:{self.endpoint}"),
            *("--proxy-from", "127.0.0.1"),
        )
        port = server.port()
        for number, end in enumerate(
            (
                lambda client: client.unwrap(),
                lambda client: socket.socket.shutdown(client, socket.SHUT_WR),
                lambda client: client.close(),
            ),
            start=1,
        ):
            plain = self.enterContext(Client(port))
            plain.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n")
            client = self.enterContext(
                self.context.wrap_socket(plain, server_hostname="localhost")
            )
            client.sendall(b"hello\n")
            server.wait_for(b"recv hello\n", times=number)
            end(client)
            server.wait_for(b" finished ", times=number)
        self.assertNotIn(b"Traceback", server.err)

    def test_long_chains_and_many_names_of_signers(self) -> None:
        """Twisted reads 32 KiB of OpenSSL's bytes to send, and then waits."""
        chain, many = self.folder / "chain.pem", self.folder / "many.pem"
        ca = (self.folder / "ca.pem").read_bytes()
        chain.write_bytes((self.folder / "server.pem").read_bytes() + ca * 100)
        many.write_bytes(ca)
        for number in range(150):
            other = trustme.CA(organization_name=f"{number:064}").cert_pem
            other.write_to_path(str(many), append=True)
        own = str(self.folder / "alice.pem")
        self.context.load_cert_chain(own)
        text = f"ssl:0:interface=127.0.0.1:privateKey={chain}"
        server = self.start("--listen", text, "--client-ca", str(many))
        with self.connect(server) as client:
            client.sendall(b"hello\n")
            server.wait_for(b"recv hello\n")
        folder = self.folder / "served"
        folder.mkdir()
        chain.rename(folder / "localhost.pem")
        ended = run("server", "--listen", f"tls:{folder}:0")
        self.assertIn(b"a chain too long for tls:; use ssl:\n", ended.err)

    def test_a_name_that_no_host_has(self) -> None:
        folder = self.folder / "served"
        folder.mkdir()
        (self.folder / "server.pem").rename(folder / "localhost.pem")
        text = f"tls:{folder}:0:interface=127.0.0.1"
        server = self.start("--listen", text)
        for number, name in enumerate((b"b\xfccher", b"\xff", b"localhost"), start=1):
            context = SSL.Context(SSL.TLS_CLIENT_METHOD)
            with Client(server.port()) as plain:
                client = SSL.Connection(context, plain)
                plain.settimeout(None)  # Else non-blocking, an error for OpenSSL.
                client.set_tlsext_host_name(name)
                client.set_connect_state()
                client.do_handshake()
                client.sendall(b"hello\n")
                server.wait_for(b"recv hello\n", times=number)
        self.assertNotIn(b"Traceback", server.err)

    def test_key_updates_whose_answers_nobody_reads(self) -> None:
        # Megabytes of answers fill the kernel's buffers first. That takes longer on
        # a busy machine than the kernel would wait with --keepalive.
        server = self.start(
            *("--listen", self.endpoint, "--handshake-timeout", "1"),
            *("--keepalive", "0"),
        )
        # Rarely, the kernel drops what both sides wait for, and neither is stuck.
        told = b"timeout (the peer does not read"
        for patience in (SECONDS, SECONDS, 4 * SECONDS):
            with Client(server.port()) as client:
                ask_for_key_updates(client)
                with contextlib.suppress(AssertionError):
                    server.wait_for(told, stream="err", seconds=patience)
                    break
        server.wait_for(told, stream="err")

    def test_idle_echo_over_tls_ends_in_time(self) -> None:
        server = self.start(
            *("--listen", self.endpoint, "--reply", "echo", "--idle-timeout", "0.3")
        )
        with self.connect(server) as client:
            self.assertEqual(client.recv(1), b"")  # close_notify, not a reset
        server.wait_for(b" finished idle (nothing came for 0.3 s)")

    def test_encrypted_key_is_not_asked_for(self) -> None:
        path = self.folder / "locked.pem"
        path.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        ended = run("server", "--listen", f"ssl:0:privateKey={path}")
        self.assertEqual(
            ended.err.decode(),
            f"listen ssl:0:privateKey={path}: {path}: the key is encrypted\n",
        )

    def test_client_ca_without_tls_is_refused(self) -> None:
        ended = run("server", "--client-ca", "ca.pem")
        self.assertIn(b"--client-ca: there is no --tls", ended.err)
        self.assertEqual(ended.process.returncode, 1)

    def test_files_that_are_not_what_they_should_be(self) -> None:
        (self.folder / "empty.pem").write_text("")
        for name, reason in (
            ("missing", "No such file or directory"),
            ("empty", ""),
        ):
            text = f"ssl:0:privateKey={self.folder}/{name}.pem"
            ended = run("server", "--listen", text)
            self.assertEqual(ended.process.returncode, 1)
            [line] = ended.err.decode().splitlines()
            self.assertTrue(
                line.startswith(f"listen {text}: {self.folder}/{name}.pem: {reason}"),
                line,
            )


class TLSClientTests(TLSCase):
    """Our client and our server, and a certificate of an unknown CA."""

    def client(self, text: str, *options: str) -> Program:
        return self.enterContext(
            Program("client", "--connect", text, *options, cwd=str(self.folder))
        )

    def serve(self) -> int:
        self.server = self.start("--listen", self.endpoint, "--reply", "+OK")
        return self.server.port()

    def test_verifies_by_default(self) -> None:
        port = self.serve()
        for text in (f"tls:localhost:{port}", f"ssl:localhost:{port}"):
            client = self.client(text)
            client.send(b"secret\n")
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"connect {text}: certificate verify failed: "
                "unable to get local issuer certificate\n",
            )
            self.assertEqual(client.out, b"")

    def test_a_known_certificate(self) -> None:
        port = self.serve()
        (self.folder / "roots").mkdir()
        (self.folder / "ca.pem").rename(self.folder / "roots" / "ca.pem")
        for text in (
            f"tls:localhost:{port}:trustRoots=roots",
            f"ssl:localhost:{port}:caCertsDir=roots",
        ):
            client = self.client(text)
            client.send(b"hello\n")
            client.end_input()
            self.assertEqual((client.end(), client.err), (0, b""))
            self.assertEqual(client.out, b"+OK\n")
        client = self.client(f"ssl:127.0.0.1:{port}:caCertsDir=roots")
        self.assertEqual(client.end(), 1)
        self.assertIn(b": the certificate is for another name\n", client.err)
        client = self.client(
            f"ssl:127.0.0.1:{port}:caCertsDir=roots:hostname=localhost", "--quiet"
        )
        client.end_input()
        self.assertEqual((client.end(), client.err), (0, b""))

    def test_who_does_not_prove_its_name_is_told_nothing(self) -> None:
        """Twisted accepts a certificate whose names cannot be read."""
        authority = Authority(self.folder)
        authority.write(self.folder / "server.pem", [DNSName("*")])
        port = self.serve()
        tls = f"tls:localhost:{port}:trustRoots=roots"
        recording = self.folder / "lab.json"
        recorder = self.start(*SERVER[1:], "--record", str(recording))
        with Client(recorder.port()) as client:
            client.sendall(b"secret\n")
        recorder.wait_for(b" finished eof")
        twistd = ("-n", "--pidfile=", "echolab-client", "--connect", tls)
        for argv, program in (
            (("client", "--connect", tls), ECHOLAB),
            (("client", "--connect", tls, "--retry", "600"), ECHOLAB),
            (("client", "--connect", tls, "--replay", str(recording)), ECHOLAB),
            (("client", "-c", f"ssl:localhost:{port}:caCertsDir=roots"), ECHOLAB),
            (twistd, TWISTD),
        ):
            with Program(*argv, program=program, cwd=str(self.folder)) as ours:
                ours.send(b"secret\n")
                self.assertEqual(ours.end(), 1, argv)
                self.assertRegex(
                    ours.err.decode(),
                    r"^connect \S+: the name in the certificate cannot be checked: "
                    r".*\n$",
                )
                self.assertEqual(ours.err.count(b"\n"), 1)
                self.assertEqual(ours.out, b"")
        self.server.process.terminate()
        self.server.end()
        self.assertNotIn(b"accepted", self.server.out)
        self.assertNotIn(b"secret", self.server.out)

    def test_no_tls_at_the_other_end(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            text = f"tls:localhost:{listener.getsockname()[1]}"
            client = self.client(text, "--timeout", "2")
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"connect {text}: timed out after 2 s during the TLS handshake\n",
            )
            client = self.client(text)
            for _ in range(2):  # The first one waits there since its client's end.
                listener.accept()[0].close()
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"connect {text}: closed by the server during the TLS handshake\n",
            )
            client = self.client(text)
            with listener.accept()[0] as plain:
                plain.sendall(b"220 mail.example ESMTP\r\n")
                self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"connect {text}: the server does not speak TLS\n",
            )

    def test_server_that_ignores_the_end_of_tls(self) -> None:
        """The server reads all, sends nothing, and keeps the socket open."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.minimum_version = context.maximum_version = version
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
                client = self.client(f"tls:127.0.0.1:{port}", "--insecure")
                listener.settimeout(SECONDS)
                plain = listener.accept()[0]
                plain.settimeout(SECONDS)
                with context.wrap_socket(plain, server_side=True) as server:
                    client.send(b"x" * 50_000 + b"\n")
                    client.end_input()
                    got = b""
                    while chunk := server.recv(65536):
                        got += chunk
                    self.assertEqual(got, b"x" * 50_000 + b"\n")
                    self.assertEqual(client.end(), 0)
            self.assertEqual(client.out, b"")

    def test_plain_client_at_a_tls_port(self) -> None:
        port = self.serve()
        for options in ((), ("--quiet",), ("--crlf", "--no-dot")):
            client = self.client(f"tcp:127.0.0.1:{port}", *options)
            client.send(b"hello\nworld\n")
            client.end_input()
            self.assertEqual(client.end(), 1)
            self.assertEqual(
                client.err.decode(),
                f"recv tcp:127.0.0.1:{port}: the server speaks TLS; "
                "use --tls or --connect tls:HOST:PORT\n",
            )
            self.assertEqual(client.out, b"")

    def test_tls_client_at_a_plain_port(self) -> None:
        server = self.start("--port", "0", "--interface", "127.0.0.1")
        client = self.client(f"tls:127.0.0.1:{server.port()}", "--insecure")
        server.wait_for(b": speaks TLS at a port that does not\n", stream="err")
        server.wait_for(b" \x16\x03\x01")
        client.process.terminate()
        client.end()
        server.wait_for(b"finished")
        self.assertEqual(server.err.count(b"speaks TLS"), 1)

    def test_insecure_says_what_it_gives_up(self) -> None:
        port = self.serve()
        client = self.client(f"tls:localhost:{port}", "--insecure")
        client.send(b"hello\n")
        client.end_input()
        self.assertEqual(client.end(), 0)
        self.assertEqual(
            client.err, b"--insecure: the server has not proved that it is localhost\n"
        )
        self.assertEqual(client.out, b"+OK\n")


class SwitchTests(TLSCase):
    """``--tls`` of both programs."""

    def send(self, ca: str | Path, *options: str) -> Program:
        """Send a line over TLS, trusting only that CA."""
        trusting = ("env", "-u", "SSL_CERT_DIR", f"SSL_CERT_FILE={ca}", *ECHOLAB)
        client = Program("client", "--tls", *options, program=trusting)
        with client:
            client.send(b"hello\n")
            client.end_input()
            client.end()
        return client

    def test_certificate_for_this_run(self) -> None:
        listening = ("--tls", "--port", "0", "--interface", "127.0.0.1")
        twistd = ("-n", "--pidfile=", "echolab", *listening)
        for argv, program in ((("server", *listening), ECHOLAB), (twistd, TWISTD)):
            server = self.enterContext(Program(*argv, program=program))
            port = str(server.port())
            [ca] = re.findall(rb"SSL_CERT_FILE=(.*)\n", server.err)
            [shown] = re.findall(
                rb"certificate made for localhost, 127.0.0.1, ::1.*: SHA-256 (.*)\n",
                server.err,
            )
            for host in ("localhost", "127.0.0.1"):
                client = self.send(os.fsdecode(ca), host, port)
                self.assertEqual((client.out, client.err), (b"", b""))
            pem = ssl.get_server_certificate(("127.0.0.1", int(port)))
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
            self.assertEqual(shown.replace(b":", b"").decode(), digest)
            stranger = self.send(self.folder / "ca.pem", "localhost", port)
            self.assertEqual(stranger.process.returncode, 1)
            self.assertIn(b"certificate verify failed", stranger.err)
            careless = self.send("/none", "localhost", port, "--insecure")
            self.assertEqual(careless.process.returncode, 0)
            server.wait_for(b"recv data: hello\n", times=3)
            folder = Path(os.fsdecode(ca)).parent
            self.assertEqual([each.name for each in folder.iterdir()], ["ca.pem"])
            server.process.terminate()
            server.end()
            self.assertFalse(folder.exists())
            self.assertNotIn(b"Traceback", server.err)

    def test_certificate_of_ones_own(self) -> None:
        pem = (self.folder / "server.pem").read_text()
        begin = pem.index("-----BEGIN CERTIFICATE-----")
        (self.folder / "key.pem").write_text(pem[:begin])
        (self.folder / "cert.pem").write_text(pem[begin:])
        apart = ("--cert", f"{self.folder}/cert.pem", "--key", f"{self.folder}/key.pem")
        for options in (("--tls", "--cert", f"{self.folder}/server.pem"), apart):
            server = self.start(*SERVER[1:], *options)
            client = self.send(self.folder / "ca.pem", "localhost", str(server.port()))
            self.assertEqual((client.out, client.err), (b"", b""))
            server.wait_for(b" recv hello\n")
            self.assertNotIn(b"SHA-256", server.err)

    def test_certificates_of_clients(self) -> None:
        server = self.start(
            *SERVER[1:], "--tls", "--client-ca", f"{self.folder}/ca.pem"
        )
        port = server.port()
        with contextlib.suppress(OSError):
            ssl.get_server_certificate(("127.0.0.1", port))
        server.wait_for(b" handshake: ")

    def test_files_that_are_wrong(self) -> None:
        for name, why in (("none", "No such file or directory"), ("ca.pem", "")):
            path = f"{self.folder}/{name}"
            ended = run("server", "--cert", path, "--port", "0")
            self.assertEqual(ended.process.returncode, 1)
            self.assertRegex(
                ended.err.decode(), f"^listen 0.0.0.0:0: {path}: .*{why}\n$"
            )
