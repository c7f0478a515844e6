"""The server with a stream of a real NATS server as its output."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import ClassVar
from unittest import skipUnless

from nats.js.api import DiscardPolicy, ExternalStream, StreamConfig, StreamSource
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from echolab import Accepted, Called, Chunk, EndCause, Finished
from echolab.carrying.schema import decode
from echolab.command.server_options import ServerOptions
from tests.jetstream import NATS_SERVER, Node, lines_in
from tests.nats_accounts import Accounts
from tests.support import (
    SECONDS,
    SERVER,
    TWISTD,
    Client,
    Program,
    keep_port,
    run,
    write_certificates,
)

WAITING = b"; waiting until it works\n"
WORKS = b"works again\n"


def end_daemon(pidfile: Path) -> None:
    """End a daemon that is still there."""
    with contextlib.suppress(OSError):
        os.kill(int(pidfile.read_text()), signal.SIGKILL)


@skipUnless(NATS_SERVER, "nats-server is not installed")
class NodeCase(SynchronousTestCase):
    """One server for all tests of a class; each test has a stream of its own."""

    @classmethod
    @cache  # trial calls no setUpClass.
    def started(cls) -> Node:
        node = Node(cls.config())
        atexit.register(node.remove)
        return node

    @classmethod
    def config(cls) -> str:
        return ""

    def setUp(self) -> None:
        self.node = self.started()
        self.node.revive()
        self.subject = self.id().rpartition(".")[2]
        self.stream = self.subject.upper()

    def url(self, query: str = "", login: str = "") -> str:
        where = f"{login}127.0.0.1:{self.node.port}"
        return f"nats://{where}/{self.subject}?receiver=web1&{query}"

    def server(self, *options: str, output: str | None = None) -> Program:
        output = self.url() if output is None else output
        return Program(*SERVER, "--output", output, *options)

    def stop(self, server: Program) -> None:
        server.process.terminate()
        self.assertEqual(server.end(), -signal.SIGTERM, server.err)

    def said(self, server: Program) -> list[str]:
        """Return what the server said about the stream, without its name."""
        name = f"nats://127.0.0.1:{self.node.port}/{self.subject}: "
        lines = server.err.decode().splitlines()
        return [line.partition(name)[2] for line in lines if name in line]


class CarryTests(NodeCase):
    def test_lines_end_to_end(self) -> None:
        with self.server() as server, Client(server.port()) as client:
            client.sendall(b"one\ntwo\n\xff\n")
            client.close()
            self.stop(server)
        events = self.node.events(self.stream)
        self.assertEqual(lines_in(events), [b"one", b"two", b"\xff"])
        self.assertIsInstance(events[0], Accepted)
        assert isinstance(events[-1], Finished)
        self.assertIs(events[-1].cause, EndCause.EOF)
        for message in self.node.messages(self.stream):
            self.assertEqual(message.subject, f"{self.subject}.web1.127_0_0_1")
        self.assertEqual(server.out, b"")
        self.assertEqual(self.said(server), [])

    def test_the_stream_is_made_as_the_address_says(self) -> None:
        query = "stream=S&max-bytes=10M&max-age=1h&duplicates=5m"
        with self.server(output=self.url(query)) as server:
            with Client(server.port()) as client:
                client.sendall(b"x\n")
            self.stop(server)
        there = self.node.config("S")
        self.assertEqual(
            (there.subjects, there.storage, there.discard, there.num_replicas),
            ([f"{self.subject}.>"], "file", "new", 1),
        )
        self.assertEqual(
            (there.max_bytes, there.max_age, there.duplicate_window),
            (10 << 20, 3600.0, 300.0),
        )

    def test_formats_and_other_outputs(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "lines")
            options = "--output", f"json:{self.url()}", "--output", f"raw:{file}"
            with self.server(*options, output="-") as server:
                with Client(server.port()) as client:
                    client.sendall(b"one\ntwo\n")
                self.stop(server)
            self.assertEqual(file.read_bytes(), b"one\ntwo\n")
        self.assertIn(b"recv data: one", server.out)
        messages = self.node.messages(self.stream)
        self.assertEqual(
            {each.headers["Content-Type"] for each in messages},
            {"application/x-ndjson"},
        )
        printed = b"".join(each.data for each in messages).splitlines()
        names = [json.loads(each)["event"] for each in printed]
        self.assertEqual(names, ["accepted", "received", "received", "finished"])

    def test_a_ledger_has_all(self) -> None:
        with self.server(output=f"ledger:{self.url()}") as server:
            with Client(server.port()) as client:
                client.sendall(b"one\r\n")
            self.stop(server)
        events = self.node.events(self.stream)
        self.assertEqual({Chunk, Called} - {type(each) for each in events}, set())
        [chunk] = [each for each in events if isinstance(each, Chunk)]
        self.assertEqual(chunk.data, b"one\r\n")

    def test_a_stream_with_other_settings_stays_as_it_is(self) -> None:
        subjects = [f"{self.subject}.>"]
        self.node.make_stream(
            StreamConfig(name=self.stream, subjects=subjects, max_bytes=1 << 20)
        )
        with self.server() as server:
            with Client(server.port()) as client:
                client.sendall(b"one\n")
            self.stop(server)
        self.assertEqual(lines_in(self.node.events(self.stream)), [b"one"])
        how = "stay: discard is old, not new; max_bytes is 1048576, not 1073741824"
        self.assertEqual(
            self.said(server),
            [f"the stream {self.stream} is there with other settings, which {how}"],
        )
        self.assertEqual(self.node.config(self.stream).max_bytes, 1 << 20)

    def test_a_stream_with_other_subjects_ends_the_server(self) -> None:
        self.node.make_stream(StreamConfig(name=self.stream, subjects=["other"]))
        with self.server() as server:
            self.assertEqual(server.end(), 1)
        self.assertIn(
            f"{self.subject}: the stream {self.stream} is there without the subjects "
            f"{self.subject}.>; it has other\n",
            server.err.decode(),
        )

    def test_a_full_stream_holds_the_peers_until_it_has_room(self) -> None:
        self.node.make_stream(
            StreamConfig(
                name=self.stream,
                subjects=[f"{self.subject}.>"],
                discard=DiscardPolicy.NEW,
                max_bytes=4000,
            )
        )
        lines = [b"%06d%s" % (n, b"x" * 1000) for n in range(8)]
        with self.server("--drain", "20") as server, Client(server.port()) as client:
            for line in lines[:6]:
                client.sendall(line + b"\n")
            server.wait_for(b"maximum bytes exceeded" + WAITING, stream="err")
            for line in lines[6:]:
                client.sendall(line + b"\n")
            there = self.node.config(self.stream)
            self.node.change_stream(replace(there, max_bytes=1 << 20))
            server.wait_for(WORKS, stream="err")
            client.close()
            self.stop(server)
        self.assertEqual(lines_in(self.node.events(self.stream)), lines)

    def test_the_end_counts_what_could_not_be_carried(self) -> None:
        output = f"nats://127.0.0.1:1/{self.subject}"
        options = "--drain", "0.3"
        with self.server(*options, output=output) as server:
            client = Client(server.port())
            with client:
                client.sendall(b"one\n")
                self.stop(server)
        self.assertIn(b"127.0.0.1:1/", server.err)
        self.assertIn(b": Connection refused" + WAITING, server.err)
        self.assertRegex(
            server.err.decode(), r"\d+ bytes of output could not be written\n"
        )

    def test_a_daemon_carries_too(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        words = "--reactor", "asyncio", "echolab", *SERVER[1:], "--once", "--output"
        with Program(*words, self.url(), program=TWISTD, cwd=folder) as starting:
            self.assertEqual(starting.end(), 0, starting.err)
        self.addCleanup(end_daemon, Path(folder, "twistd.pid"))
        log = str(Path(folder, "twistd.log"))
        with Program("-n", "+1", "-F", log, program=["tail"]) as tail:
            tail.wait_for(b"listening on")
            before = tail.out.partition(b"listening on")[0]
            tail.wait_for(b"\n", times=before.count(b"\n") + 1)
            found = re.search(rb"listening on 127\.0\.0\.1:(\d+)\n", tail.out)
            assert found is not None
            with Client(int(found[1])) as client:
                client.sendall(b"one\n")
            tail.wait_for(b"Server Shut Down.")
        self.assertNotIn(b"Error", tail.out)
        self.assertEqual(lines_in(self.node.events(self.stream)), [b"one"])

    def test_what_is_acknowledged_is_in_the_stream(self) -> None:
        with (
            self.server("--acknowledge") as server,
            Client(server.port()) as client,
            client.makefile("rb") as answers,
        ):
            client.sendall(b"echolab-client 7f3a 101\none\ntwo\n")
            while answers.readline() != b"102\n":
                pass
            server.process.kill()
            server.end()
        events = self.node.events(self.stream)
        self.assertEqual(lines_in(events), [b"one", b"two"])
        clients = [decode(each.data).client for each in self.node.messages(self.stream)]
        self.assertIn(("7f3a", 101), clients)

    def test_one_of_several_servers(self) -> None:
        where = f"127.0.0.1:1,127.0.0.1:{self.node.port}"
        with self.server(output=f"nats://{where}/{self.subject}") as server:
            with Client(server.port()) as client:
                client.sendall(b"one\n")
            self.stop(server)
        self.assertEqual(lines_in(self.node.events(self.stream)), [b"one"])
        self.assertNotIn(self.subject.encode(), server.err)

    def test_twistd_is_told_which_reactor_it_needs(self) -> None:
        words = "-n", "--pidfile", "", "echolab", "--port", "0", "-o", self.url()
        ended = run(*words, program=TWISTD)
        self.assertEqual(ended.process.returncode, 1)
        name = f"nats://127.0.0.1:{self.node.port}/{self.subject}"
        expected = f"open {name}: it needs twistd --reactor asyncio\n"
        self.assertEqual(ended.err.decode(), expected)


class FaultTests(NodeCase):
    """The server is stopped, killed and started: nothing is lost, nothing doubled."""

    def flood(self, client: Client, numbers: range) -> list[bytes]:
        lines = [b"%08d" % number for number in numbers]
        client.sendall(b"".join(line + b"\n" for line in lines))
        return lines

    def check(self, lines: list[bytes]) -> None:
        self.assertEqual(lines_in(self.node.events(self.stream)), lines)

    def test_one_that_is_not_there_at_the_start(self) -> None:
        self.node.kill()
        with self.server() as server, Client(server.port()) as client:
            server.wait_for(b": Connection refused" + WAITING, stream="err")
            lines = self.flood(client, range(1000))
            self.node.start()
            server.wait_for(WORKS, stream="err")
            client.close()
            self.stop(server)
        self.check(lines)

    def test_one_that_stalls(self) -> None:
        with self.server() as server, Client(server.port()) as client:
            lines = self.flood(client, range(100_000))
            self.node.signal(signal.SIGSTOP)
            lines += self.flood(client, range(100_000, 120_000))
            server.wait_for(WAITING, stream="err")
            self.node.signal(signal.SIGCONT)
            server.wait_for(WORKS, stream="err")
            lines += self.flood(client, range(120_000, 200_000))
            client.close()
            self.stop(server)
        self.check(lines)

    def test_one_that_is_killed(self) -> None:
        with self.server() as server, Client(server.port()) as client:
            lines = self.flood(client, range(100_000))
            self.node.kill()
            server.wait_for(WAITING, stream="err")
            lines += self.flood(client, range(100_000, 120_000))
            self.node.start()
            server.wait_for(WORKS, stream="err")
            lines += self.flood(client, range(120_000, 200_000))
            client.close()
            self.stop(server)
        self.check(lines)


@skipUnless(NATS_SERVER, "nats-server is not installed")
class LeafTests(SynchronousTestCase):
    """A server beside the receiver keeps what the others cannot take now."""

    def test_the_peers_are_not_held_while_the_others_are_away(self) -> None:
        port = self.enterContext(keep_port()).getsockname()[1]
        hub = Node(f"leafnodes {{ listen: 127.0.0.1:{port} }}", domain="hub")
        self.addCleanup(hub.remove)
        remote = f"{{ url: nats://127.0.0.1:{port} }}"
        leaf = Node(f"leafnodes {{ reconnect: 1, remotes: [{remote}] }}", domain="web1")
        self.addCleanup(leaf.remove)
        config = StreamConfig(name="LAB", subjects=["lab.>"])
        leaf.make_stream(config)  # Now: the hub asks again only after ten seconds.
        source = StreamSource(name="LAB", external=ExternalStream("$JS.web1.API"))
        hub.make_stream(StreamConfig(name="ALL", sources=[source]))
        output = f"nats://127.0.0.1:{leaf.port}/lab"
        with Program(*SERVER, "--output", output) as server:
            with Client(server.port()) as client:
                client.sendall(b"one\n")
                self.assertEqual(hub.arriving("ALL", 1), [b"one"])
                hub.kill()
                client.sendall(b"two\n")
            server.process.terminate()
            server.end()
        self.assertNotIn(b"waiting", server.err)
        # The hub asks for the rest when it is back, which may take it a minute.
        self.assertEqual(lines_in(leaf.events("LAB")), [b"one", b"two"])


class LoginTests(NodeCase):
    @classmethod
    def config(cls) -> str:
        return 'authorization { user: al, password: "s3cret" }'

    def test_with_the_right_password(self) -> None:
        output = self.url(login="al:s3cret@")
        with self.server(output=output) as server:
            with Client(server.port()) as client:
                client.sendall(b"one\n")
            self.stop(server)
        messages = self.node.messages(self.stream, user="al", password="s3cret")
        self.assertEqual(len(messages), 1)
        self.assertNotIn(b"s3cret", server.err)

    def test_with_a_wrong_one_it_ends(self) -> None:
        with self.server(output=self.url(login="al:wr0ng@")) as server:
            self.assertEqual(server.end(), 1)
        name = f"nats://127.0.0.1:{self.node.port}/{self.subject}"
        last = server.err.decode().splitlines()[-1]
        self.assertEqual(last, f"write {name}: Authorization Violation")
        self.assertNotIn(b"wr0ng", server.err)


class CredentialsTests(NodeCase):
    accounts: ClassVar[Accounts]

    @classmethod
    def config(cls) -> str:
        cls.accounts = Accounts()
        return cls.accounts.config

    def test_a_file_of_credentials(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = Path(folder, "lab.creds")
        path.write_text(self.accounts.credentials)
        with self.server(output=self.url(f"credentials={path}")) as server:
            with Client(server.port()) as client:
                client.sendall(b"one\n")
            self.stop(server)
        self.assertEqual(self.said(server), [])
        messages = self.node.messages(self.stream, user_credentials=str(path))
        self.assertEqual(len(messages), 1)

    def test_another_user_ends_it(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = Path(folder, "other.creds")
        path.write_text(Accounts().credentials)
        with self.server(output=self.url(f"credentials={path}")) as server:
            self.assertEqual(server.end(), 1)
        self.assertEqual(self.said(server), ["Authorization Violation"])


class TlsTests(NodeCase):
    folder: ClassVar[str]

    @classmethod
    def config(cls) -> str:
        cls.folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, cls.folder)
        write_certificates(Path(cls.folder), server="localhost")
        pem = f"{cls.folder}/server.pem"
        return f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}'

    def test_a_server_that_proves_its_name(self) -> None:
        ca = f"{self.folder}/ca.pem"
        output = f"tls://localhost:{self.node.port}/{self.subject}?ca={ca}"
        with self.server(output=output) as server:
            with Client(server.port()) as client:
                client.sendall(b"one\n")
            self.stop(server)
        trusted = ssl.create_default_context(cafile=ca)
        login = {"tls": trusted, "tls_hostname": "localhost"}
        self.assertEqual(len(self.node.messages(self.stream, **login)), 1)
        self.assertNotIn(self.subject.encode(), server.err)

    def test_a_server_that_does_not_prove_it_ends_it(self) -> None:
        output = f"tls://u:s3cret@localhost:{self.node.port}/{self.subject}"
        with self.server(output=output) as server:
            self.assertEqual(server.end(), 1)
        name = f"tls://localhost:{self.node.port}/{self.subject}"
        last = server.err.decode().splitlines()[-1]
        self.assertRegex(last, rf"^write {name}: unable to get local issuer cert")


class PlainTests(SynchronousTestCase):
    def test_no_password_is_sent_to_a_server_without_tls(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            output = f"tls://u:s3cret@127.0.0.1:{port}/lab"
            with Program(*SERVER, "--output", output) as server:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b'INFO {"max_payload":1048576}\r\n')
                    connection.settimeout(SECONDS)
                    self.assertEqual(connection.recv(1), b"")
                self.assertEqual(server.end(), 1)
        last = server.err.decode().splitlines()[-1]
        why = "secure connection not available"
        self.assertEqual(last, f"write tls://127.0.0.1:{port}/lab: {why}")


class OptionTests(SynchronousTestCase):
    def test_wrong_addresses(self) -> None:
        for words, why in (
            (["-o", "nats://u:s3cret@h/a.>"], "--output: nats://h/a.>: a subject has"),
            (["-o", "jsn:nats://s3cret@h/a"], "--output: nats://h/a: jsn is no format"),
            (["-o", "jsn:nats://s3cret@h/a"], "did you mean json?"),
            (
                ["-o", "nats://s3cret@h/a", "-o", "json:nats://s3cret@h/a"],
                "--output: nats://h/a: that stream is given twice",
            ),
            (["--record", "nats://s3cret@h/a"], "--output ledger:nats://HOST/SUBJECT"),
            (["-o", "nats://h/a", "--max-message", "1M"], "at most 512k with --output"),
        ):
            with self.assertRaises(UsageError) as caught:
                ServerOptions().parseOptions(words)
            self.assertIn(why, str(caught.exception))
            self.assertNotIn("s3cret", str(caught.exception))

    def test_what_is_sent_is_in_a_stream(self) -> None:
        ServerOptions().parseOptions(["-o", "nats://h/a", "--show", "sent"])

    def test_wrong_files(self) -> None:
        for query, why in (
            ("credentials=/nowhere", "open /nowhere: No such file or directory"),
            (f"credentials={__file__}", f"read {__file__}: it has no credentials"),
            ("ca=/nowhere", "open /nowhere: No such file or directory"),
            (f"ca={__file__}", f"open {__file__}: "),
        ):
            ended = run(*SERVER, "-o", f"tls://s3cret@h/a?{query}")
            self.assertEqual(ended.process.returncode, 1)
            [line] = ended.err.decode().splitlines()
            self.assertIn(why, line)

    def test_without_the_extra(self) -> None:
        code = "import sys; sys.modules['nats'] = None\n"
        code += "from echolab.__main__ import main; sys.exit(main())"
        words = *SERVER, "-o", "nats://s3cret@h/a"
        ended = run(*words, program=[sys.executable, "-c", code])
        self.assertEqual(
            ended.err.decode(),
            "open nats://h:4222/a: nats:// needs the extra nats of txecholab: "
            "in its source, python3 -m pip install '.[nats]'\n",
        )

    def test_nothing_of_it_is_imported_without_a_stream(self) -> None:
        code = (
            "import sys, atexit\n"
            "atexit.register(lambda: print([name for name in sys.modules if "
            "name.startswith(('echolab.carrying', 'nats', 'twisted.internet.asyncio'))]"
            ", file=sys.stderr))\n"
            "from echolab.__main__ import main; sys.exit(main())"
        )
        program = [sys.executable, "-c", code]
        options = "--once", "-o", "raw:lines"
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with Program(*SERVER, *options, program=program, cwd=folder) as server:
            with Client(server.port()) as client:
                client.sendall(b"x\n")
            self.assertEqual(server.end(), 0)
        self.assertTrue(server.err.endswith(b"\n[]\n"), server.err)
