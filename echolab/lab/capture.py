"""Read captures of tcpdump and Wireshark: pcap and pcapng; they are not trusted.

See draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from twisted.logger import Logger

from echolab.errors import InputError, reason_of
from echolab.lab.dissecting import dissect
from echolab.lab.links import ip_packet_in, is_known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echolab.lab.segments import End, Flag

__all__ = ["Packet", "is_capture", "read_capture"]

_log = Logger()

MICRO, NANO = 10**6, 10**9
PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", MICRO),
    b"\xa1\xb2\xc3\xd4": (">", MICRO),
    b"\x4d\x3c\xb2\xa1": ("<", NANO),
    b"\xa1\xb2\x3c\x4d": (">", NANO),
}
"""The first bytes of a pcap file; its byte order, and its ticks in a second."""
PCAPNG = b"\x0a\x0d\x0d\x0a"
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
SECTION, INTERFACE, OLD_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 6
END_OF_OPTIONS, SHB_USERAPPL, IF_TSRESOL, IF_TSOFFSET = 0, 4, 9, 14
OWN = b"echolab "
"""How the name of the program begins that makes packets of recordings."""
IS_BINARY = 0x80
LINK_TYPE = 0xFFFF
"""The bits of a pcap file's link type; the others are about checksums."""
MOST_PACKET = 262_144
"""The most bytes of a packet that tcpdump and Wireshark write."""
MOST_BLOCK = 16 << 20
"""The longest block of a pcapng file that Wireshark reads."""
MOST_INTERFACES = 10_000
LAST_SECOND = 253_402_300_799
"""The last time that can be shown: the end of the year 9999."""


class Packet(NamedTuple):
    """A TCP segment of a capture.

    Attributes:
        number: the number of its packet in the file, from 1 on, as Wireshark shows it.
        time: when it was captured, in POSIX seconds.
        source: its sender.
        target: its receiver.
        flags: what it is.
        seq: its sequence number.
        ack: the next byte that its sender expects, if it has `Flag.ACK`.
        window: as its header has it: not scaled.
        scale: by how many bits the sender's later windows are shifted, if this is a SYN
            that says so.
        length: how many bytes of data it has.
        data: its data; None if only a part of it was captured.
    """

    number: int
    time: float
    source: End
    target: End
    flags: Flag
    seq: int
    ack: int
    window: int
    scale: int | None
    length: int
    data: bytes | None


class _Frame(NamedTuple):
    """What was captured of a packet on its link."""

    link_type: int
    time: float
    data: bytes
    length: int


class _FaultError(ValueError):
    """The file is no capture, or not a whole one."""


class _CutOffError(Exception):
    """The file ends in the middle of something."""


class _Interface(NamedTuple):
    """An interface of a pcapng file: what its packets are, how it counts time."""

    link_type: int
    ticks: int
    offset: int


def is_capture(path: str | Path) -> bool:
    """Whether a file begins like a capture; False if it cannot be read."""
    try:
        # What is read of a pipe is gone.
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            start = file.read(4)
    except OSError:
        return False
    return start in PCAP or start == PCAPNG


def read_capture(path: str | Path) -> Iterator[Packet]:
    """Read the TCP segments of a capture, one at a time.

    All else is left out: other protocols, fragments, segments without a whole header.

    Args:
        path: a file of tcpdump, dumpcap, tshark or Wireshark, in pcap or pcapng, of
            Ethernet, loopback, Linux's ``any`` or raw IP.

    Raises:
        InputError: the file cannot be read, or is no such capture. If it is cut off,
            as after a crash, what is whole is read, and the rest is logged.
    """
    number = 0
    strange: set[int] = set()
    try:
        with Path(path).open("rb") as file:
            for number, frame in enumerate(_frames(file), 1):
                if not is_known(frame.link_type):
                    if frame.link_type not in strange and len(strange) < 10:
                        strange.add(frame.link_type)
                        _log.warn(
                            "{path}: packets of the link type {link} are left out",
                            path=path,
                            link=frame.link_type,
                        )
                    continue
                packet = ip_packet_in(frame.link_type, frame.data)
                missing = max(0, frame.length - len(frame.data))
                if packet and (segment := dissect(packet, missing)):
                    yield Packet(number, frame.time, *segment)
    except OSError as error:
        raise InputError("open", str(path), reason_of(error)) from None
    except _FaultError as error:
        why = f"after packet {number}: {error}" if number else str(error)
        raise InputError("read", str(path), why) from None
    except _CutOffError:
        _log.warn("{path}: cut off after packet {n}", path=path, n=number)


