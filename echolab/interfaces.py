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
    from twisted.internet.interfaces import IProducer
    from twisted.internet.task import Clock

    from echolab.errors import EcholabError

__all__ = [
    "AnyClock",
    "Done",
    "IOutput",
    "IReactor",
    "IStreamTransport",
    "Output",
    "Producer",
    "ServerEndpoint",
]

AnyClock: TypeAlias = "IReactorTime | Clock"
"""What measures spans of time: a reactor, or a test's clock."""

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


class Producer(Protocol):
    """A push producer; see ``twisted.internet.interfaces.IPushProducer``."""

    def pauseProducing(self) -> None:
        """Produce nothing until `resumeProducing`."""

    def resumeProducing(self) -> None:
        """Produce again."""

    def stopProducing(self) -> None:
        """Never produce again."""


class Output(Protocol):
    """What provides `IOutput`."""

    def write(self, data: bytes) -> None:
        """Write bytes, now or when they are taken."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause a producer while too much waits."""

    def unregisterProducer(self, producer: Any = None) -> None:
        """Pause it no more."""

    def flush(self, seconds: float | None) -> Deferred[int]:
        """Wait until all is written; see `IOutput`."""
        ...

    def reopen(self) -> bool:
        """Go on in the file that now has the path; see `IOutput`."""
        ...

    def close(self) -> None:
        """Write nothing more."""


class ServerEndpoint(Protocol):
    """What provides ``twisted.internet.interfaces.IStreamServerEndpoint``."""

    def listen(self, protocolFactory: Any, /) -> Deferred[Any]:
        """Listen; the Deferred fires with the port."""
        ...
