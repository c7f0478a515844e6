"""UNIX paths: their mode, their owner, and when they are replaced."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from echolab.errors import reason_of
from echolab.sockets import stale_path
from echolab.sockets.unix_listening import HandedUNIXEndpoint, UNIXEndpoint
from tests.support import FakeReactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IListeningPort


class EndpointCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.folder / "lab.sock"
        self.reactor = FakeReactor()
        self.factory = Factory.forProtocol(Protocol)
        self.enterContext(mock.patch.object(stale_path, "LOCK_SECONDS", 0.0))

    def leave(self) -> None:
        """Leave a socket at the path, like a killed process."""
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(os.fsencode(self.path))

    def listen(self, *, mode: int = 0o600) -> IListeningPort:
        endpoint = UNIXEndpoint(self.reactor, str(self.path), mode=mode)
        port = self.successResultOf(endpoint.listen(self.factory))

        def stop() -> None:
            stopped = port.stopListening()
            self.reactor.advance(0)
            if stopped is not None:
                self.successResultOf(stopped)

        self.stop = stop
        return port

    def refused(self, why: str = "Address already in use") -> None:
        """Try to listen, and check that it fails."""
        endpoint = UNIXEndpoint(self.reactor, str(self.path))
        failure = self.failureResultOf(endpoint.listen(self.factory), CannotListenError)
        self.assertEqual(reason_of(failure.value), why)

    def connect(self) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.fsencode(self.path))


class PathTests(EndpointCase):
    def test_a_mode_needs_no_chmod(self) -> None:
        """It would follow a link that has replaced the path."""
        umask = os.umask(0o027)
        self.addCleanup(os.umask, umask)
        for mode in 0o600, 0o666, 0o660, 0o777, 0o000:
            with mock.patch("os.chmod", side_effect=AssertionError):
                self.listen(mode=mode)
            self.assertEqual(stat.S_IMODE(self.path.lstat().st_mode), mode)
            self.stop()
            self.assertEqual(list(self.folder.iterdir()), [])
        self.assertEqual(os.umask(0o027), 0o027)

    def test_twisteds_log_is_text(self) -> None:
        self.factory.noisy = False
        with capturedLogs() as events:
            self.listen()
            self.stop()
        texts = [formatEvent(event) for event in events]
        self.assertEqual(texts, [f"Factory starting on '\\x00{self.path}'"])

    def test_what_is_somebody_elses_by_now_stays(self) -> None:
        self.listen()
        self.path.unlink()
        self.leave()
        self.stop()
        self.assertTrue(self.path.is_socket())

    def test_a_link_that_is_put_in_its_place_leads_nowhere(self) -> None:
        target = self.folder / "target"
        target.write_text("")
        target.chmod(0o640)
        listen = socket.socket.listen

        def swapped(*args: Any) -> None:
            self.path.unlink()
            self.path.symlink_to(target)
            listen(*args)

        with mock.patch("socket.socket.listen", swapped):
            self.listen(mode=0o666)
        self.stop()
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o640)
        self.assertTrue(self.path.is_symlink())

    def test_the_port_can_listen_again(self) -> None:
        port = self.listen()
        self.stop()
        port.startListening()
        self.connect()
        self.stop()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_socket_that_was_handed_over_stays_as_it_is(self) -> None:
        with socket.socket(socket.AF_UNIX) as handed:
            handed.bind(os.fsencode(self.path))
            handed.listen()
            self.path.chmod(0o640)
            endpoint = HandedUNIXEndpoint(self.reactor, handed.fileno())
            for _ in range(2):
                port = self.successResultOf(endpoint.listen(self.factory))
                stopped = port.stopListening()
                self.reactor.advance(0)
                assert stopped is not None
                self.successResultOf(stopped)
            self.connect()
        self.assertEqual(stat.S_IMODE(self.path.lstat().st_mode), 0o640)


class StaleTests(EndpointCase):
    """At most one server takes the path as its own."""

    def test_a_dead_socket_is_replaced(self) -> None:
        self.leave()
        self.listen()
        self.connect()
        self.stop()

    def test_wherever_another_comes_between_one_has_it(self) -> None:
        for step, call in (
            ("socket.socket.connect_ex", socket.socket.connect_ex),
            ("pathlib.Path.unlink", Path.unlink),
            ("socket.socket.bind", socket.socket.bind),
            ("socket.socket.listen", socket.socket.listen),
        ):
            self.leave()
            [port] = self.race(step, call)
            self.connect()
            port.stopListening()
            self.reactor.advance(0)
            self.assertEqual(list(self.folder.iterdir()), [])

    def race(self, step: str, call: Callable[..., Any]) -> list[IListeningPort]:
        """Start to listen, while another server does so just before a step."""
        ports: list[IListeningPort] = []
        begun: list[str] = []

        def begin() -> None:
            endpoint = UNIXEndpoint(self.reactor, str(self.path))
            listening = endpoint.listen(self.factory)
            listening.addCallback(ports.append)
            listening.addErrback(lambda failure: failure.trap(CannotListenError))

        def between(*args: Any) -> Any:
            if not begun:
                begun.append("the other")
                begin()
            return call(*args)

        with mock.patch(step, between):
            begin()
        self.assertEqual(begun, ["the other"])
        return ports

    def test_nobody_replaces_what_another_is_about_to_replace(self) -> None:
        self.leave()
        folder = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.refused("its folder is locked by another program (flock)")
        fcntl.flock(folder, fcntl.LOCK_UN)
        self.listen()
        self.stop()

    def test_nor_what_another_is_about_to_listen_on(self) -> None:
        """Also a server that uses no locks."""
        if not Path("/proc/net/unix").exists():
            self.skipTest("not Linux")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(os.fsencode(self.path))
            self.refused()
            other.listen()
            self.connect()
            self.refused()

    def test_nor_if_the_other_has_bound_a_relative_name(self) -> None:
        if not Path("/proc/net/unix").exists():
            self.skipTest("not Linux")
        folder, name = self.path.parent, self.path.name
        for relative in (name, f"./{name}", f"../{folder.name}/{name}"):
            with socket.socket(socket.AF_UNIX) as other:
                with contextlib.chdir(folder):
                    other.bind(os.fsencode(relative))
                self.refused()
                other.listen()
                self.connect()
                self.refused()
            self.path.unlink()

    def test_a_free_path_needs_no_lock(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.listen()
        self.stop()
