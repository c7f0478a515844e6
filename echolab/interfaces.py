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
    """A consumer of printed bytes that can be flushed and closed."""

    def flush(seconds: float) -> Deferred[int]:
        """Wait until all is written, ``seconds`` at most.

        Returns:
            How many bytes are still unwritten: 0 if all was written.
        """

    def reopen() -> bool:
        """Go on in the file that now has the path; return whether this is a file."""

    def close() -> None:
        """Write nothing more; let go of the reactor and of what was opened."""
