"""The lab bench for stream sockets: receive and print, send lines, on Twisted.

The names here are the library: Protocols and Factories, framing, events,
printing and the services. Importing them installs no reactor; reactor, clock,
descriptors and sinks are handed in.

They are imported when one is first asked for (PEP 562): a test runner that only
looks for plugins does not pay for Twisted.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.client.connecting import Connector
    from echolab.client.protocol import SenderFactory, SenderProtocol
    from echolab.client.service import SenderService
    from echolab.client.stdin import StdinReader
    from echolab.ends import EndCause
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
        UnverifiedError,
    )
    from echolab.events import (
        Accepted,
        Chunk,
        Connected,
        Event,
        Finished,
        Misbehaved,
        Mistaken,
        Received,
        Refused,
        Sent,
        Sink,
    )
    from echolab.formats import Classic, Form, Hex, Json, Log, Raw, Style
    from echolab.framing import (
        ChunkFramer,
        DelimiterFramer,
        Framer,
        IntFramer,
        LineFramer,
        NetstringFramer,
        framing_named,
    )
    from echolab.interfaces import IOutput, ISink, Output, Producer
    from echolab.messages import Batch, Lines, Messages
    from echolab.outputs.descriptor import DescriptorOutput
    from echolab.outputs.file import FileOutput
    from echolab.outputs.log import LogOutput
    from echolab.server.admission import Admission
    from echolab.server.behaviour import Behaviour, Fault
    from echolab.server.factory import ReceiverFactory
    from echolab.server.limits import Limits
    from echolab.server.protocol import ReceiverProtocol
    from echolab.server.reply import echo, reply_text
    from echolab.server.replying import ReplyingProtocol
    from echolab.server.service import ReceiverService
    from echolab.sinks.printing import ConversationPrinter, Printer, Replies
    from echolab.sinks.tee import Tee, tee

__version__ = "0.1.0"

__all__ = [
    "Accepted",
    "Admission",
    "Batch",
    "Behaviour",
    "Chunk",
    "ChunkFramer",
    "Classic",
    "ConnectError",
    "Connected",
    "ConnectionLostError",
    "Connector",
    "ConversationPrinter",
    "DelimiterFramer",
    "DescriptorOutput",
    "EcholabError",
    "EndCause",
    "Event",
    "Fault",
    "FileOutput",
    "Finished",
    "Form",
    "Framer",
    "FramingError",
    "Hex",
    "IOutput",
    "ISink",
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
    "Misbehaved",
    "Mistaken",
    "NetstringFramer",
    "Output",
    "OutputError",
    "OverlongError",
    "Peer",
    "Printer",
    "Producer",
    "Raw",
    "Received",
    "ReceiverFactory",
    "ReceiverProtocol",
    "ReceiverService",
    "Refused",
    "Replies",
    "ReplyingProtocol",
    "SenderFactory",
    "SenderProtocol",
    "SenderService",
    "Sent",
    "Sink",
    "StdinReader",
    "Style",
    "Tee",
    "UnverifiedError",
    "echo",
    "framing_named",
    "reply_text",
    "tee",
]

_MODULES = (
    "addresses",
    "client.connecting",
    "client.protocol",
    "client.service",
    "client.stdin",
    "ends",
    "errors",
    "events",
    "formats",
    "framing",
    "interfaces",
    "messages",
    "outputs.descriptor",
    "outputs.file",
    "outputs.log",
    "server.admission",
    "server.behaviour",
    "server.factory",
    "server.limits",
    "server.protocol",
    "server.reply",
    "server.replying",
    "server.service",
    "sinks.printing",
    "sinks.tee",
)


def __getattr__(name: str) -> object:
    """Import the library, now that a name of it is asked for."""
    if name in __all__:
        for module in _MODULES:
            home = import_module(f"echolab.{module}")
            public = set(home.__all__).intersection(__all__)
            globals().update({each: getattr(home, each) for each in public})
        return globals()[name]
    raise AttributeError(f"module 'echolab' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name the library too, though it is not imported yet."""
    return sorted({*globals(), *__all__})
