"""Where twistd writes: its pidfile, its working folder, its log.

twistd prints a traceback if it cannot write there. So these places are tried first.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.python.logfile import LogFile

from echolab.errors import EcholabError, OutputError, reason_of

if TYPE_CHECKING:
    from twisted.python import usage

__all__ = ["PlaceError", "check_places", "open_log"]

MAX_ROTATED_FILES = 10


class PlaceError(EcholabError):
    """twistd cannot use a place that it needs."""


def check_places(twistd: usage.Options) -> None:
    """Check that twistd can write its pidfile and enter its working folder.

    Args:
        twistd: its options, before it makes the path of the pidfile absolute.

    Raises:
        PlaceError: it cannot; the message names the option that helps.
    """
    if twistd["chroot"]:
        return  # The paths have another meaning there.
    if twistd["pidfile"]:
        _check_pidfile(twistd["pidfile"])
    here = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        os.chdir(twistd["rundir"])
    except OSError as error:
        raise PlaceError("chdir", twistd["rundir"], reason_of(error)) from None
    finally:
        os.fchdir(here)
        os.close(here)


def _check_pidfile(pidfile: str) -> None:
    """Create the pidfile and remove it; or read it, if it exists, as twistd does."""
    try:
        pidfile = str(Path(pidfile).absolute())
        try:
            os.close(os.open(pidfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            Path(pidfile).open("rb").close()
        else:
            Path(pidfile).unlink()
    except OSError as error:
        folder = Path(pidfile).parent
        where = "the working folder" if folder == Path() else str(folder)
        raise PlaceError(
            "open",
            pidfile,
            f"{reason_of(error)}; twistd keeps its process number in {where}: give "
            "another file with --pidfile=FILE, or none with --pidfile=",
        ) from None


def open_log(reactor: Any, path: str) -> LogFile:
    """Open twistd's log as twistd does, but keep at most ten rotated files.

    Args:
        reactor: rotates it on SIGUSR1, unless the signal has a handler.
        path: the file.

    Raises:
        OutputError: it cannot be opened.
    """
    try:
        path = str(Path(path).absolute())
        folder, name = os.path.split(path)
        log = LogFile(name, folder, maxRotatedFiles=MAX_ROTATED_FILES)
    except OSError as error:
        raise OutputError("open", path, reason_of(error)) from None
    if signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL:
        signal.signal(
            signal.SIGUSR1, lambda _number, _frame: reactor.callFromThread(log.rotate)
        )
    return log
