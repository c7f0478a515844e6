"""Formats: they turn an event into bytes to print; whole lines, except in raw."""

from echolab.formats.classic import Classic
from echolab.formats.hex import Hex
from echolab.formats.json import Json
from echolab.formats.log import Log
from echolab.formats.names import FORMATS
from echolab.formats.raw import Raw
from echolab.formats.style import Form, Label, Needs, Show, Style

__all__ = [
    "FORMATS",
    "Classic",
    "Form",
    "Hex",
    "Json",
    "Label",
    "Log",
    "Needs",
    "Raw",
    "Show",
    "Style",
]
