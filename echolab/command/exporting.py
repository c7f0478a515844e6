"""``echolab export``: a capture of a recording, in a file or on stdout."""

from __future__ import annotations

import os
import stat
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from twisted.logger import Logger

from echolab import __version__
from echolab.descriptors import check_standard_output
from echolab.errors import InputError, OutputError, reason_of
from echolab.events import Chunk, LeftOut, Received, Sent
from echolab.formats.recording import NO_CHUNKS, read_recording
from echolab.lab.conversations import packets_of
from echolab.lab.key_logs import read_key_log
from echolab.lab.made_packets import MadePackets
from echolab.lab.pcapng import Pcapng

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event
    from echolab.lab.export_settings import ExportSettings

__all__ = ["export"]

STDOUT = "-"
PRIVATE = 0o600
WARNING = "--tls-keys: whoever reads {path} can decrypt the connections"

_log = Logger()


def export(settings: ExportSettings) -> None:
    """Write the connections of a recording as packets, in the format pcapng.

    Raises:
        InputError: the recording cannot be read, is none, or has no such connection;
            or so the key log. The packets before the fault are written.
        OutputError: the file cannot be written.
    """
    recording, path, number = settings.recording, settings.file, settings.peer
    keys = settings.tls_keys
    secrets = None if keys is None else read_key_log(keys)
    packets = packets_of(_with_chunks(recording), number)
    first = next(packets, None)
    if first is None:
        why = "no connection in it" if number is None else f"no peer {number}"
        if _continues(recording, number):
            why = "it continues another recording: join them with cat, in order"
        raise InputError("read", recording, why)
    where = "stdout" if path == STDOUT else path
    call = "open"
    try:
        with _opened(path, recording=recording, keys=keys) as file:
            if secrets is not None and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                call = "chmod"
                os.fchmod(file.fileno(), PRIVATE)
            call = "write"
            capture = Pcapng(file.write, f"echolab {__version__}")
            if secrets is not None:
                _log.warn(WARNING, path=where)
                capture.secrets(secrets)
            made = MadePackets(capture)
            for packet in chain([first], packets):
                made.write(packet)
    except BrokenPipeError:
        return  # Its reader wants no more.
    except OSError as error:
        raise OutputError(call, where, reason_of(error)) from None
    if secrets is not None and not made.has_ciphertext:
        why = "no encrypted bytes in it: it was not made with --tls-keys"
        raise InputError("read", recording, why)


def _opened(path: str, *, recording: str, keys: str | None) -> BinaryIO:
    """Open the file to write, which is neither of those that are read.

    Raises:
        OSError: it cannot be opened.
        OutputError: it is no place for a capture.
    """
    if path == STDOUT:
        check_standard_output()
        if os.isatty(1):
            raise OutputError(
                "write", "stdout", "a terminal; name a file or use a pipe"
            )
        return open(1, "wb", closefd=False)
    if Path(path).exists():
        if Path(path).samefile(recording):
            raise OutputError("open", path, "it is the recording")
        if keys is not None and Path(path).samefile(keys):
            raise OutputError("open", path, "it is the file with the secrets")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, PRIVATE), "wb")


def _with_chunks(recording: str) -> Iterator[Event]:
    """Read a recording.

    Raises:
        InputError: it cannot be read, is none, or does not have the bytes of reads.
    """
    chunks = False
    for event in read_recording(recording):
        chunks |= isinstance(event, Chunk)
        if isinstance(event, Received) and not chunks:
            raise InputError("read", recording, NO_CHUNKS)
        yield event


def _continues(recording: str, number: int | None) -> bool:
    """Whether a recording has bytes of a connection, but not its beginning."""
    return any(
        isinstance(event, Chunk | Sent | LeftOut)
        and number in {None, event.peer.number}
        for event in read_recording(recording)
    )
