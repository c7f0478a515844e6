"""Protocols inside wrappers that do not pass on all calls."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    ISSLTransport,
)
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import alsoProvides

__all__ = ["below_tls", "hear", "pass_on"]


def hear(protocol: Any, layer: Any = None) -> None:
    """Pass half-closes and handshakes on to a protocol inside wrappers.

    Twisted tells only the outermost protocol above a socket or TLS, if it provides the
    interface. Twisted's wrappers do not: ``TimeoutFactory``, ``WrappingFactory``, and
    the endpoints' wrapper, for a protocol that provides it only once connected.

    Args:
        protocol: a protocol with a transport.
        layer: its transport, if that has another one in front of it.
    """
    layer = layer or protocol.transport
    if getattr(layer, "protocol", None) is protocol:
        return
    while isinstance(layer, ProtocolWrapper) and not _does_tls(layer):
        layer = layer.transport
    told = getattr(layer, "wrappedProtocol" if _does_tls(layer) else "protocol", None)
    if told is not None and told is not protocol:
        pass_on(protocol, told)


def pass_on(protocol: Any, wrapper: Any) -> None:
    """Let a wrapper provide what its protocol does, so that the protocol is told.

    Args:
        protocol: may hear of half-closes and handshakes.
        wrapper: has its transport; from that it takes what it provides itself.
    """
    for interface in (IHalfCloseableProtocol, IHandshakeListener):
        if interface.providedBy(protocol) and not interface.providedBy(wrapper):
            for name in interface:
                setattr(wrapper, name, getattr(protocol, name))
            alsoProvides(wrapper, interface)


def below_tls(transport: Any) -> Any:
    """Return the transport below TLS; None if there is none."""
    while ISSLTransport.providedBy(transport):
        transport = getattr(transport, "transport", None)
    return transport


def _does_tls(layer: Any) -> bool:
    """Whether a layer is TLS itself; wrappers provide their transport's interfaces."""
    below = getattr(layer, "transport", None)
    return ISSLTransport.providedBy(layer) and not ISSLTransport.providedBy(below)