def _frames(file: BinaryIO) -> Iterator[_Frame]:
    start = file.read(4)
    if start in PCAP:
        yield from _frames_of_pcap(file, *PCAP[start])
    elif start == PCAPNG:
        yield from _frames_of_pcapng(file, start)
    else:
        raise _FaultError("neither pcap nor pcapng")


def _frames_of_pcap(file: BinaryIO, order: str, ticks: int) -> Iterator[_Frame]:
    link_type = struct.unpack(f"{order}16xI", _exactly(file, 20))[0] & LINK_TYPE
    while head := file.read(16):
        if len(head) < 16:
            raise _CutOffError
        seconds, fraction, size, length = struct.unpack(f"{order}4I", head)
        time = _time(seconds * ticks + fraction, ticks)
        yield _Frame(link_type, time, _exactly(file, _checked(size)), length)


def _frames_of_pcapng(file: BinaryIO, start: bytes) -> Iterator[_Frame]:
    order = "<"
    interfaces: list[_Interface] = []
    while start:
        if start == PCAPNG:
            size, magic = _exactly(file, 4), _exactly(file, 4)
            if magic not in BYTE_ORDERS:
                raise _FaultError("a section without a byte order")
            order = BYTE_ORDERS[magic]
            interfaces = []
            body = _body(file, order, size, taken=4)
            if dict(_options(body[12:], order)).get(SHB_USERAPPL, b"")[:8] == OWN:
                raise _FaultError("made by echolab export: its packets were not seen")
        else:
            if len(start) < 4:
                raise _CutOffError
            kind = struct.unpack(f"{order}I", start)[0]
            body = _body(file, order, _exactly(file, 4))
            if kind == INTERFACE and len(interfaces) < MOST_INTERFACES:
                interfaces.append(_interface(body, order))
            elif kind in (OLD_PACKET, ENHANCED_PACKET):
                yield _frame(
                    body,
                    f"{order}I" if kind == ENHANCED_PACKET else f"{order}Hxx",
                    interfaces,
                )
        start = file.read(4)


def _body(file: BinaryIO, order: str, size: bytes, taken: int = 0) -> bytes:
    """Read the rest of a block, without its second length."""
    length = struct.unpack(f"{order}I", size)[0]
    rest = length - 12 - taken
    if length % 4 or rest < 0 or length > MOST_BLOCK:
        raise _FaultError(f"a block of {length} bytes")
    return _exactly(file, rest + 4)[:rest]


def _interface(body: bytes, order: str) -> _Interface:
    """Read an interface: its link type, and two of its options."""
    if len(body) < 8:
        raise _FaultError("an interface without a link type")
    link_type = struct.unpack_from(f"{order}H", body)[0]
    ticks, offset = MICRO, 0
    for code, value in _options(body[8:], order):
        if code == IF_TSRESOL and len(value) == 1:
            digits = value[0] & ~IS_BINARY
            ticks = 2**digits if value[0] & IS_BINARY else 10**digits
        elif code == IF_TSOFFSET and len(value) == 8:
            offset = struct.unpack(f"{order}q", value)[0]
    return _Interface(link_type, ticks, offset)


def _options(body: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the options at the end of a block."""
    at = 0
    while at + 4 <= len(body):
        code, length = struct.unpack_from(f"{order}HH", body, at)
        if code == END_OF_OPTIONS:
            return
        yield code, body[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4


def _frame(body: bytes, number: str, interfaces: list[_Interface]) -> _Frame:
    """Read a packet block.

    Args:
        body: the block.
        number: how the interface's number is written, with the byte order.
        interfaces: those of the section.
    """
    if len(body) < 20:
        raise _FaultError("a packet without a length")
    index, high, low, size, length = struct.unpack_from(f"{number}4I", body)
    if index >= len(interfaces):
        raise _FaultError("a packet of an interface that is not described")
    if 20 + _checked(size) > len(body):
        raise _FaultError("a packet that is longer than its block")
    link_type, ticks, offset = interfaces[index]
    time = _time((high << 32 | low) + offset * ticks, ticks)
    return _Frame(link_type, time, body[20 : 20 + size], length)


def _time(count: int, ticks: int) -> float:
    if not 0 <= count <= LAST_SECOND * ticks:
        raise _FaultError("a packet that has no time of our days")
    return count / ticks


def _checked(size: int) -> int:
    if size > MOST_PACKET:
        raise _FaultError(f"a packet of {size} bytes")
    return size


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise _CutOffError
    return data
