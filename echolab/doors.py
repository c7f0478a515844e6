"""Doors: what other people's code offers by name.

``NAME`` is an entry point of an installed distribution; ``python:module:name`` is an
attribute of a module. Nothing is looked for, nor imported, until a name is asked for.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from echolab.errors import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

    from zope.interface.exceptions import Invalid
    from zope.interface.interface import InterfaceClass

__all__ = [
    "OBJECT",
    "DoorError",
    "Found",
    "call",
    "find",
    "installed",
    "made",
    "split_name",
    "verify",
]

OBJECT = "python"
"""The word before ``module:name``."""

_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_OBJECT = re.compile(rf"{OBJECT}:({_DOTTED}):({_DOTTED})")
_BEFORE_COLON = re.compile(rf"({_OBJECT.pattern})(?:(:)(.*))?", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)


class DoorError(ValueError):
    """What has a name cannot be used; the text is one line that says why."""


class Found(NamedTuple):
    """What was found behind a name.

    Attributes:
        thing: the object.
        name: what it is called, and where it is from.
    """

    thing: Any
    name: str

    @classmethod
    def here(cls, thing: object) -> Found:
        """Something that was not looked for, but handed in."""
        return cls(thing, getattr(thing, "__qualname__", None) or repr(thing))


def split_name(text: str) -> tuple[str, str, str]:
    """Split at the colon behind a name, as ``str.partition`` does.

    The colons of ``python:module:name`` belong to the name.
    """
    if found := _BEFORE_COLON.fullmatch(text):
        return found[1], found[4] or "", found[5] or ""
    return text.partition(":")


def find(kind: str, text: str) -> Found | None:
    """Find what a name stands for; None if it is no name of anything.

    Args:
        kind: the kind of thing: the group of entry points is ``echolab.`` and this.
        text: the name.

    Raises:
        DoorError: there is such a name, but what it names cannot be imported.
    """
    if named := _OBJECT.fullmatch(text):
        _see_current_folder()
        return _load(*named.groups())
    if text.startswith(f"{OBJECT}:"):
        raise DoorError(f"a name is {OBJECT}:module:name")
    points = _points(kind).get(text, []) if _NAME.fullmatch(text) else []
    if not points:
        return None
    if len({each.value for each in points}) > 1:
        owners = " and ".join(sorted(map(_owner, points)))
        raise DoorError(f"{owners} both have this name; write python:module:name")
    return _load(points[0].module, points[0].attr, f", named by {_owner(points[0])}")


def installed(kind: str) -> list[str]:
    """The names of a kind that installed distributions offer, if well formed."""
    return [name for name in _points(kind) if _NAME.fullmatch(name)]


def _points(kind: str) -> dict[str, list[EntryPoint]]:
    return _points_on(f"echolab.{kind}", tuple(sys.path))


@cache
def _points_on(group: str, _path: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    # Imported here, since most runs name nothing that is not built in.
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, []).append(point)
    return found


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _see_current_folder() -> None:
    """Let modules be imported from the current folder too, behind all others."""
    here = str(Path.cwd())
    if not sys.flags.safe_path and here not in sys.path and "" not in sys.path:
        sys.path.append(here)


def _load(module_name: str, attributes: str, owner: str = "") -> Found:
    try:
        thing: Any = import_module(module_name)
    except (Exception, SystemExit) as why:
        raise DoorError(f"cannot import {module_name}{owner}: {_reason(why)}") from None
    where = getattr(thing, "__file__", None) or "built in"
    name = module_name
    for attribute in filter(None, attributes.split(".")):
        try:
            thing = getattr(thing, attribute)
        except AttributeError:
            raise DoorError(f"{name} ({where}{owner}) has no {attribute}") from None
        name = f"{name}.{attribute}"
    return Found(thing, f"{name} ({where}{owner})")


def _reason(why: BaseException) -> str:
    reason, kind = reason_of(why), type(why).__name__
    plain = isinstance(why, ImportError | OSError) or reason == kind
    return reason if plain else f"{kind}: {reason}"


def made(found: Found, *arguments: object, **named: object) -> Found:
    """Call what was found, if it is a class; else it is the thing itself.

    Raises:
        DoorError: that fails.
    """
    if not isinstance(found.thing, type):
        return found
    return call(found, found.thing, *arguments, **named)


def call(
    found: Found, make: Callable[..., object], *arguments: object, **named: object
) -> Found:
    """Call something of what was found.

    Raises:
        DoorError: that fails.
    """
    try:
        thing = make(*arguments, **named)
    except Exception as why:
        raise DoorError(f"{found.name} cannot be used: {_reason(why)}") from None
    return found._replace(thing=thing)


def verify(interface: InterfaceClass, found: Found) -> None:
    """Check whether an object, or what a class makes, is as an interface says.

    It need not declare the interface. A function is one that has only ``__call__``.

    Raises:
        DoorError: it is not; the text says what it lacks.
    """
    from zope.interface.exceptions import Invalid
    from zope.interface.verify import verifyClass, verifyObject

    thing = found.thing
    check = verifyClass if isinstance(thing, type) else verifyObject
    try:
        check(interface, thing, tentative=True)
    except Invalid as why:
        faults = [_fault(interface, each) for each in getattr(why, "exceptions", [why])]
    else:
        faults = _wrong_call(interface, thing)
    if faults:
        name = interface.__name__
        raise DoorError(f"{found.name} is no {name}: {'; '.join(faults)}")


def _fault(interface: InterfaceClass, why: Invalid) -> str:
    """Say in words what zope.interface has found."""
    wrong: Any = why
    method = getattr(wrong, "method", None) or wrong.name
    name = getattr(method, "__name__", None) or str(method)
    signature = getattr(interface.get(name), "getSignatureString", str)()
    if hasattr(wrong, "mess"):
        return f"{name}{signature}: {wrong.mess}"
    return f"it has no {name}{signature}"


def _wrong_call(interface: InterfaceClass, thing: Any) -> list[str]:
    """What is wrong with how a function is called; zope.interface does not look."""
    call: Any = interface.get("__call__")
    if call is None or isinstance(thing, type):
        return []
    from inspect import signature

    try:
        signature(thing).bind(*call.getSignatureInfo()["required"])
    except TypeError as why:
        return [f"it is called with {call.getSignatureString()}: {why}"]
    except ValueError:
        pass  # What is built in does not always say what it takes.
    return []
