"""UNIX paths, as users take them: real processes and sockets."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from tests.support import (
    run,
)
from tests.ways import FolderCase


class UNIXTests(FolderCase):
    def test_socket_of_a_dead_process_is_replaced(self) -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        server = self.start("--listen", f"unix:{self.path}")
        server.wait_for(b"listening on", stream="err")
        self.assertEqual(stat.S_IMODE(Path(self.path).stat().st_mode), 0o600)
        self.talk(data=b"hello\n")
        server.wait_for(
            b"unix:%b,pid=%d recv hello\n" % (self.path.encode(), os.getpid())
        )
        server.process.terminate()
        server.end()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_is_in_use_stays(self) -> None:
        line = f"bind unix:{self.path}: Address already in use\n"
        with socket.socket(socket.AF_UNIX) as live:
            live.bind(self.path)
            live.listen()
            ended = run("server", "--listen", f"unix:{self.path}")
            self.assertEqual(ended.err.decode(), line)
            self.talk(data=b"still there")
        Path(self.path).unlink()
        Path(self.path).write_text("a file")
        ended = run("server", "--listen", f"unix:{self.path}")
        self.assertEqual(ended.err.decode(), line)
        self.assertEqual(Path(self.path).read_text(), "a file")

    def test_path_does_not_stay_if_another_endpoint_is_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as used:
            port = used.getsockname()[1]
            ended = run(
                *("server", "--listen", f"unix:{self.path}"),
                *("--listen", f"tcp:{port}:interface=127.0.0.1"),
            )
        self.assertIn(b": Address already in use\n", ended.err)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_path_that_is_somebody_elses_by_now_stays(self) -> None:
        server = self.start("--listen", f"unix:{self.path}")
        server.wait_for(b"listening on", stream="err")
        Path(self.path).unlink()
        Path(self.path).write_text("mine")
        server.process.terminate()
        server.end()
        self.assertEqual(Path(self.path).read_text(), "mine")
        self.assertNotIn(b"Traceback", server.err)

    def test_abstract_name(self) -> None:
        name = f"echolab-test-{os.getpid()}"
        server = self.start("--listen", f"unix:@{name}:mode=660")
        server.wait_for(f"listening on unix:@{name}\n".encode(), stream="err")
        self.talk(data=b"hello\n", path=f"\0{name}")
        server.wait_for(f"unix:@{name},pid={os.getpid()} recv hello\n".encode())

    def test_name_of_the_peers_making_cannot_forge_lines(self) -> None:
        server = self.start("--listen", f"unix:{self.path}")
        server.wait_for(b"listening on", stream="err")
        with socket.socket(socket.AF_UNIX) as client:
            client.bind("\0x\n] recv FORGED,\x1b\x9b\u202e" + str(os.getpid()))
            client.connect(self.path)
        server.wait_for(b"finished")
        name = rb"unix:@x\n\x5d\x20recv\x20FORGED\x2c\x1b\u009b\u202e"
        self.assertIn(b" %b%d,pid=" % (name, os.getpid()), server.out)
