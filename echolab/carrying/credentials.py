"""Files of credentials, as ``nsc`` writes them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from echolab.errors import InputError, missing_extra, reason_of

__all__ = ["check_credentials"]

_PARTS = b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED"


def check_credentials(path: str) -> None:
    """Check that a file is one of credentials, before nats-py looks for them in it.

    It would look for ever.

    Raises:
        InputError: it is not, or cannot be read.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InputError("open", path, reason_of(error)) from None
    if not all(part in text for part in _PARTS):
        raise InputError("read", path, "it has no credentials of NATS")
    if find_spec("nkeys") is None:
        raise InputError("read", path, missing_extra("credentials", "nats"))
