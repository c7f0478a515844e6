"""The parts of endpoint strings, and their errors."""

from __future__ import annotations

import re

from echolab.errors import missing_extra, reason_of
from echolab.near_misses import ENDPOINT_KINDS, did_you_mean, nearest
from echolab.quantities import whole_number

_UNKNOWN_KIND = re.compile(r"Unknown endpoint type: '([^']*)'")

__all__ = [
    "TLS_KINDS",
    "check_client",
    "check_lockfile",
    "joined",
    "kind_of",
    "mentions_tls",
    "parse_reason",
    "parsed",
    "quoted",
]

TLS_KINDS = frozenset({"ssl", "tls"})


def parsed(text: str) -> tuple[str, list[str], dict[str, str]]:
    r"""Return the kind of an endpoint string, in lower case, and its arguments.

    The result is the same as that of Twisted's own parser: ``\:``, ``\=`` and ``\\``
    are escapes, also in the kind; the kind is the first argument without a name, at
    any position and in any case. Code that needs a kind must use this function, or
    Twisted might see another kind.
    """
    positional, named = _arguments_of(text)
    kind = positional.pop(0) if positional else ""
    return kind.lower(), positional, named


def joined(kind: str, positional: list[str], named: dict[str, str]) -> str:
    """Return the endpoint string of these parts, which has only one reading.

    Raises:
        ValueError: the kind is not ASCII. Twisted makes it upper case, which might
            give another kind: the long s becomes ``S``.
    """
    if not kind.isascii():
        raise ValueError(f"Unknown endpoint type: '{kind}'")
    words = [kind, *positional]
    pairs = [f"{quoted(key)}={quoted(value)}" for key, value in named.items()]
    return ":".join([*map(quoted, words), *pairs])


def kind_of(text: str) -> str:
    """Return the kind of an endpoint string, in lower case."""
    return parsed(text)[0]


def mentions_tls(text: str) -> bool:
    """Whether an endpoint string, or one in its arguments, has TLS."""
    positional, named = _arguments_of(text)
    return any(
        word.lower() in TLS_KINDS or (word != text and mentions_tls(word))
        for word in (*positional, *named.values())
    )


def _arguments_of(text: str) -> tuple[list[str], dict[str, str]]:
    positional: list[str] = []
    named: dict[str, str] = {}
    words = re.findall(r"(?:^|:)((?:\\.|[^\\:])*)", text, re.DOTALL) if text else []
    for word in words:
        if key := re.match(r"((?:\\.|[^\\=])*)=", word, re.DOTALL):
            named[_plain(key[1])] = _plain(word[key.end() :])
        else:
            positional.append(_plain(word))
    return positional, named


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def quoted(text: str) -> str:
    """Return a text with the escapes of endpoint strings."""
    return re.sub(r"([\\:=])", r"\\\1", text)


def check_client(kind: str, arguments: list[str], named: dict[str, str]) -> None:
    """Check the host, the port and the timeout of a client's endpoint string.

    Twisted reads numbers with ``int``, which accepts ``8_888`` and other scripts'
    digits. A timeout below 0 causes a traceback. With a name that is not UTF-8,
    Twisted never connects.

    Raises:
        ValueError: an argument is wrong.
    """
    names = ("path", "lockfile") if kind == "unix" else ("host", "port")
    given = dict(zip((*names, "timeout"), arguments, strict=False)) | named
    if given.get("host") == "":
        raise ValueError("the host is empty")
    if not _is_text(given.get("host", "")):
        raise ValueError("no such host")
    for name, most in (("port", 65535), ("timeout", 2**31 - 1)):
        if name in given and not 1 <= whole_number(given[name]) <= most:
            raise ValueError(f"{name} must be 1-{most}")


def check_lockfile(lockfile: str) -> None:
    """Check the ``lockfile`` argument of ``unix:``; no lock file is made here.

    Raises:
        ValueError: it is wrong.
    """
    if lockfile not in {"0", "1"}:
        raise ValueError("lockfile must be 0 or 1")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_reason(error: Exception) -> str:
    """Return what is wrong with an endpoint string.

    Twisted's parsers, and those of its plugins, raise many kinds of errors.
    """
    match error:
        case NameError() | ImportError():
            return missing_extra("TLS", "tls")
        case IndexError() | KeyError():
            return "no such socket was handed over (LISTEN_FDS, LISTEN_FDNAMES)"
        case TypeError():
            return "missing or unknown argument in the endpoint string"
        case ValueError() if str(error).startswith("invalid literal"):
            return "not a number in the endpoint string"
        case ValueError() if found := _UNKNOWN_KIND.match(str(error)):
            # A known kind with this error is a kind of the other command.
            others = [kind for kind in ENDPOINT_KINDS if kind != found[1]]
            meant = nearest(found[1], others)
            return f"{reason_of(error)}{did_you_mean(meant and f'{meant}:')}"
        case _:
            return reason_of(error)
