"""What servers in tests share: settings, an address, a throw-away CA."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypedDict

from twisted.python.usage import UsageError

from echolab.addresses import host_and_port
from echolab.behaviour.values import Behaviour
from echolab.doors import DoorError, find
from echolab.errors import missing_extra
from echolab.escaping import escape_line
from echolab.framing.names import framing_itself
from echolab.near_misses import did_you_mean, nearest
from echolab.option import options_of
from echolab.server.checking import check_together
from echolab.server.maker import Hosting, is_maker
from echolab.server.reply import reply_itself
from echolab.server.script import Script, steps_of
from echolab.server.settings import ServerSettings
from echolab.sockets.endpoint_strings import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from echolab.framing.base import AnyFraming
    from echolab.server.maker import Maker
    from echolab.server.reply import Reply
    from echolab.server.script import Answering, Rules

__all__ = ["Place", "ServerKeywords", "checked", "settings_of"]


class ServerKeywords(TypedDict, total=False):
    """The options of a server in a test: those of ``echolab server``, and three more.

    Attributes:
        host: the loopback address to listen on, ``127.0.0.1`` by default.
        unix: whether to listen on a UNIX path instead.
        tls: whether to do TLS, with a certificate for ``localhost`` and the
            loopback addresses, signed by a CA made for this server.
        behave: what to do wrong: an `echolab.Behaviour`, a text for ``--behave``;
            or, in this process, what makes an `echolab.IMisbehaviour`.
        framing: like ``--framing``; or, in this process, an `echolab.IFraming`.
        reply: like ``--reply``; or bytes, sent exactly; or, in this process, an
            `echolab.IReply`.
        greet: what each peer gets first: an answer (`echolab.testing.Answering`).
        answers: which answer to which message (`echolab.testing.Rules`).
        protocol: what makes the protocols that answer, instead of these: a Protocol
            class, a Factory, or a function that makes one.
        max_message: like ``--max-message``, in bytes.
        overlong: like ``--overlong``.
        max_connections: like ``--max-connections``.
        max_per_host: like ``--max-per-host``.
        idle_timeout: like ``--idle-timeout``, in seconds.
        handshake_timeout: like ``--handshake-timeout``, in seconds.
        backlog: like ``--backlog``.
        acknowledge: like ``--acknowledge``; of a server in this process, what its
            transcript has is durable.
    """

    host: str
    unix: bool
    tls: bool
    behave: Behaviour | str | Callable[..., object]
    framing: AnyFraming
    reply: str | bytes | Reply | type[Reply]
    greet: Answering
    answers: Rules
    protocol: Maker | str
    max_message: int
    overlong: str
    max_connections: int
    max_per_host: int
    idle_timeout: float
    handshake_timeout: float
    backlog: int
    acknowledge: bool


class Place:
    """The address of a server in a test, and what is needed to connect to it.

    Attributes:
        host: the IP address, ``127.0.0.1`` by default; "" for UNIX.
        port: the TCP port; 0 for UNIX.
        path: the UNIX path; None for TCP.
        ca: the path of the certificate (PEM) of the CA that signed the server's;
            None without TLS.
    """

    def __init__(self, keywords: ServerKeywords) -> None:
        self.host = "" if keywords.get("unix") else keywords.get("host", "127.0.0.1")
        self.port = 0
        self.path: str | None = None
        self.ca: Path | None = None
        self._folder: Path | None = None
        self._key: IO[bytes] | None = None  # the certificate with it, until it is read
        self._made_in = os.getpid()
        if keywords.get("unix") and keywords.get("tls"):
            raise ValueError("tls and unix: there is no TLS on UNIX paths here")
        if keywords.get("unix") and "host" in keywords:
            raise ValueError("host and unix: a UNIX path has no host")
        if keywords.get("unix") or keywords.get("tls"):
            # Not the test's own folder: a UNIX path has room for only 107 bytes.
            self._folder = Path(tempfile.mkdtemp(prefix="echolab-"))
            # Removed when the interpreter ends, at the latest.
            weakref.finalize(self, _remove, self._folder, self._made_in)

    @property
    def address(self) -> tuple[str, int] | str:
        """The address for ``socket.connect``: host and port, or a path."""
        return self.path or (self.host, self.port)

    @property
    def place(self) -> str:
        """The address in a word: ``127.0.0.1:8888``, ``[::1]:8888``, a path."""
        return self.path or host_and_port(self.host, self.port)

    @property
    def endpoint(self) -> str:
        """The string for ``clientFromString``; for TLS it trusts only this CA."""
        if self.path:
            return f"unix:{quoted(self.path)}"
        tcp = f"tcp:{quoted(self.host)}:{self.port}"
        if self.ca is None:
            return tcp
        roots = quoted(str(self.ca.parent))
        return f"tls:localhost:{self.port}:trustRoots={roots}:endpoint={quoted(tcp)}"

    def _settings(self, keywords: ServerKeywords) -> ServerSettings:
        """Return the settings of a server that listens here.

        Raises:
            TypeError: a keyword is unknown, or its value has the wrong type.
            UsageError: an option does not accept its value.
        """
        settings = settings_of(keywords)
        return checked(replace(settings, **self._listening(keywords)))

    def _listening(self, keywords: ServerKeywords) -> dict[str, Any]:
        """Return the settings that make a server listen here."""
        if self._folder and keywords.get("unix"):
            self.path = str(self._folder / "lab.sock")
            return {"listen": (f"unix:{quoted(self.path)}",)}
        if self._folder and keywords.get("tls"):
            self._key, self.ca = _certify(self._folder)
            own = quoted(f"/dev/fd/{self._key.fileno()}")
            files = f"privateKey={own}:certKey={own}"
            return {"listen": (f"ssl:0:interface={quoted(self.host)}:{files}",)}
        return {"port": 0, "interface": _read("interface", self.host)}

    def forget_key(self) -> None:
        """Close the file with the key, once the server has read it."""
        if self._key:
            self._key.close()

    def leave(self) -> None:
        """Remove the folder that was made for the server."""
        self.forget_key()
        if self._folder:
            _remove(self._folder, self._made_in)

    @property
    def is_ours(self) -> bool:
        """Whether this process made it; False in a forked child."""
        return os.getpid() == self._made_in


def _remove(folder: Path, made_in: int) -> None:
    """Remove a folder; a forked child leaves that to its parent."""
    if os.getpid() == made_in:
        shutil.rmtree(folder, ignore_errors=True)


_TEXTS = ("host", "framing", "reply", "overlong")
_FLAGS = ("unix", "tls", "acknowledge")
_OF_PLACES = {"host", "unix", "tls"}
_CODE: dict[str, Callable[[Any], object]] = {
    "framing": framing_itself,
    "reply": reply_itself,
    "behave": Behaviour.of,
}
"""Options that take code of this process too, each with what checks it."""
_VALUES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "greet": ("greet", steps_of),
    "answers": ("answers", Script.of),
}
"""Options that take what no text says, each with its field and what checks it."""
_OPTIONS = {
    option.name.replace("-", "_"): (field, option)
    for field, option in options_of(ServerSettings)
}


def settings_of(keywords: ServerKeywords) -> ServerSettings:
    """Return the settings of a server, without its address.

    Raises:
        TypeError: a keyword is unknown, or its value has the wrong type.
        UsageError: an option does not accept its value.
    """
    if keywords.get("answers") and keywords.get("reply") is not None:
        raise TypeError(
            "answers and reply: one of them answers; the pattern '' fits the rest"
        )
    made: dict[str, Any] = {"partial_seconds": 0.0}  # No line must depend on time.
    for name, value in keywords.items():
        if name not in ServerKeywords.__annotations__:
            meant = did_you_mean(nearest(name, ServerKeywords.__annotations__))
            raise TypeError(f"a server in a test has no option {name}{meant}")
        if value is None:
            continue
        if name == "protocol":
            others = [n for n in ("reply", "greet", "answers") if keywords.get(n)]
            if others:
                raise TypeError(f"protocol and {others[0]}: one of them answers")
            made["reply"] = _hosted(value)
            continue
        if name in _VALUES:
            field, read = _VALUES[name]
            made[field] = _checked_value(name, read, value)
            continue
        if name == "reply" and isinstance(value, bytes):
            made[name] = value
            continue
        if name in _CODE and _is_code(value):
            made[_OPTIONS[name][0].name] = _checked_code(name, value)
            continue
        if name in _TEXTS and not isinstance(value, str):
            kinds = "bytes, a str or a function" if name == "reply" else "a str"
            raise TypeError(
                f"{name} is {kinds}, not {value!r}; \\xNN is any byte in it"
            )
        if name in _FLAGS and not isinstance(value, bool):
            raise TypeError(f"{name} is True or False, not {value!r}")
        if name == "acknowledge":
            made[name] = value
        elif name not in _OF_PLACES:
            told = value if isinstance(value, Behaviour) else _read(name, str(value))
            made[_OPTIONS[name][0].name] = told
    return ServerSettings(**made)


def checked(settings: ServerSettings) -> ServerSettings:
    """Check the rules between several settings; return the settings.

    Raises:
        UsageError: they contradict each other.
    """
    try:
        check_together(settings)
    except ValueError as why:
        raise UsageError(escape_line(str(why))) from None
    return settings


def _is_code(value: object) -> bool:
    return callable(value) or hasattr(value, "make_framer")


def _hosted(maker: Any) -> Any:
    if not isinstance(maker, str):
        return Hosting(maker)
    if not maker.startswith("python:"):
        raise TypeError(f"protocol: a name is python:module:name, not {maker!r}")
    with suppress(DoorError):  # What cannot be found is told below.
        found = find("replies", maker)
        if found is not None and not is_maker(found.thing):
            raise TypeError(
                f"protocol: {found.name} is no Protocol class and no Factory"
            )
    return _read("reply", maker)


def _checked_value(name: str, read: Callable[[Any], object], value: object) -> object:
    try:
        return read(value)
    except TypeError as why:
        raise TypeError(f"{name}: {why}") from None
    except ValueError as why:
        raise UsageError(escape_line(f"{name}: {why}")) from None


def _checked_code(name: str, value: object) -> object:
    try:
        return _CODE[name](value)
    except ValueError as why:
        raise TypeError(f"{name}: {why}") from None


def _read(name: str, text: str) -> Any:
    """Read a value as its option does, with the same checks."""
    field, option = _OPTIONS[name]
    try:
        return option.value_of(text, field.default)
    except ValueError as why:
        raise UsageError(escape_line(str(why))) from None


def _certify(folder: Path) -> tuple[IO[bytes], Path]:
    """Make a CA and a certificate with its key.

    Returns:
        A file with the certificate and its key, in memory, so that nothing remains of
        it if the tests are killed; and the path of the CA's certificate.
    """
    try:
        import trustme
    except ImportError:
        raise ModuleNotFoundError(missing_extra("tls=True", "kit")) from None
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost", "127.0.0.1", "::1")
    own = os.fdopen(os.memfd_create("echolab-key"), "wb")
    own.write(certificate.private_key_and_cert_chain_pem.bytes())
    own.flush()
    roots = folder / "roots"
    roots.mkdir()
    ca.cert_pem.write_to_path(str(roots / "ca.pem"))
    return own, roots / "ca.pem"
