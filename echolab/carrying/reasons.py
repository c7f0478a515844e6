"""Why the engine cannot be used, in words for users."""

from __future__ import annotations

import os
import ssl

from nats.errors import Error, SecureConnWantedError
from nats.js.errors import ServiceUnavailableError

from echolab.carrying.provision import UnusableError
from echolab.errors import EcholabError

__all__ = ["is_fatal", "reason_in"]


def is_fatal(error: Exception) -> bool:
    """Whether an error will stay until somebody changes the address or the engine."""
    if isinstance(
        error, UnusableError | ssl.SSLCertVerificationError | SecureConnWantedError
    ):
        return True
    text = str(error).lower()
    return isinstance(error, Error) and ("authori" in text or "authenti" in text)


def reason_in(error: Exception) -> str:
    """Return why something failed, in few words."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    number = error.errno or 0 if isinstance(error, OSError) else 0
    if number > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(number)
    if isinstance(error, ServiceUnavailableError):
        return error.description or "no JetStream there"
    if not isinstance(error, Error | OSError | EcholabError | UnusableError):
        return "its answer is not understood"
    text = getattr(error, "description", None) or str(error)
    return str(text).removeprefix("nats: ").strip("'") or type(error).__name__
