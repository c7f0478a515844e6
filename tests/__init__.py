"""Tests of echolab: run them with pytest, or with trial."""

from types import FunctionType

from hypothesis import HealthCheck, settings

from echolab.testing import BlockingClient, BlockingTranscript, Transcript
from echolab.testing.awaiting import AwaitedTranscript
from tests.support import SECONDS

# A test asserts no time, also not on a machine that is busy with something else.
settings.register_profile(
    "echolab", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("echolab")


def _wait_longer(kind: type) -> None:
    """Replace the default timeout of the kit's methods, for the same reason."""
    for method in vars(kind).values():
        if isinstance(method, FunctionType):
            defaults = method.__defaults__ or ()
            method.__defaults__ = tuple(SECONDS if x == 5.0 else x for x in defaults)
            if "timeout" in (named := method.__kwdefaults__ or {}):
                named["timeout"] = SECONDS


for _kind in (AwaitedTranscript, BlockingClient, BlockingTranscript, Transcript):
    _wait_longer(_kind)
