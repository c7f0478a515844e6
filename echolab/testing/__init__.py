"""The test kit: a peer for your tests that can be asked what it received.

The guide is docs/testing.md. The pytest fixtures are ``echolab_process``,
``echolab_async``, ``echolab_connect``, ``echolab_server`` and ``echolab_client``
(`echolab.pytest_plugin`). This package has

- `LabProcess`: a server in its own process, whose waits block;
- `AsyncLabProcess`: the same for asyncio, whose waits are coroutines;
- `BlockingClient`: a client of the server under test, whose waits block;
- `ListeningMixin` for trial, `listen` and `connect`, `LabServer` and `LabClient`:
  the same in the test's reactor, with Deferreds as waits;
- `Transcript`, `BlockingTranscript`: the base of all these, sinks that remember
  events and can be asked (`Remembering`);
- `Behaviour`: how a server misbehaves; `ServerKeywords`: all options of a server;
- `Rules`, each a pattern with its `Answering`, and the steps of answers: `Delay`,
  `Close`, `Then`;
- `connected`, `Conversation`, `MemoryTransport`: two protocols without a socket;
- `recut`, `cut`, `cuttings`: the same bytes, cut in every way;
- `replay_into`, `Replayed`: a recording, played to a protocol.
"""

from echolab.behaviour.values import Behaviour
from echolab.server.script import Answering, Rules
from echolab.server.steps import Close, Delay, Then
from echolab.testing.asyncio_process import AsyncLabProcess
from echolab.testing.blocking import BlockingTranscript
from echolab.testing.blocking_client import BlockingClient, BlockingConnect
from echolab.testing.blocking_process import LabProcess
from echolab.testing.cutting import Replayed, cut, cuttings, recut, replay_into
from echolab.testing.memory import Conversation, connected
from echolab.testing.memory_transport import MemoryTransport
from echolab.testing.place import ServerKeywords
from echolab.testing.remembering import Remembering
from echolab.testing.server import (
    Connect,
    LabClient,
    LabServer,
    ListeningMixin,
    connect,
    listen,
)
from echolab.testing.transcript import Transcript

__all__ = [
    "Answering",
    "AsyncLabProcess",
    "Behaviour",
    "BlockingClient",
    "BlockingConnect",
    "BlockingTranscript",
    "Close",
    "Connect",
    "Conversation",
    "Delay",
    "LabClient",
    "LabProcess",
    "LabServer",
    "ListeningMixin",
    "MemoryTransport",
    "Remembering",
    "Replayed",
    "Rules",
    "ServerKeywords",
    "Then",
    "Transcript",
    "connect",
    "connected",
    "cut",
    "cuttings",
    "listen",
    "recut",
    "replay_into",
]
