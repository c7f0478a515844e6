"""Framing: bytes in, messages out. No I/O, no clock, and every buffer bounded.

A framer is fed chunks (the bytes that one read returned) and gives back messages.
It does not matter how the stream was cut into chunks. Bytes that are not valid in
the framing end the connection: the framer gives back the good messages, then raises.
"""

from echolab.framing.base import DEFAULT_MAX_MESSAGE_BYTES, Framer, Framing, Overlong
from echolab.framing.chunk import ChunkFramer
from echolab.framing.delimiter import DelimiterFramer
from echolab.framing.int_prefixed import IntFramer
from echolab.framing.line import LineFramer
from echolab.framing.names import FRAMING_NAMES, framed, framing_named
from echolab.framing.netstring import NetstringFramer

__all__ = [
    "DEFAULT_MAX_MESSAGE_BYTES",
    "FRAMING_NAMES",
    "ChunkFramer",
    "DelimiterFramer",
    "Framer",
    "Framing",
    "IntFramer",
    "LineFramer",
    "NetstringFramer",
    "Overlong",
    "framed",
    "framing_named",
]
