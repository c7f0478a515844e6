"""The command line of a server in its own process."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from echolab.option import words_of
from echolab.server.checking import greeting_of
from echolab.server.maker import Hosting
from echolab.server.script import Script
from echolab.testing.handed_answers import elsewhere

if TYPE_CHECKING:
    from pathlib import Path

    from echolab.server.settings import ServerSettings

__all__ = ["environment", "framing_in", "program", "words_and_answers"]

DRAIN_SECONDS = 1.0

_CLEANING = """\
import runpy, sys
folder = sys.argv.pop(1)
try:
    runpy.run_module("echolab", run_name="__main__", alter_sys=True)
finally:
    import shutil
    shutil.rmtree(folder, ignore_errors=True)
"""
"""Run echolab, then remove a folder: if the tests are killed, they do not."""


def program(folder: Path | None) -> list[str]:
    """Return the first words: the program, which removes a folder at its end."""
    if folder is None:
        return [sys.executable, "-m", "echolab", "server"]
    return [sys.executable, "-c", _CLEANING, str(folder), "server"]


def words_and_answers(settings: ServerSettings) -> tuple[list[str], Script]:
    """Return the words that make a server record, and its answers.

    Only a file can say the answers.

    Raises:
        TypeError: they have code of the tests that has no name.
    """
    answers = settings.answers + greeting_of(settings)
    if isinstance(settings.reply, Hosting):
        raise elsewhere(settings.reply.maker)
    if isinstance(settings.reply, bytes):
        answers += Script.of([(b"", settings.reply)])
        settings = replace(settings, reply="none")
    settings = replace(
        settings,
        greet=None,
        answers=Script(),
        record="-",
        kernel="never",
        drain_seconds=DRAIN_SECONDS,
    )
    if settings.acknowledge:  # Its record on stdout does not last.
        settings = replace(settings, outputs=((None, os.devnull),))
    return words_of(settings), answers


def environment(words: list[str], answers: Script) -> dict[str, str] | None:
    """Return the environment of the server; None for that of the tests.

    What is named, ``python:module:name``, is found where the tests find it.
    """
    steps = (step for rule in answers.rules for step in rule.steps)
    said = [*words, *steps, *(answers.greeting or ())]
    if not any(isinstance(each, str) and each.startswith("python:") for each in said):
        return None
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def framing_in(options: tuple[str, ...]) -> str | None:
    """Return the framing that options of the command line name last, if any."""
    named = re.findall(
        r"(?:^|\0)(?:--framing=|--framing\0|-f\0?)([^\0]*)", "\0".join(options)
    )
    return named[-1] if named else None
