"""The lab bench for stream sockets: receive and print, send lines, on Twisted.

The names here are the library. Importing them installs no reactor; reactor, clock,
descriptors and sinks are handed in. Each is imported when it is first asked for
(PEP 562): a test runner that only looks for plugins does not pay for Twisted.

- Receiving: `ReceiverFactory` makes a `ReceiverProtocol` for each connection, within
  `Limits`. A `ReplyingProtocol` answers, by `echo` or `reply_text`, or `of_chunks`
  what each read returned, or by rules: `Answers`, which may `Delay`, `Close`, or go on
  by other rules, `Then`. A `Behaviour` is a list of things to do wrong, each a `Fault`.
  `ReceiverService` is that as a service.
- Sending: `SenderFactory` makes `SenderProtocol` s. A `Sender` keeps one connected; a
  `Connector` connects any factory, and tries again. `SenderService` is the command's
  client: it sends what a `StdinReader` reads, and a `ConversationPrinter` shows the
  `Replies`.
- Events: a `Sink` takes every `Event`: `Accepted`, `Connected`, `Chunk`, `Received`,
  `Sent`, `Unanswered`, `HalfClosed`, `Introduced`, `Misbehaved`, `Mistaken`, `Refused`
  and `Finished`, each of a `Peer`, the last with its `EndCause`. A `Ledger` also has
  the system calls, `Called`, and what the kernel says: `Listening`, `SynSaved`,
  `Sampled`, `Diagnosed`. `LeftOut` stands where events were not kept.
  `tee` makes one of several, a `Tee`, which lives as an `ISink` does; a `Printer` is
  one.
- Framing (`echolab.framing`): a `Framer` makes `Messages` of bytes, `Lines` or a
  `Batch`: `LineFramer`, `ChunkFramer`, `DelimiterFramer`, `NetstringFramer`,
  `IntFramer`; `framing_named` finds one.
- Formats (`echolab.formats`): a `Form` makes printed bytes of an event, in a `Style`:
  `Classic`, `Log`, `Raw`, `Hex`, `Json`.
- Outputs and pressure: `DescriptorOutput`, `FileOutput` and `LogOutput` are each an
  `Output` (`IOutput`) that pauses every `Producer` of it while it is full. `share`
  registers a producer with several outputs; a `SharedConsumer` takes several producers
  for a transport.
- Extending (docs/extending.md): an `IFraming` makes an `IFramer` for each connection,
  an `IForm` prints, an `IReply` answers, an
  `IMisbehaviour` does something wrong to a `Victim`.
- In front of any factory: `AdmittingFactory` asks an `Admission` who may connect;
  `behind_proxy` reads PROXY headers.
- Errors: an `EcholabError` is a `ConnectError`, `ConnectionLostError`, `InputError`,
  `ListenError` or `OutputError`; a `FramingError` is a `MalformedError` or an
  `OverlongError`; an `UnverifiedError` is of a TLS server that has not proved its name.

Apart stand `echolab.sockets`, `echolab.tls` and `echolab.escaping`, and for tests
`echolab.testing`.
"""

from typing import TYPE_CHECKING

from echolab.lazily import lazy_names

if TYPE_CHECKING:
    from echolab.addresses import Peer
    from echolab.behaviour.values import Behaviour, Fault
    from echolab.client.connecting import Connector
    from echolab.client.factory import SenderFactory
    from echolab.client.protocol import SenderProtocol
    from echolab.client.sender import Sender
    from echolab.client.service import SenderService
    from echolab.connection.terms import Ledger
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
        Called,
        Chunk,
        Connected,
        Event,
        Finished,
        HalfClosed,
        Introduced,
        LeftOut,
        Misbehaved,
        Mistaken,
        Received,
        Refused,
        Sent,
        Sink,
        Unanswered,
    )
    from echolab.extending import IForm, IFramer, IFraming, IMisbehaviour, IReply
    from echolab.facts import Diagnosed, Listening, Sampled, SynSaved
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
    from echolab.outputs.sharing import SharedConsumer, share
    from echolab.server.admission import Admission
    from echolab.server.admitting import AdmittingFactory
    from echolab.server.behind_proxy import behind_proxy
    from echolab.server.dialogue import Answers
    from echolab.server.factory import ReceiverFactory
    from echolab.server.limits import Limits
    from echolab.server.protocol import ReceiverProtocol
    from echolab.server.reply import echo, of_chunks, reply_text
    from echolab.server.replying import ReplyingProtocol
    from echolab.server.service import ReceiverService
    from echolab.server.steps import Close, Delay, Then
    from echolab.server.victim import Victim
    from echolab.sinks.printing import ConversationPrinter, Printer, Replies
    from echolab.sinks.tee import Tee, tee
    from echolab.terminal.stdin import StdinReader

