"""The lab bench for stream sockets: receive and print, send lines, on Twisted.

The names here are the library: Protocols and Factories, framing, events,
printing and the services. Importing them installs no reactor; reactor, clock,
descriptors and sinks are handed in.
"""

from echolab.admission import Admission
from echolab.client import SenderFactory, SenderProtocol
from echolab.errors import (
    ConnectError,
    ConnectionLostError,
    EcholabError,
    FramingError,
    InputError,
    ListenError,
    MalformedError,
    OutputError,
    OverlongError,
)
from echolab.events import (
    Accepted,
    Connected,
    EndCause,
    Event,
    Finished,
    Peer,
    Received,
    Refused,
    Sink,
    tee,
)
from echolab.file_output import FileOutput
from echolab.formats import Classic, Form, Hex, Json, Log, Raw, Style
from echolab.framing import (
    ChunkFramer,
    DelimiterFramer,
    Framer,
    IntFramer,
    LineFramer,
    NetstringFramer,
    framing,
)
from echolab.interfaces import IOutput
from echolab.messages import Batch, Lines, Messages
from echolab.output import DescriptorOutput, LogOutput
from echolab.printing import ConversationPrinter, Printer
from echolab.replying import ReplyingProtocol, echo, reply_text
from echolab.server import Limits, ReceiverFactory, ReceiverProtocol
from echolab.service import ReceiverService, SenderService
from echolab.stdin import StdinReader

__version__ = "0.1.0"

__all__ = [
    "Accepted",
    "Admission",
    "Batch",
    "ChunkFramer",
    "Classic",
    "ConnectError",
    "Connected",
    "ConnectionLostError",
    "ConversationPrinter",
    "DelimiterFramer",
    "DescriptorOutput",
    "EcholabError",
    "EndCause",
    "Event",
    "FileOutput",
    "Finished",
    "Form",
    "Framer",
    "FramingError",
    "Hex",
    "IOutput",
    "InputError",
    "IntFramer",
    "Json",
    "Limits",
    "LineFramer",
    "Lines",
    "ListenError",
    "Log",
    "LogOutput",
    "MalformedError",
    "Messages",
    "NetstringFramer",
    "OutputError",
    "OverlongError",
    "Peer",
    "Printer",
    "Raw",
    "Received",
    "ReceiverFactory",
    "ReceiverProtocol",
    "ReceiverService",
    "Refused",
    "ReplyingProtocol",
    "SenderFactory",
    "SenderProtocol",
    "SenderService",
    "Sink",
    "StdinReader",
    "Style",
    "echo",
    "framing",
    "reply_text",
    "tee",
]
