"""Numbers and units, as users write them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from echolab.quantities import (
    byte_rate,
    byte_size,
    number,
    seconds,
    span,
    whole_number,
)


class QuantityTests(SynchronousTestCase):
    @given(st.integers(-(2**70), 2**70))
    def test_a_whole_number_is_read_by_all(self, value: int) -> None:
        text = str(value)
        self.assertEqual((whole_number(text), byte_size(text)), (value, value))
        for read in (number, seconds, byte_rate):
            self.assertEqual(read(text), float(text))

    @given(st.decimals(0, 10**9, places=3))
    def test_so_is_a_number_with_a_point(self, value: object) -> None:
        text = f"{value:f}"
        for read in (number, seconds, byte_rate):
            self.assertEqual(read(text), float(text))

    def test_units_are_exact(self) -> None:
        self.assertEqual(seconds("300ms"), 0.3)
        self.assertEqual(seconds("1.1m"), 66.0)
        self.assertEqual(byte_size("0.5k"), 512)

    @given(st.text(max_size=6))
    def test_whatever_is_typed_is_a_number_or_a_value_error(self, text: str) -> None:
        for read in (whole_number, number, seconds, byte_size, byte_rate):
            try:
                value = read(text)
            except ValueError:
                continue
            self.assertRegex(text, r"^-?[0-9.]+[a-zA-Z]*$")
            self.assertLess(abs(value), 10**16)

    def test_what_is_none(self) -> None:
        for text in (
            "",
            "-",
            ".",
            "1.",
            "--1",
            "+1",
            "1_0",
            "1e3",
            "inf",
            "nan",
            "\uff11",
        ):
            for read in (whole_number, number, seconds, byte_size, byte_rate):
                with self.assertRaises(ValueError, msg=(text, read)):
                    read(text)
        for text in ("1x", "1S", "1k", "1mss", "1 s"):
            self.assertRaises(ValueError, seconds, text)
        for text in ("1s", "1kk", "1.0001k", "9" * 400 + "k"):
            self.assertRaises(ValueError, byte_size, text)

    def test_spans(self) -> None:
        for value, text in (
            (0, "0 s"),
            (5, "5 s"),
            (0.5, "0.5 s"),
            (59.5, "59.5 s"),
            (60, "1 min"),
            (65.4, "1 min 5 s"),
            (3599.6, "1 h"),
            (3605, "1 h"),
            (7500, "2 h 5 min"),
            (86400, "1 d"),
            (90061, "1 d 1 h"),
            (86400 * 400, "400 d"),
        ):
            self.assertEqual(span(value), text)
        self.assertEqual(span(1.5, ".3f"), "1.500 s")
