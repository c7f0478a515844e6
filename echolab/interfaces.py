"""What the parts ask of each other and of Twisted, as interfaces.

Classes declare Zope's interfaces. To a type checker without a plugin for them no
class provides any, not even Twisted's own. So signatures name the protocols here,
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
]

AnyClock: TypeAlias = "IReactorTime | Clock"
"""What measures spans of time: a reactor, or a test's clock."""

AnyFactory: TypeAlias = "IProtocolFactory | Factory[Any]"
"""What makes protocols: a Factory of Twisted's, or what provides its interface."""

Done: TypeAlias = "Callable[[EcholabError | None], None]"
"""Called when a service is at its end: with None in order, else with the reason."""


class IReactor(
    IReactorCore,
    IReactorFDSet,
    IReactorTime,
    IReactorTCP,
    IReactorSocket,
    IReactorPluggableNameResolver,
):
    """What the services use of a reactor; Twisted's all have it on POSIX."""


class IStreamTransport(ITCPTransport, IPushProducer, IConsumer):
    """What the protocols use of a connection; Twisted's TCP, UNIX and TLS have it."""


class IOutput(IConsumer, Interface):
    """A consumer of printed bytes that can be shared, flushed and closed.

    ``registerProducer`` takes several producers, each once; all are paused while
    too much waits. Whoever opened an output closes it. ``write`` raises a
    ValueError after that.
    """

    # mypy-zope does not understand a decorated method of an interface.
    def unregisterProducer(  # type: ignore[explicit-override]
        producer: IProducer | None = None,
    ) -> None:
        """Pause a producer no more.

        Args:
            producer: which; needs not be said if it is the only one.

        Raises:
            RuntimeError: there are several, and none is named.
        """

    def flush(seconds: float | None) -> Deferred[int]:
        """Wait until what waits now is written, ``seconds`` at most (None: for ever).

        Returns:
            How many bytes of it are still unwritten: 0 if all was written.
        """

    def reopen() -> bool:
        """Go on in the file that now has the path; return whether this is a file."""

    def close() -> None:
        """Write nothing more; let go of the reactor and of what was opened."""


class ISink(Interface):
    """What takes events and lives: it can be flushed, reopened, closed.

    It may pause the producers that are registered with it. A plain callable is a
    sink too: `echolab.tee` gives it such a life.
    """

    def __call__(event: Event) -> object:
        """Take an event."""

    def registerProducer(producer: IProducer, streaming: bool) -> None:
        """Pause a push producer while this sink is full."""

    def unregisterProducer(
        producer: IProducer | None = None,
    ) -> None:
        """Pause a producer no more, or none."""

    def flush(seconds: float | None) -> Deferred[int]:
        """Wait until all events so far are out, ``seconds`` at most (None: for ever).

        Returns:
            How many bytes of them are not: 0 if all are out.
        """

    def reopen() -> bool:
        """Go on in the file that now has the path; return whether this has a file."""

    def close() -> None:
        """Take nothing more; let go of what was opened."""


class Producer(Protocol):
    """A push producer; see ``twisted.internet.interfaces.IPushProducer``."""

    def pauseProducing(self) -> None:
        """Produce nothing until `resumeProducing`."""

    def resumeProducing(self) -> None:
        """Produce again."""

    def stopProducing(self) -> None:
        """Never produce again."""


class Living(Protocol):
    """What outputs and sinks have in common."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause a producer while too much waits."""

    def unregisterProducer(self, producer: Any = None) -> None:
        """Pause it no more."""

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until all is out; see `IOutput`."""
        ...

    def reopen(self) -> bool:
        """Go on in the file that now has the path; see `IOutput`."""
        ...

    def close(self) -> None:
        """Take nothing more."""


class Output(Living, Protocol):
    """What provides `IOutput`."""

    def write(self, data: bytes) -> None:
        """Write bytes, now or when they are taken."""


class LiveSink(Living, Protocol):
    """What provides `ISink`."""

    def __call__(self, event: Event, /) -> object:
        """Take an event."""


class ServerEndpoint(Protocol):
    """What provides ``twisted.internet.interfaces.IStreamServerEndpoint``."""

    def listen(self, protocolFactory: Any, /) -> Deferred[Any]:
        """Listen; the Deferred fires with the port."""
        ...
