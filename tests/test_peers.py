"""Both programs with nc, ncat and socat at the other end, if installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from typing import NamedTuple

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import Program, run

LINES = b"hello\nthis is test client\nbye\n"


class Peer(NamedTuple):
    """How to make a program send to a port, and receive on a UNIX path.

    A path, because no such program can tell which free port it has taken.
    """

    send: list[str]
    receive: list[str]


PEERS = {
    "nc": Peer(["nc", "-N", "127.0.0.1", "PORT"], ["nc", "-lvU", "PATH"]),
    "ncat": Peer(["ncat", "127.0.0.1", "PORT"], ["ncat", "-lvU", "PATH"]),
    "socat": Peer(
        ["socat", "-", "TCP:127.0.0.1:PORT"],
        ["socat", "-d", "-d", "UNIX-LISTEN:PATH", "-"],
    ),
}


class PeerTests(SynchronousTestCase):
    def peers(self) -> list[Peer]:
        found = [peer for name, peer in PEERS.items() if shutil.which(name)]
        if not found:
            raise SkipTest(f"none of {', '.join(PEERS)} is installed")
        return found

    def test_they_send(self) -> None:
        for peer in self.peers():
            with Program(
                *("server", "--once", "--interface", "127.0.0.1", "--port", "0")
            ) as server:
                port = str(server.port())
                command = [word.replace("PORT", port) for word in peer.send]
                subprocess.run(command, input=LINES, check=True)
                self.assertEqual(server.end(), 0)
                self.assertEqual(
                    server.out.splitlines(keepends=True)[1:],
                    [b"recv data: " + x for x in LINES.splitlines(keepends=True)]
                    + [b"finish.\n"],
                )

    def test_they_receive(self) -> None:
        for peer in self.peers():
            # With stdin open, as in a terminal, and without stdin, as in a script.
            for stdin in (subprocess.PIPE, subprocess.DEVNULL):
                folder = tempfile.TemporaryDirectory()
                self.addCleanup(folder.cleanup)
                path = f"{folder.name}/s"
                command = [word.replace("PATH", path) for word in peer.receive]
                with Program(program=command, stdin=stdin) as receiver:
                    receiver.wait_for(b"istening on", stream="err")
                    client = run("client", "--connect", f"unix:{path}", typed=LINES)
                    self.assertEqual(client.err, b"")
                    self.assertEqual(client.process.returncode, 0)
                    receiver.wait_for(LINES)
