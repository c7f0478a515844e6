"""Tests of echolab: run them with pytest, or with trial."""

from hypothesis import HealthCheck, settings

# A test asserts no time, also not on a machine that is busy with something else.
settings.register_profile(
    "echolab", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("echolab")
