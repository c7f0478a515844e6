"""Two versions of echolab beside each other: the working tree, and a revision."""

from __future__ import annotations

import compileall
import io
import os
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

from programs import PYTHON

TREE = Path(__file__).parent.parent


def described() -> str:
    """Return what git calls the working tree."""
    command = ["git", "-C", str(TREE), "describe", "--always", "--tags", "--dirty"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def unpacked(revision: str, folder: Path) -> Path:
    """Unpack a revision into a folder, and return it."""
    command = ["git", "-C", str(TREE), "archive", "--format=tar", revision]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        sys.exit(packed.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def using(tree: Path, command: str) -> str:
    """Return a shell command that runs the echolab of a tree."""
    # Without PYTHONSAFEPATH, `python -m` would take that of the current directory.
    path = shlex.quote(str(tree))
    return f"export PYTHONPATH={path} PYTHONSAFEPATH=1; {command}"


def prepare(tree: Path) -> None:
    """Compile a tree, so that no run has to; check that it is the one that runs."""
    compileall.compile_dir(tree / "echolab", quiet=2)
    which = "import echolab; print(echolab.__file__)"
    found = subprocess.run(
        ["sh", "-c", using(tree, f"{PYTHON} -c '{which}'")],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if Path(found).parent != tree / "echolab":
        sys.exit(f"not {tree / 'echolab'} would run, but {found or 'nothing'}")


def version_of(*command: str) -> str:
    """Return the version that a program prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not installed"
    said = (done.stdout + done.stderr).replace("-", " ").split()
    return next((word for word in said if word[0].isdigit() and "." in word), "")


def about() -> dict[str, str]:
    """Return what the figures depend on, by name."""
    import platform

    import twisted

    return {
        "echolab": described(),
        "processors": str(os.cpu_count()),
        "Linux": platform.release(),
        platform.python_implementation(): platform.python_version(),
        "Twisted": twisted.__version__,
        "ncat": version_of("ncat", "--version"),
        "socat": version_of("socat", "-V"),
        "jq": version_of("jq", "--version"),
    }
