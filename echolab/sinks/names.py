"""The sinks that other people's code offers, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import Interface

from echolab.doors import DoorError, find, installed, made, split_name, verify
from echolab.interfaces import ISink
from echolab.near_misses import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.events import Event, Sink

__all__ = ["sink_named"]


class ISinkFunction(Interface):
    """The least that a sink is: it is called with events."""

    def __call__(event: Event) -> object:
        """Take an event."""


def sink_named(text: str) -> Callable[[], Sink]:
    """Find a sink: a function, or a class that is called with a text.

    Args:
        text: the name of an installed one or ``python:module:name``; behind a colon,
            what the class is called with.

    Returns:
        What makes the sink; it raises a DoorError if that fails.

    Raises:
        ValueError: there is none of that name.
        DoorError: what has the name is no sink.
    """
    name, colon, argument = split_name(text)
    found = find("sinks", name)
    if found is None:
        meant = nearest(name, installed("sinks"))
        raise ValueError(
            f"{name or 'nothing'} is no sink that is installed, "
            f"nor python:module:name{did_you_mean(meant)}"
        )
    thing = found.thing
    is_class = isinstance(thing, type)
    if colon and not is_class:
        raise DoorError(f"{found.name} takes no argument, as it is no class")
    lives = ISink.implementedBy(thing) if is_class else ISink.providedBy(thing)
    verify(ISink if lives else ISinkFunction, found)

    def make() -> Sink:
        sink: Sink = made(found, argument).thing
        return sink

    return make
