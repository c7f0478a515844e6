"""``echolab export``: a capture of a recording, in a file or on stdout."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from echolab import __version__
from echolab.descriptors import check_standard_output
from echolab.errors import InputError, OutputError, reason_of
from echolab.events import Chunk, Received
from echolab.formats.recording import read_recording
from echolab.lab.conversations import packets_of
from echolab.lab.pcapng import Pcapng

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.events import Event
    from echolab.lab.export_settings import ExportSettings

__all__ = ["export"]

STDOUT = "-"
PLAIN_TEXT = "plain text"
DESCRIPTION = (
    "What echolab read and wrote. Packets are made up from its recording; the comment "
    "of each packet says what is true of it."
)


def export(settings: ExportSettings) -> None:
    """Write the connections of a recording as packets, in the format pcapng.

    Raises:
        InputError: the recording cannot be read, is none, or has no such connection.
            The packets before the fault are written.
        OutputError: the file cannot be written.
    """
    recording, path, number = settings.recording, settings.file, settings.peer
    packets = packets_of(_with_chunks(recording), number)
    first = next(packets, None)
    if first is None:
        why = "no connection in it" if number is None else f"no peer {number}"
        raise InputError("read", recording, why)
    where = "stdout" if path == STDOUT else path
    call = "open"
    try:
        with _opened(recording, path) as file:
            call = "write"
            capture = Pcapng(file.write, f"echolab {__version__}")
            write = partial(capture.packet, capture.interface(PLAIN_TEXT, DESCRIPTION))
            write(*first)
            for packet in packets:
                write(*packet)
    except BrokenPipeError:
        pass  # Its reader wants no more.
    except OSError as error:
        raise OutputError(call, where, reason_of(error)) from None


def _opened(recording: str, path: str) -> BinaryIO:
    """Open the file to write.

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
    if Path(path).exists() and Path(path).samefile(recording):
        raise OutputError("open", path, "it is the recording")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _with_chunks(recording: str) -> Iterator[Event]:
    """Read a recording.

    Raises:
        InputError: it cannot be read, is none, or does not have the bytes of reads.
    """
    chunks = False
    for event in read_recording(recording):
        chunks |= isinstance(event, Chunk)
        if isinstance(event, Received) and not chunks:
            why = "no chunks in it: it was not made by --record"
            raise InputError("read", recording, why)
        yield event
