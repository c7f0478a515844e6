"""What the parts ask of each other and of Twisted, as interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorSocket,
    IReactorTCP,
    IReactorTime,
    ITCPTransport,
)
from zope.interface import Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProducer

__all__ = ["IOutput", "IReactor", "IStreamTransport"]


class IReactor(
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

    def flush(seconds: float) -> Deferred[int]:
        """Wait until what waits now is written, ``seconds`` at most.

        Returns:
            How many bytes of it are still unwritten: 0 if all was written.
        """

    def reopen() -> bool:
        """Go on in the file that now has the path; return whether this is a file."""

    def close() -> None:
        """Write nothing more; let go of the reactor and of what was opened."""
