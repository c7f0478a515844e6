"""The names of the framings."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from echolab.doors import Found, call, find, installed, made, verify
from echolab.errors import FramingError
from echolab.escaping import unescape
from echolab.framing.base import (
    DEFAULT_MAX_MESSAGE_BYTES,
    AnyFraming,
    Framer,
    Overlong,
)
from echolab.framing.chunk import ChunkFramer
from echolab.framing.crlf_dot import CrlfDot, dotted, word_before_texts
from echolab.framing.decoded import DecodedFramer
from echolab.framing.delimiter import DelimiterFramer
from echolab.framing.header import Header
from echolab.framing.int_prefixed import IntFramer, int_framed
from echolab.framing.length import LengthFramer
from echolab.framing.line import LineFramer
from echolab.framing.netstring import NetstringFramer, netstring
from echolab.framing.octet_count import OctetCount, octet_counted
from echolab.framing.resp import Resp, resp_framed
from echolab.framing.varint import VarintHeader, varint_framed, varint_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "FRAMING_NAMES",
    "ends_by_mark",
    "framed",
    "framing_itself",
    "framing_named",
    "framing_offers",
    "takes_lines",
]


def _ended(end: bytes, message: bytes) -> bytes:
    return message + end


_MakeFramer: TypeAlias = "Callable[[int, Overlong], Framer]"
_Write: TypeAlias = "Callable[[bytes], bytes]"

_FRAMINGS: dict[str, tuple[_MakeFramer, _Write]] = {
    "line": (LineFramer, partial(_ended, b"\n")),
    "chunk": (ChunkFramer, partial(_ended, b"\n")),
    "netstring": (NetstringFramer, netstring),
    "int16": (partial(IntFramer, 2), partial(int_framed, 2)),
    "int32": (partial(IntFramer, 4), partial(int_framed, 4)),
    "length": (partial(LengthFramer, Header().size, b""), Header().framed),
    "varint": (partial(LengthFramer, varint_length, b""), varint_framed),
    "octet-count": (partial(DecodedFramer, OctetCount), octet_counted),
    "resp": (partial(DecodedFramer, Resp), resp_framed),
    "crlf-dot": (partial(DecodedFramer, CrlfDot), dotted),
}


def _delimiter(text: str) -> tuple[_MakeFramer, _Write]:
    delimiter = unescape(text)
    return partial(DelimiterFramer, delimiter), partial(_ended, delimiter)


def _header(text: str) -> tuple[_MakeFramer, _Write]:
    header = Header.parse(text)
    return partial(LengthFramer, header.size, b""), header.framed


def _varint_header(text: str) -> tuple[_MakeFramer, _Write]:
    header = VarintHeader.parse(text)
    return partial(LengthFramer, header.size, b""), header.framed


def _texts_after(text: str) -> tuple[_MakeFramer, _Write]:
    decoder = partial(CrlfDot, word_before_texts(text))
    return partial(DecodedFramer, decoder), partial(_ended, b"\r\n")


_WITH_TEXT: dict[str, Callable[[str], tuple[_MakeFramer, _Write]]] = {
    "delimiter": _delimiter,
    "length": _header,
    "varint": _varint_header,
    "crlf-dot": _texts_after,
}
"""The framings whose name goes on after a colon."""

FRAMING_NAMES = (*_FRAMINGS, "delimiter")
"""The first word of each framing's name; ``delimiter`` is followed by ``:TEXT``."""


def framing_offers() -> Iterator[str]:
    """Yield what completes the name of a framing; see `echolab.option.Option`."""
    yield from _FRAMINGS
    yield from ("delimiter:", "crlf-dot:")
    for kind, header in (("length", Header), ("varint", VarintHeader)):
        yield from (f"{kind}:{each.name}=" for each in fields(header))
    yield from installed("framings")


def _named(name: AnyFraming) -> tuple[_MakeFramer, _Write]:
    if not isinstance(name, str):
        return _offered(Found.here(name))
    kind, colon, text = name.partition(":")
    if kind in _WITH_TEXT and text:
        return _WITH_TEXT[kind](text)
    if kind in _FRAMINGS and not colon:
        return _FRAMINGS[kind]
    if found := find("framings", name):
        return _offered(found)
    names = ", ".join([*_FRAMINGS, "delimiter:TEXT"])
    raise ValueError(f"must be one of {names}")


def _offered(found: Found) -> tuple[_MakeFramer, _Write]:
    """A framing of other people's, checked with a framer that it makes.

    Raises:
        DoorError: it is none.
    """
    # Imported here, since most framings are built in.
    from echolab.extending import IFramer, IFraming

    found = made(found)
    verify(IFraming, found)
    framing = found.thing
    framer = call(found, framing.make_framer, DEFAULT_MAX_MESSAGE_BYTES, "split")
    verify(IFramer, framer)
    return framing.make_framer, framing.framed


def framing_itself(framing: AnyFraming) -> AnyFraming:
    """Return a framing that is not named but handed in.

    Raises:
        DoorError: it is none.
    """
    _named(framing)
    return framing


def framing_named(
    name: AnyFraming,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    overlong: Overlong = "split",
) -> Callable[[], Framer]:
    r"""Find a framing by its name.

    Args:
        name: ``line``, ``chunk``, ``netstring``, ``int16``, ``int32``, ``varint``,
            ``octet-count``, ``resp``, ``crlf-dot``, or one with parameters:
            ``length:offset=4,width=2,order=big,plus=0`` (each may be left out),
            ``varint:offset=1``, ``crlf-dot:after=DATA``, or ``delimiter:`` and the
            delimiter, in which ``\0``, ``\n``, ``\x1e`` and the like are escapes
            as in Python; or the name of an installed framing,
            ``python:module:name``, or a framing itself (`echolab.IFraming`).
        max_message_bytes: the longest message, at least 1.
        overlong: what to do with a longer one.

    Returns:
        A function that makes a framer for each connection.

    Raises:
        ValueError: there is no such framing, or it is none.
    """
    make, _ = _named(name)
    return partial(make, max_message_bytes, overlong)


def framed(message: bytes, name: AnyFraming) -> bytes:
    """Return a message as it is sent: with its delimiter or its length.

    Args:
        message: any bytes. A delimiter inside the message is not looked for. With
            ``length``, and ``varint:offset=1``, this is a whole frame; the length in
            it is replaced by the right one. With ``resp`` it is sent as it is.
        name: the name of the framing, as for `framing_named`. A ``chunk`` has no
            delimiter; it gets a newline, as a line does. With ``crlf-dot:after=DATA``
            it is sent as a line.

    Raises:
        ValueError: there is no such framing, or the message is too long for it.
    """
    _, write = _named(name)
    return write(message)


def ends_by_mark(name: AnyFraming) -> bool:
    """Return whether a mark ends each message: the last one often lacks it.

    Args:
        name: the name of the framing, as for `framing_named`.
    """
    return isinstance(name, str) and name.partition(":")[0] in ("line", "delimiter")


def takes_lines(name: AnyFraming) -> bool:
    """Return whether a text that is framed becomes a whole message, as it is.

    With ``resp``, it would have to bring its end; with ``length``, room for it.

    Args:
        name: the name of the framing, as for `framing_named`.

    Raises:
        ValueError: there is no such framing.
    """
    framer, text = framing_named(name)(), b"a text"
    try:
        data = framed(text, name)
        messages = [each for some in framer.feed(data) for each in some]
    except (ValueError, FramingError):
        return False
    return bool(messages) and (text in data or text in messages)
