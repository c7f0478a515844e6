"""The settings of a capture that is made of a recording."""

from __future__ import annotations

from dataclasses import dataclass

from echolab.option import FILE, Group, option
from echolab.option_values import over_zero, path_value
from echolab.quantities import whole_number

__all__ = ["ExportSettings"]

WHAT = Group(
    "What is exported",
    (
        "echolab export --peer 2 server.jsonl - | wireshark -k -i -",
        "echolab export --tls-keys keys.txt server.jsonl server.pcapng",
    ),
)


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
        "Export only connection N of the recording.",
        group=WHAT,
        read=over_zero(whole_number),
    )
    tls_keys: str | None = option(
        None,
        "--tls-keys KEYS",
        "Add the secrets of TLS in this file (of --tls-keys): Wireshark then decrypts "
        "the ciphertext, and so does everybody who reads FILE.",
        group=WHAT,
        read=path_value,
        offers=(FILE,),
    )
