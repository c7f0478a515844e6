"""Finding the bug that every first line protocol has: one recv is not one line."""

import pytest
from hypothesis import given
from twisted.internet.protocol import Protocol

from echolab.testing import cuttings, recut


class NaiveCalculator(Protocol):
    """Adds up what stands in each line. Works, on the author's machine."""

    def dataReceived(self, data):
        for line in data.decode().splitlines():
            total = sum(int(word) for word in line.split())
            self.transport.write(b"%d\n" % total)


class Calculator(Protocol):
    """The same, with a memory of what came before."""

    waiting = b""

    def dataReceived(self, data):
        *lines, self.waiting = (self.waiting + data).split(b"\n")
        for line in lines:
            total = sum(int(word) for word in line.split())
            self.transport.write(b"%d\n" % total)


REQUESTS = b"1 2\n10 20 30\n"


def test_the_bug_is_found_and_shown():
    with pytest.raises(AssertionError) as caught:
        recut(NaiveCalculator, REQUESTS, seed=1)

    assert str(caught.value).splitlines() == [
        "it behaves differently when cut (seed 1):",
        r"  cut:   b'1' | b' 2\n10 20 30\n'",
        r"         wrote b'1\n2\n60\n'",
        r"  whole: b'1 2\n10 20 30\n'",
        r"         wrote b'3\n60\n'",
    ]


def test_the_other_has_none():
    recut(Calculator, REQUESTS)


@given(cuttings(REQUESTS))
def test_nor_does_hypothesis_find_one(pieces):
    recut(Calculator, REQUESTS, pieces=pieces)
