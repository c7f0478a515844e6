"""``echolab draw``: figures of recordings, on stdout or in a file."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from twisted.logger import Logger

from echolab.descriptors import check_standard_output
from echolab.errors import InputError, OutputError, reason_of
from echolab.lab.capture import is_capture, read_capture
from echolab.lab.captured import with_packets
from echolab.lab.figures import figure_of, title_of
from echolab.lab.joining import join
from echolab.lab.reading import read_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echolab.lab.joining import Account
    from echolab.lab.ledger import Side
    from echolab.lab.settings import DrawSettings

__all__ = ["draw"]

_log = Logger()

MOST_FIGURES = 5
"""How many connections are drawn unless one is chosen; more are listed."""
ALONE = {"svg", "mermaid"}
"""The forms of which a file has one figure."""
COLUMNS = 80


def draw(settings: DrawSettings) -> None:
    """Draw the connections of recordings.

    Raises:
        InputError: a recording cannot be read, or has no such connection; or no
            capture has packets of it.
        OutputError: the figure cannot be written.
    """
    captures = [path for path in settings.recordings if is_capture(path)]
    accounts = _chosen(settings, captures)
    if captures and not any(account.is_captured for account in accounts):
        why = "no packet of the connection, at its time"
        if all(account.is_continued for account in accounts):
            why = "the beginning is in another recording: join them with cat, in order"
        elif not any(map(_has_ends, accounts)):
            why = "the recording lacks the client's port: its connect was not answered"
        raise InputError("read", captures[0], why)
    encoding = "utf-8"
    if settings.output == "-" and settings.form == "text" and sys.stdout is not None:
        encoding = sys.stdout.encoding
    most = 1 if settings.form in ALONE else MOST_FIGURES
    if len(accounts) <= most:
        text = _drawn(settings, accounts, encoding)
    elif settings.form == "text":
        text = _list(accounts)
    else:
        why = f"{len(accounts)} connections; choose one with --peer N"
        raise InputError("read", settings.recordings[0], why)
    _check_output(settings)
    _write(settings.output, text.encode(encoding, "backslashreplace"))


def _has_ends(account: Account) -> bool:
    """Whether the addresses of both ends are known, by which packets are found."""
    return None not in {account.client_address, account.server_address}


def _drawn(settings: DrawSettings, accounts: Sequence[Account], encoding: str) -> str:
    figures = [
        figure_of(
            account,
            settings.figure,
            between=settings.between,
            unfolded=settings.unfolded,
        )
        for account in accounts
    ]
    # Each form is imported when it is needed.
    match settings.form:
        case "svg":
            from echolab.lab.svg import draw_svg

            return "".join(map(draw_svg, figures))
        case "html":
            from echolab.lab.page import draw_html

            return draw_html(figures)
        case "mermaid":
            from echolab.lab.mermaid import draw_mermaid

            return "".join(map(draw_mermaid, figures))
        case _:
            from echolab.lab.text import draw_text

            width = get_terminal_size((COLUMNS, 0)).columns
            return "\n".join(draw_text(figure, width, encoding) for figure in figures)


def _chosen(settings: DrawSettings, captures: Sequence[str]) -> Sequence[Account]:
    """Return the connections to draw, with the packets of captures.

    Raises:
        InputError: there are none.
    """
    paths = [path for path in settings.recordings if path not in captures]
    path = settings.recordings[0]
    if not paths:
        raise InputError("read", path, "a capture needs a recording beside it")
    recordings = [read_sides(path) for path in paths]
    _check_parts(paths, recordings)
    accounts = join(recordings)
    if captures:
        packets = chain.from_iterable(map(read_capture, captures))
        accounts = with_packets(accounts, packets)
    if not accounts:
        raise InputError("read", path, "no connection is recorded")
    if settings.figure == "writes":
        accounts = [each for each in accounts if each.clocks]
        if not accounts:
            why = "writes need the recordings of both ends of a connection"
            raise InputError("read", path, why)
    if settings.peer is None:
        # Whoever gives both recordings wants what is in both.
        joined = [each for each in accounts if each.clocks]
        if joined:
            _tell_left_out(paths, recordings, joined)
        return joined or accounts
    chosen = [each for each in accounts if each.number == settings.peer]
    if not chosen:
        raise InputError("read", path, f"there is no connection {settings.peer}")
    return chosen


def _tell_left_out(
    paths: Sequence[str], recordings: Sequence[list[Side]], drawn: Sequence[Account]
) -> None:
    """Log which recordings have no connection that is drawn."""
    known = {id(side) for each in drawn for side in (each.client, each.server)}
    for path, sides in zip(paths, recordings, strict=True):
        if not any(id(side) in known for side in sides):
            _log.warn("{path}: its connections are in no other recording", path=path)


def _check_parts(paths: Sequence[str], recordings: Sequence[list[Side]]) -> None:
    """Do not draw parts of one recording as recordings of two ends.

    Raises:
        InputError: a recording continues a connection of another one, or is another.
    """
    for number, path in enumerate(paths):
        if any(Path(path).samefile(other) for other in paths[:number]):
            raise InputError("read", path, "this recording is given twice")
    for path, sides in zip(paths, recordings, strict=True):
        continued = {side.peer for side in sides if side.is_continued}
        for others in recordings:
            if others is not sides and any(side.peer in continued for side in others):
                why = "it continues another recording: join them with cat, in order"
                raise InputError("read", path, why)


def _list(accounts: Sequence[Account]) -> str:
    """Return the connections, one a line."""
    lines = [f"{len(accounts)} connections; choose one with --peer N:"]
    for account in accounts:
        address = account.client_address or account.server_address
        lines.append(f"{title_of(account)} ({address})")
    return "".join(f"{line}\n" for line in lines)


def _check_output(settings: DrawSettings) -> None:
    """Do not write over a recording, nor to a stdout that is closed.

    Raises:
        OutputError: the output is one of the recordings, or closed.
    """
    if settings.output == "-":
        check_standard_output()
    with suppress(OSError):
        for path in settings.recordings:
            if settings.output != "-" and Path(path).samefile(settings.output):
                raise OutputError("write", settings.output, "it is the recording")


def _write(path: str, data: bytes) -> None:
    """Write to a file, or to stdout, which may be a pipe that nobody reads.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        if path != "-":
            Path(path).write_bytes(data)
        elif sys.stdout is not None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # It is flushed once more.
    except OSError as error:
        if path == "-":
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        where = "stdout" if path == "-" else path
        raise OutputError("write", where, reason_of(error)) from None
