"""Lets trial's TestCases wait for the reactor that pytest-twisted runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.trial.unittest import TestCase

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.internet.defer import Deferred


def pytest_configure() -> None:
    """Keep the user's options from the pytests that tests run."""
    os.environ.pop("PYTEST_ADDOPTS", None)


def pytest_sessionfinish() -> None:
    """Leave no plugin cache of twistd in the source: it would become stale."""
    (ROOT / "twisted" / "plugins" / "dropin.cache").unlink(missing_ok=True)


def _wait(_case: TestCase, deferred: Deferred[object]) -> None:
    if not deferred.called:
        pytest_twisted.blockon(deferred)


@pytest.fixture(autouse=True, scope="session")
def trial_waits_where_pytest_twisted_runs() -> Iterator[None]:
    """Trial runs the reactor to wait for a test; here it runs already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestCase, "_wait", _wait)
        yield
