"""The settings of a capture that is made of a recording."""

from __future__ import annotations

from dataclasses import dataclass

from echolab.option import option
from echolab.option_values import over_zero
from echolab.quantities import whole_number

__all__ = ["ExportSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """The settings of a capture; each option's help describes its field.

    Attributes:
        recording: the recording to read.
        file: the capture to write; ``-`` for stdout.
    """

    recording: str
    file: str
    peer: int | None = option(
        None,
        "--peer N",
        "Only connection N of the recording.",
        group="what is exported",
        read=over_zero(whole_number),
    )
