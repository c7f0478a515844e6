"""The wheel, built from the sdist, in its own virtual environment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT, Program


class PackagingTests(SynchronousTestCase):
    timeout = 600

    def run_quietly(self, *command: str) -> None:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def test_wheel_runs_as_a_twistd_plugin(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.run_quietly(sys.executable, "-m", "build", "-o", name, str(ROOT))
            [wheel] = folder.glob("*.whl")
            # Without pip, because Debian's Python cannot install it there.
            venv.create(folder / "env")
            scripts = folder / "env" / "bin"
            pip = (sys.executable, "-m", "pip", "--python", str(folder / "env"))
            self.run_quietly(*pip, "install", "-q", str(wheel))
            with Program(
                "--help", program=[str(scripts / "twistd")], cwd=name
            ) as listed:
                listed.end()
            self.assertIn(b"echolab ", listed.out)
            self.assertIn(b"echolab-client ", listed.out)
            with Program(
                *("-n", "echolab", "--interface", "127.0.0.1", "--port", "0", "--once"),
                program=[str(scripts / "twistd")],
                cwd=name,
            ) as server:
                port = server.port()
                with Program(
                    *("client", "127.0.0.1", str(port)),
                    program=[str(scripts / "echolab")],
                ) as client:
                    client.send(b"from the wheel\n")
                    client.end_input()
                    self.assertEqual(client.end(), 0)
                self.assertEqual(server.end(), 0)
            self.assertIn(b"recv data: from the wheel\nfinish.\n", server.out)
            page = folder / "env" / "share" / "man" / "man1" / "echolab-server.1"
            self.assertTrue(page.is_file())
            [typed] = folder.glob("env/lib/python*/site-packages/echolab/py.typed")
            self.assertTrue(typed.is_file())
