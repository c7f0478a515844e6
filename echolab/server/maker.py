"""Makers of protocols of somebody else's: classes, factories, functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from twisted.internet.interfaces import IProtocol, IProtocolFactory

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.protocol import Factory

__all__ = ["Hosting", "Maker", "build", "is_maker"]

Maker: TypeAlias = "IProtocolFactory | Factory[Any] | Callable[[], Any]"
"""A maker of protocols: a factory; or a class or function without arguments that
returns a new protocol or factory for each call."""


def build(maker: Maker, address: Any) -> Any:
    """Make a protocol.

    Raises:
        ConnectionError: the factory has made none.
        TypeError: the maker does not make protocols.
    """
    made: Any = maker
    if not IProtocolFactory.providedBy(made):
        if IProtocol.providedBy(made):
            raise TypeError(
                f"{made!r} is a protocol: give what makes one, as its class"
            )
        made = made()
    if IProtocolFactory.providedBy(made):
        made = made.buildProtocol(address)
        if made is None:
            raise ConnectionError("the factory has made no protocol: it refuses")
    if not IProtocol.providedBy(made):
        raise TypeError(f"{maker!r} has made no protocol, but {made!r}")
    return made


def is_maker(thing: Any) -> bool:
    """Whether something is a factory, or the class of a factory or a protocol."""
    kinds = (IProtocol, IProtocolFactory)
    if isinstance(thing, type):
        return any(kind.implementedBy(thing) for kind in kinds)
    return bool(IProtocolFactory.providedBy(thing))


class Hosting(NamedTuple):
    """A reply that is a protocol of somebody else's, for each connection.

    Attributes:
        maker: makes the protocols.
    """

    maker: Maker
