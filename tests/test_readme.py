"""The promises of the README."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import socket
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from echolab.testing import LabProcess
from tests.support import ROOT, SECONDS, FakeTransport, Program

README = (ROOT / "README.md").read_text()


class ReadmeTests(SynchronousTestCase):
    def test_embedding_example(self) -> None:
        example, _ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        reactor = MemoryReactorClock()
        importlib.import_module("twisted.internet.reactor")  # to have one to replace

        shown = io.StringIO()
        with (
            mock.patch("twisted.internet.reactor", reactor),
            contextlib.redirect_stdout(shown),
        ):
            exec(compile(example, "README.md", "exec"), {})
            [(port, factory, *_)] = reactor.tcpServers
            self.assertEqual(port, 8888)
            protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 60612))
            assert protocol is not None
            transport = FakeTransport()
            transport.peerAddr = IPv4Address("TCP", "127.0.0.1", 60612)
            protocol.makeConnection(transport)
            protocol.dataReceived(b"hello\nbye\n")
            protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(
            shown.getvalue(),
            "127.0.0.1:60612 sent 2 lines, the first is b'hello'\n"
            "127.0.0.1:60612 ended (eof) after 10 bytes\n",
        )
        self.assertTrue(reactor.hasRun)

    def test_testing_example(self) -> None:
        _, example = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        names: dict[str, Any] = {}
        exec(compile(example, "README.md", "exec"), names)
        test = names["test_my_client_tries_again"]
        [marker] = test.pytestmark
        names["my_client"] = self  # `deliver` represents the reader's code.
        with LabProcess(**marker.kwargs) as server:
            test(server)

    def deliver(self, parcel: str, host: str, port: int) -> None:
        answer = b""
        while not answer:
            with (
                contextlib.suppress(ConnectionResetError),
                socket.create_connection((host, port), SECONDS) as connection,
            ):
                connection.sendall(parcel.encode() + b"\n")
                answer = connection.recv(100)
        self.assertEqual(answer, b"ok\n")

    def test_every_name_of_the_library_exists(self) -> None:
        import echolab

        names = set(re.findall(r"`echolab\.([A-Z]\w+)`", README))
        self.assertTrue(names)
        for name in names:
            self.assertIn(name, echolab.__all__)

    def test_ci_runs_the_test_command(self) -> None:
        [command] = re.findall(r"^    (python3 .*pytest)$", README, re.MULTILINE)
        self.assertEqual(
            command, "python3 -m pip install -e '.[test]' && python3 -m pytest"
        )
        ci = Path(ROOT, ".ci", "run")
        if ci.exists():  # An sdist also has it; an installed package does not.
            self.assertIn("README.md", ci.read_text())

    def test_the_address_of_the_page(self) -> None:
        section = README.partition("\n## The page\n")[2].partition("\n## ")[0]
        [words] = re.findall(r"^    echolab (server .*)$", section, re.MULTILINE)
        [shown] = re.findall(r"^(watch at .*)$", section, re.MULTILINE)
        words = re.sub(r"\b(8888|8889)\b", "0", words)
        with Program(*words.split()) as server:
            server.wait_for(b"watch at ", stream="err")
            server.process.terminate()
            server.end()
        [said] = re.findall(r"^(watch at .*)$", server.err.decode(), re.MULTILINE)
        [said, shown] = [re.sub(r":\d+/", ":PORT/", each) for each in (said, shown)]
        self.assertEqual(said.partition("=")[0], shown.partition("=")[0])
        self.assertEqual(len(said), len(shown))

    def test_python_versions(self) -> None:
        self.assertIn("CPython 3.11 or later", README)
        self.assertGreaterEqual(sys.version_info, (3, 11))
