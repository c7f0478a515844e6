"""The test kit: a peer for your tests, that can be asked what it received.

For trial there is `ListeningMixin`, for pytest there are the fixtures
``echolab_server``, ``echolab_client`` and ``echolab_process``; docs/testing.md is
the guide.
"""

from echolab.behaviour import Behaviour
from echolab.testing.cutting import Replayed, cut, cuttings, recut, replay_into
from echolab.testing.memory import Conversation, MemoryTransport, connected
from echolab.testing.process import LabProcess
from echolab.testing.server import (
    Connect,
    LabClient,
    LabServer,
    ListeningMixin,
    connect,
    listen,
)
from echolab.testing.setup import ServerKeywords
from echolab.testing.transcript import BlockingTranscript, Remembering, Transcript

__all__ = [
    "Behaviour",
    "BlockingTranscript",
    "Connect",
    "Conversation",
    "LabClient",
    "LabProcess",
    "LabServer",
    "ListeningMixin",
    "MemoryTransport",
    "Remembering",
    "Replayed",
    "ServerKeywords",
    "Transcript",
    "connect",
    "connected",
    "cut",
    "cuttings",
    "listen",
    "recut",
    "replay_into",
]
