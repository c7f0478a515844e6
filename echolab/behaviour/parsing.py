"""Faults as texts, such as ``reset:after-messages=2:first=1``."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from echolab.behaviour.fault import KINDS, offered_fault
from echolab.doors import Found, find, installed, split_name
from echolab.near_misses import did_you_mean, nearest
from echolab.quantities import byte_rate, byte_size, seconds, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from echolab.behaviour.fault import Fault

__all__ = ["fault_offers", "faults_of"]

_NUMBERS: dict[str, Callable[[str], float]] = {
    "after_bytes": byte_size,
    "after_messages": whole_number,
    "after_sent_bytes": byte_size,
    "bytes_per_second": byte_rate,
    "bytes_per_piece": byte_size,
    "seconds": seconds,
    "seed": whole_number,
    "first": whole_number,
    "only": whole_number,
}


def faults_of(text: str, methods: object) -> Iterator[Fault]:
    """Read faults that are joined with ``+``.

    Args:
        text: the text.
        methods: has a method for each kind of fault, with its arguments.

    Raises:
        ValueError: it cannot be understood.
    """
    parts = re.split(r"\+(?!\d)", text)  # An error is to show all of 1e+06.
    if "" in parts and len(parts) > 1:
        raise ValueError("a behaviour is missing beside a +")
    for part in parts:
        yield from _parse(part, methods)


def fault_offers(methods: object) -> Iterator[str]:
    """Yield what completes the text of a fault; see `echolab.option.Option`.

    Args:
        methods: as for `faults_of`.
    """
    for kind in KINDS:
        make = getattr(methods, kind.replace("-", "_"))
        takes = inspect.signature(make).parameters.values()
        if all(each.default is not inspect.Parameter.empty for each in takes):
            yield kind
        yield from (f"{kind}:{each.name.replace('_', '-')}=" for each in takes)
    yield from installed("behaviours")


def _parse(text: str, methods: object) -> Iterator[Fault]:
    spelt, colon, rest = split_name(text)
    words = rest.split(":") if colon else []
    kind = spelt.lower()
    if kind in KINDS:
        make = getattr(methods, kind.replace("-", "_"))
        yield from _built_in(kind, make, words)
    elif found := find("behaviours", spelt):
        yield _offered(spelt, found, words)
    else:
        meant = did_you_mean(nearest(kind, [*KINDS, *installed("behaviours")]))
        raise ValueError(f"{spelt or 'nothing'} is none of {', '.join(KINDS)}{meant}")


def _built_in(kind: str, make: Callable[..., Any], words: list[str]) -> Any:
    takes = inspect.signature(make).parameters
    arguments: dict[str, float] = {}
    for word in words:
        spoken, _, value = word.partition("=")
        name = spoken.replace("-", "_")
        if "_" in spoken or name not in takes:
            known = [each.replace("_", "-") for each in takes]
            meant = did_you_mean(nearest(spoken.replace("_", "-"), known))
            raise ValueError(f"{kind} takes {', '.join(known)}, not {word}{meant}")
        if name in arguments:
            raise ValueError(f"{kind}: {spoken} is given twice")
        try:
            arguments[name] = _NUMBERS[name](value)
        except ValueError:
            raise ValueError(f"{kind}: {word} is no number") from None
    try:
        return make(**arguments)
    except TypeError:
        needed = next(iter(takes)).replace("_", "-")
        raise ValueError(f"{kind} needs :{needed}=") from None
    except ValueError as why:
        raise ValueError(f"{kind}: {why}".replace("_", "-")) from None


def _offered(kind: str, found: Found, words: list[str]) -> Fault:
    arguments: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{kind}: {word or 'nothing'} is no NAME=VALUE")
        if name.replace("-", "_") in arguments:
            raise ValueError(f"{kind}: {name} is given twice")
        arguments[name.replace("-", "_")] = value
    which: dict[str, int] = {}
    for name in ("first", "only"):
        value = arguments.pop(name, "0")
        try:
            which[name] = whole_number(value)
        except ValueError:
            raise ValueError(f"{kind}: {name}={value} is no number") from None
    return offered_fault(kind, found, arguments, **which)