__version__ = "0.1.0"

__all__ = [
    "Accepted",
    "Admission",
    "AdmittingFactory",
    "Answers",
    "Batch",
    "Behaviour",
    "Called",
    "Chunk",
    "ChunkFramer",
    "Classic",
    "Close",
    "ConnectError",
    "Connected",
    "ConnectionLostError",
    "Connector",
    "ConversationPrinter",
    "Delay",
    "DelimiterFramer",
    "DescriptorOutput",
    "Diagnosed",
    "EcholabError",
    "EndCause",
    "Event",
    "Fault",
    "FileOutput",
    "Finished",
    "Form",
    "Framer",
    "FramingError",
    "HalfClosed",
    "Hex",
    "IForm",
    "IFramer",
    "IFraming",
    "IMisbehaviour",
    "IOutput",
    "IReply",
    "ISink",
    "InputError",
    "IntFramer",
    "Introduced",
    "Json",
    "Ledger",
    "LeftOut",
    "Limits",
    "LineFramer",
    "Lines",
    "ListenError",
    "Listening",
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
    "Sampled",
    "Sender",
    "SenderFactory",
    "SenderProtocol",
    "SenderService",
    "Sent",
    "SharedConsumer",
    "Sink",
    "StdinReader",
    "Style",
    "SynSaved",
    "Tee",
    "Then",
    "Unanswered",
    "UnverifiedError",
    "Victim",
    "behind_proxy",
    "echo",
    "framing_named",
    "of_chunks",
    "reply_text",
    "share",
    "tee",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "addresses": "Peer",
        "behaviour.values": "Behaviour Fault",
        "client.connecting": "Connector",
        "client.factory": "SenderFactory",
        "client.protocol": "SenderProtocol",
        "client.sender": "Sender",
        "client.service": "SenderService",
        "connection.terms": "Ledger",
        "ends": "EndCause",
        "errors": (
            "ConnectError ConnectionLostError EcholabError FramingError "
            "InputError ListenError MalformedError OutputError "
            "OverlongError UnverifiedError"
        ),
        "events": (
            "Accepted Called Chunk Connected Event Finished HalfClosed Introduced "
            "LeftOut Misbehaved Mistaken Received Refused Sent Sink Unanswered"
        ),
        "extending": "IForm IFramer IFraming IMisbehaviour IReply",
        "facts": "Diagnosed Listening Sampled SynSaved",
        "formats": "Classic Form Hex Json Log Raw Style",
        "framing": (
            "ChunkFramer DelimiterFramer Framer IntFramer LineFramer "
            "NetstringFramer framing_named"
        ),
        "interfaces": "IOutput ISink Output Producer",
        "messages": "Batch Lines Messages",
        "outputs.descriptor": "DescriptorOutput",
        "outputs.file": "FileOutput",
        "outputs.log": "LogOutput",
        "outputs.sharing": "SharedConsumer share",
        "server.admission": "Admission",
        "server.admitting": "AdmittingFactory",
        "server.behind_proxy": "behind_proxy",
        "server.dialogue": "Answers",
        "server.factory": "ReceiverFactory",
        "server.limits": "Limits",
        "server.protocol": "ReceiverProtocol",
        "server.reply": "echo of_chunks reply_text",
        "server.replying": "ReplyingProtocol",
        "server.service": "ReceiverService",
        "server.steps": "Close Delay Then",
        "server.victim": "Victim",
        "sinks.printing": "ConversationPrinter Printer Replies",
        "sinks.tee": "Tee tee",
        "terminal.stdin": "StdinReader",
    },
)
