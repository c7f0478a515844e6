"""Protocols behind wrappers of others, which do not pass on all that they are told."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    ISSLTransport,
)
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import alsoProvides

__all__ = ["below_tls", "hear"]


def hear(protocol: Any) -> None:
    """Have a protocol told of half-closes and handshakes in spite of wrappers.

    Twisted tells the outermost protocol above a socket or TLS, if it listens. Its
    wrappers do not: ``TimeoutFactory``, ``WrappingFactory``, and the endpoints',
    for a protocol that begins to listen only when it is connected.

    Args:
        protocol: has its transport.
    """
    layer = protocol.transport
    while isinstance(layer, ProtocolWrapper) and not _does_tls(layer):
        layer = layer.transport
    told = getattr(layer, "wrappedProtocol" if _does_tls(layer) else "protocol", None)
    if told is None or told is protocol:
        return
    for interface in (IHalfCloseableProtocol, IHandshakeListener):
        if interface.providedBy(protocol) and not interface.providedBy(told):
            for name in interface:
                setattr(told, name, getattr(protocol, name))
            alsoProvides(told, interface)


def below_tls(transport: Any) -> Any:
    """Return the transport that carries TLS; None if there is none."""
    while ISSLTransport.providedBy(transport):
        transport = getattr(transport, "transport", None)
    return transport


def _does_tls(layer: Any) -> bool:
    """Whether a layer is TLS itself; a wrapper provides what its transport does."""
    below = getattr(layer, "transport", None)
    return ISSLTransport.providedBy(layer) and not ISSLTransport.providedBy(below)
