"""The interfaces between the parts, and those of Twisted that they use.

Classes declare Zope's interfaces. A type checker without a plugin believes that no
class provides one, not even Twisted's own. So signatures name the protocols here,
or both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    IReactorCore,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorSocket,
    IReactorTCP,
    IReactorTime,
    ITCPTransport,
)
from zope.interface import Interface

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProducer, IProtocolFactory
    from twisted.internet.protocol import Factory
    from twisted.internet.task import Clock

    from echolab.errors import EcholabError
    from echolab.events import Event

__all__ = [
    "AnyClock",
    "AnyFactory",
    "Done",
    "IOutput",
    "IReactor",
    "ISink",
    "IStreamTransport",
    "LiveSink",
    "Living",
    "Output",
    "Producer",
    "ServerEndpoint",
    "Taker",
]

AnyClock: TypeAlias = "IReactorTime | Clock"
"""A clock that measures spans of time: a reactor, or a test's clock."""

AnyFactory: TypeAlias = "IProtocolFactory | Factory[Any]"
"""What makes protocols: a Factory of Twisted's, or what provides its interface."""

Done: TypeAlias = "Callable[[EcholabError | None], None]"
"""Called when a service has ended: with None if all went well, else with the reason."""


class IReactor(
    IReactorCore,
    IReactorFDSet,
    IReactorTime,
    IReactorTCP,
    IReactorSocket,
    IReactorPluggableNameResolver,
):
    """The part of a reactor that the services use; all Twisted's on POSIX have it."""


class IStreamTransport(ITCPTransport, IPushProducer, IConsumer):
    """The part of a transport that the protocols use; TCP, UNIX and TLS have it."""


class IOutput(IConsumer, Interface):
    """A consumer of printed bytes that can be shared, flushed and closed.

    ``registerProducer`` takes several producers, each once; all are paused while
    the buffer is full. The code that opened an output closes it. After that,
    ``write`` raises a ValueError.

    An output may have an attribute ``waiting_bytes``: how many bytes it buffers.
    """

    # mypy-zope does not understand a decorated method of an interface.
    def unregisterProducer(  # type: ignore[explicit-override]
        producer: IProducer | None = None,
    ) -> None:
        """Stop pausing a producer.

        Args:
            producer: which; may be left out if it is the only one.

        Raises:
            RuntimeError: there are several, and none was given.
        """

    def flush(seconds: float | None) -> Deferred[int]:
        """Wait until the present buffer is written.

        Args:
            seconds: wait no longer than this; None for no limit.

        Returns:
            How many bytes of it are still unwritten: 0 if all was written.
        """

    def reopen() -> bool:
        """Open the path again, after a rotation; return whether this is a file."""

    def close() -> None:
        """Stop writing; release the reactor and what was opened."""


class ISink(Interface):
    """A receiver of events that can be flushed, reopened and closed.

    It may pause its registered producers. A plain callable is a sink too:
    `echolab.tee` adds the missing methods.

    A sink may have an attribute ``waiting_bytes``: how many bytes it has not written.
    """

    def __call__(event: Event) -> object:
        """Take an event."""

    def registerProducer(producer: IProducer, streaming: bool) -> None:
        """Pause a push producer while this sink is full."""

    def unregisterProducer(
        producer: IProducer | None = None,
    ) -> None:
        """Stop pausing a producer, or all."""

    def flush(seconds: float | None) -> Deferred[int]:
        """Wait until all events so far are written.

        Args:
            seconds: wait no longer than this; None for no limit.

        Returns:
            How many bytes of them are not written: 0 if all are.
        """

    def reopen() -> bool:
        """Open the path again, after a rotation; return whether this has a file."""

    def close() -> None:
        """Stop taking events; release what was opened."""


class Producer(Protocol):
    """A push producer; see ``twisted.internet.interfaces.IPushProducer``."""

    def pauseProducing(self) -> None:
        """Produce nothing until `resumeProducing`."""

    def resumeProducing(self) -> None:
        """Produce again."""

    def stopProducing(self) -> None:
        """Never produce again."""


class Taker(Protocol):
    """A receiver of input: a stage of the client, or what sends it."""

    def received(self, chunk: bytes) -> None:
        """Take a chunk."""

    def input_failed(self, why: EcholabError) -> None:
        """Take an error of reading the input; `ended` follows."""

    def ended(self) -> None:
        """Take the end of input; no more follows."""


class Living(Protocol):
    """The methods that outputs and sinks share."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause a producer while the buffer is full."""

    def unregisterProducer(self, producer: Any = None) -> None:
        """Stop pausing it."""

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until all is written; see `IOutput`."""
        ...

    def reopen(self) -> bool:
        """Open the path again; see `IOutput`."""
        ...

    def close(self) -> None:
        """Stop taking data."""


class Output(Living, Protocol):
    """An object that provides `IOutput`."""

    def write(self, data: bytes) -> None:
        """Write bytes, now or when the descriptor takes them."""


class LiveSink(Living, Protocol):
    """An object that provides `ISink`."""

    def __call__(self, event: Event, /) -> object:
        """Take an event."""


class AnyMisbehaviour(Protocol):
    """What provides `IMisbehaviour`."""

    def accepted(self, victim: Any, /) -> None:
        """Begin."""

    def gone(self) -> None:
        """Let go."""


class ServerEndpoint(Protocol):
    """An object that provides ``twisted.internet.interfaces.IStreamServerEndpoint``."""

    def listen(self, protocolFactory: Any, /) -> Deferred[Any]:
        """Listen; the Deferred fires with the port."""
        ...
