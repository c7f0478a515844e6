"""Rules between several settings of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echolab.escaping import unescape
from echolab.framing import framed
from echolab.framing.names import takes_lines
from echolab.server.maker import Hosting
from echolab.server.option_values import is_stream
from echolab.server.reply import reply_named
from echolab.server.script import Script, steps_of
from echolab.sockets.endpoint_strings import TLS_KINDS, parsed

if TYPE_CHECKING:
    from echolab.framing.base import AnyFraming
    from echolab.server.settings import ServerSettings

__all__ = ["check_together", "does_tls", "greeting_of"]

MOST_SHOWN = 60
MOST_CARRIED_BYTES = 512 << 10
"""The longest message for a stream: with others, it must fit into 1 MiB."""
LONGEST_INTRODUCTION = 128

WHOLE = {"answer-twice", "answer-out-of-order"}
"""Faults that need whole answers, not the pieces of slow ones."""


def does_tls(endpoint: str) -> bool:
    """Whether a server's endpoint string has TLS."""
    kind, arguments, _ = parsed(endpoint)
    if kind == "haproxy" and arguments:
        kind = arguments[0].lower()
    return kind in TLS_KINDS


def greeting_of(settings: ServerSettings) -> Script:
    """Return the greeting that the option says, as a script."""
    greet = settings.greet
    return Script() if greet is None else Script(greeting=steps_of(greet))


def check_together(settings: ServerSettings) -> None:
    """Check that the reply fits the framing, and that the behaviour is possible.

    Raises:
        ValueError: a rule is broken; the message is one line that names the option.
    """
    if isinstance(settings.reply, str):
        _check_reply(settings.reply, settings.framing)
    _check_answers(settings)
    carries = any(map(is_stream, settings.outputs))
    if carries and settings.max_message_bytes > MOST_CARRIED_BYTES:
        raise ValueError("--max-message: at most 512k with --output nats://")
    if settings.acknowledge:
        _check_acknowledging(settings)
    for option, given in ("edit", settings.edit), ("history", settings.history):
        if not (given or settings.talk):
            raise ValueError(f"--no-{option}: there is no --talk")
    if settings.web_token and not settings.web:
        raise ValueError("--web-token: there is no --web")
    kinds = {fault.kind for fault in settings.behave}
    if "refuse" in kinds and (settings.listen or settings.tls):
        raise ValueError("--behave refuse: goes with --port, not --listen or --tls")
    if {"refuse", "hold-accept"} <= kinds:
        raise ValueError("--behave hold-accept: not with refuse, which does not listen")
    tls = settings.tls or any(map(does_tls, settings.listen))
    if settings.tls_keys and not tls:
        raise ValueError("--tls-keys: there is no TLS")
    if "answer-slowly" in kinds and (whole := kinds & WHOLE):
        raise ValueError(
            f"--behave {min(whole)}: not with answer-slowly; use send-slowly"
        )
    if "half-close" in kinds and tls:
        raise ValueError("--behave half-close: TLS ends both sides at once")


def _check_answers(settings: ServerSettings) -> None:
    hosts = isinstance(settings.reply, Hosting)
    if hosts and (settings.answers or settings.greet is not None):
        raise ValueError("--greet, --answer: a protocol answers for itself")
    if settings.answers.rules and settings.reply != "none":
        raise ValueError("--answer: not with --reply; --answer =TEXT answers the rest")
    looks = any(rule.pattern.pattern for rule in settings.answers.rules)
    if looks and settings.framing == "chunk":
        raise ValueError(
            "--answer: not with --framing chunk: where a chunk ends depends on how the "
            "stream was cut"
        )
    greeting = settings.greet is not None
    if greeting and settings.answers.greeting is not None:
        raise ValueError("--greet: the file of --answer has a greeting already")
    for name, script in (
        ("--answer", settings.answers),
        ("--greet", greeting_of(settings)),
    ):
        if script:
            _check_script(name, script, settings.framing)


def _check_acknowledging(settings: ServerSettings) -> None:
    for option, given in (
        ("--reply", settings.reply != "none"),
        ("--greet", settings.greet is not None),
        ("--answer", bool(settings.answers)),
        ("--talk", settings.talk),
        ("--behave", bool(settings.behave)),
    ):
        if given:
            raise ValueError(f"--acknowledge: not with {option}")
    if settings.framing == "chunk":
        raise ValueError(
            "--acknowledge: not with --framing chunk: where a chunk ends depends on "
            "how the stream was cut"
        )
    if settings.max_message_bytes < LONGEST_INTRODUCTION:
        raise ValueError(
            f"--acknowledge: --max-message must be at least {LONGEST_INTRODUCTION}, "
            "so that a client can introduce itself"
        )
    if not takes_lines(settings.framing):
        raise ValueError("--acknowledge: a number is no message of this --framing")


def _check_script(name: str, script: Script, framing: AnyFraming) -> None:
    # Imported here, since most servers have no script.
    from echolab.server.dialogue import Answers

    try:
        Answers(script, framing=framing)
    except ValueError as why:
        raise ValueError(f"{name}: {why}") from None


def _check_reply(text: str, framing: AnyFraming) -> None:
    if reply_named(text) is not None:
        return
    try:
        framed(unescape(text), framing)
    except ValueError as error:
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
        raise ValueError(f"--reply {shown}: {error}") from None
