"""What the page makes of counts: its rates, charts and needs, in a real browser."""

from __future__ import annotations

from typing import Any

from tests.browsing import row
from tests.chromium import PageCase

Numbers = list[float | None]


class ModuleCase(PageCase):
    def setUp(self) -> None:
        super().setUp()
        self.open()

    def call(self, name: str, module: str, script: str, *arguments: object) -> Any:
        """Run a script that has a name of a module of the page."""
        load = f"const {{{name}}} = await import('/static/{module}.js');"
        return self.browser.run(load + script, *arguments)


class RateTests(ModuleCase):
    def rates(self, *counts: tuple[float, int]) -> Numbers:
        """Return the rate after each of the counts."""
        script = (
            "const rate = new Rate();"
            "return arguments[0].map(each => { rate.take(...each); return rate.now; })"
        )
        found: Numbers = self.call("Rate", "rates", script, counts)
        return found

    def line(self, until: float, *counts: tuple[float, int] | None) -> Numbers:
        """Return the line of some counts; None is an interruption."""
        script = (
            "const rate = new Rate();"
            "for (const each of arguments[0])"
            " each ? rate.take(...each) : rate.interrupt();"
            "return rate.line(arguments[1]);"
        )
        found: Numbers = self.call("Rate", "rates", script, counts, until)
        return found

    def test_a_rate_is_told_when_it_is_true(self) -> None:
        # The peer sends once a second, and there are two updates in that.
        counts = [(1000 + at / 2, 7_000_000 + 1000 * (at // 2)) for at in range(9)]
        self.assertEqual(self.rates(*counts), [*[None] * 4, *[1000] * 5])

    def test_a_burst_is_seen_and_then_forgotten(self) -> None:
        counts = [(1000 + at / 2, 0 if at < 3 else 100_000) for at in range(9)]
        rates = self.rates(*counts)
        self.assertEqual(rates[:3], [None, None, None])
        self.assertEqual([round(each or 0) for each in rates[4:7]], [50_000] * 3)
        self.assertEqual(rates[7:], [0, 0])

    def test_updates_that_come_seldom_tell_of_their_time(self) -> None:
        self.assertEqual(self.rates((0, 0), (10, 5000), (20, 5000)), [None, 500, 0])

    def test_what_came_in_a_bin_is_not_spread_over_the_silence_before(self) -> None:
        counts = [(1000 + at / 2, 0 if at < 20 else 6000) for at in range(25)]
        self.assertEqual(self.line(1012, *counts), [0, 0, 0, 3000, 0])

    def test_what_came_while_nobody_looked_has_no_line(self) -> None:
        counts = [(1000, 0), (1004, 40), None, (1010, 90_000), (1016, 90_600)]
        line = self.line(1016, *counts)
        self.assertEqual(line, [10, *[None] * 4, 100, 100])

    def test_two_minutes_are_kept(self) -> None:
        counts = [(1000 + at, 50 * at) for at in range(400)]
        line = self.line(1398, *counts)
        self.assertEqual(line, [50] * len(line))
        self.assertGreaterEqual(len(line), 58)


class ModelTests(ModuleCase):
    """Rates of rows and of the whole server, from updates."""

    def rates(self, *updates: dict[str, object]) -> list[list[Numbers]]:
        """Return the rate of all and of each row, after each update."""
        script = (
            "const model = new Model();"
            "return arguments[0].map(each => { model.take(each);"
            "return [model.rateIn.now, ...[...model.rows.values()]"
            ".map(row => row.rate.now)]; })"
        )
        found: list[list[Numbers]] = self.call("Model", "model", script, updates)
        return found

    def update(
        self, time: float, received: int, *rows: Any, whole: bool = False
    ) -> dict[str, object]:
        totals = {
            "received_bytes": received,
            "sent_bytes": 0,
            "received_messages": 0,
            "sent_messages": 0,
            "queues": [],
            "addresses": [],
        }
        return {
            "run": "r1",
            "time": time,
            "whole": whole,
            "rows": rows,
            "gone": [],
            "ended": [],
            "refused": [],
            "messages": [],
            "left_out": 0,
            "totals": totals,
        }

    def test_rows_and_the_server_agree(self) -> None:
        def counted(received: int, began: float = 10.0) -> Any:
            return row(1, began=began, received_bytes=received)

        rates = self.rates(
            self.update(100.0, 5000, counted(5000), whole=True),
            self.update(100.5, 5000),
            self.update(101.0, 6000, counted(6000)),
            *(self.update(101.5 + at / 2, 6000) for at in range(5)),
        )
        for all_of_them, one in rates:
            self.assertEqual(all_of_them, one)
        self.assertEqual([one for _, one in rates[:5]], [None] * 4 + [500])
        self.assertEqual(rates[-1][1], 0)
        new = self.rates(
            self.update(100.0, 0, whole=True),
            self.update(100.5, 800, counted(800, began=100.1)),
            self.update(102.1, 800),
        )
        self.assertEqual(new[-1][0], new[-1][1])
        self.assertAlmostEqual(new[-1][0], 800 / 2.1)

    def test_nothing_is_said_of_the_time_when_nobody_looked(self) -> None:
        def counted(received: int) -> Any:
            return row(1, received_bytes=received)

        rates = self.rates(
            self.update(100.0, 0, counted(0), whole=True),
            self.update(102.5, 0),
            self.update(160.0, 90_000, counted(90_000), whole=True),
            self.update(162.5, 90_000),
        )
        self.assertEqual(rates[1:], [[0, 0], [None, None], [0, 0]])

    def test_a_chart_begins_when_its_connection_does(self) -> None:
        known = {"peer": 1, "open": True, "moved": [], "seen": []}
        updates = [
            self.update(100.0, 0, whole=True) | {"detail": {"peer": 1, "open": False}},
            self.update(110.0, 0, row(1, began=109.0)) | {"detail": known},
        ]
        script = (
            "const model = new Model();"
            "return arguments[0].map(each => {"
            " model.take(each); return model.samples?.began ?? null; });"
        )
        self.assertEqual(self.call("Model", "model", script, updates), [None, 109.0])


class SamplesTests(ModuleCase):
    def samples(
        self, *takes: tuple[list[Any], list[Any], float, bool], span: int = 0
    ) -> tuple[list[Numbers], list[Numbers]]:
        """Return the columns of rates and of the kernel's values."""
        script = (
            "const samples = new Samples(1000);"
            "for (const each of arguments[0]) samples.take(...each);"
            "return [samples.rates(arguments[1]), samples.kernel()];"
        )
        rates, kernel = self.call("Samples", "samples", script, takes, span)
        return rates, kernel

    def at(self, columns: list[Numbers], time: float, column: int = 1) -> float | None:
        """Return what is drawn at a time."""
        found = None
        for each, value in zip(columns[0], columns[column], strict=True):
            if each is not None and each <= time:
                found = value
        return found

    def test_a_burst_is_drawn_when_it_came(self) -> None:
        rates, _ = self.samples(
            (
                [
                    [1000.001, 1000.001, 10, 0, True],
                    [1008.2, 1008.2, 100_010, 40, True],
                    [1008.2, 1012.5, 100_010, 40, True],
                ],
                *([], 1012.5, False),
            )
        )
        drawn = [self.at(rates, second + 0.5) for second in range(12)]
        self.assertEqual(drawn, [10, *[0] * 7, 100_000, 0, 0, 0])
        self.assertEqual(self.at(rates, 8.5, column=2), 40)
        self.assertEqual(round(rates[0][-1] or 0), 12)

    def test_a_steady_peer_is_the_same_before_it_was_looked_at(self) -> None:
        kept = [[1000 + at, 1000 + at, 50 * (at + 1), 0, True] for at in range(20)]
        ticks = [
            [1020 + at / 2, 1020.5 + at / 2, 1000 + 25 * (at + 1), 0, True]
            for at in range(20)
        ]
        rates, _ = self.samples((kept, [], 1020.0, False), (ticks, [], 1030.0, False))
        self.assertEqual({round(each or 0) for each in rates[1]}, {50})
        self.assertEqual(len(rates[0]), 31)

    def test_silence_is_drawn_to_the_present_and_to_the_end(self) -> None:
        first = [[1000.1, 1000.1, 500, 0, True], [1000.1, 1009.0, 500, 0, True]]
        takes = (first, [[1000.1, 0, 7, 0.01]], 1009.0, False)
        rates, kernel = self.samples(takes)
        self.assertEqual(self.at(rates, 0.5), 500)
        self.assertEqual(self.at(rates, 5.0), 0)
        self.assertEqual(round(rates[0][-1] or 0), 9)
        self.assertEqual(kernel[0][-1], 9)
        self.assertEqual(self.at(kernel, 9.0, column=2), 7)
        rates, kernel = self.samples(takes, ([], [], 1009.25, True))
        self.assertEqual(round(rates[0][-1] or 0, 2), 9.25)
        self.assertEqual(kernel[0][-1], 9.25)

    def test_a_connection_of_a_moment_has_no_spike(self) -> None:
        moved = [[1000.004, 1000.004, 6, 6, True]]
        rates, _ = self.samples((moved, [], 1000.01, True))
        self.assertEqual({*rates[1]}, {6})

    def test_nothing_is_drawn_in_a_gap(self) -> None:
        rates, kernel = self.samples(
            (
                [
                    [1001.2, 1001.2, 100, 0, True],
                    [1001.2, 1005.4, 9000, 0, False],
                    [1007.5, 1007.5, 9050, 0, True],
                    [1007.5, 1010.0, 9050, 0, True],
                ],
                [
                    [1001.0, 5, 6, 0.1],
                    [1001.2, None, None, None],
                    [1006.0, 0, 1, 0.1],
                ],
                *(1010.0, False),
            )
        )
        drawn = [self.at(rates, second + 0.5) for second in range(10)]
        self.assertEqual(drawn, [0, *[None] * 5, 0, 50, 0, 0])
        waiting = [self.at(kernel, second + 0.1, column=2) for second in range(1, 8)]
        self.assertEqual(waiting, [6, None, None, None, None, 1, 1])

    def test_what_is_told_again_is_known(self) -> None:
        moved = [[1000.5, 1000.5, 100, 0, True], [1000.5, 1004.0, 300, 0, True]]
        again = [[1000.5, 1003.0, 250, 0, False], [1003.5, 1004.5, 400, 0, True]]
        once, _ = self.samples((moved, [], 1004.0, False))
        rates, _ = self.samples((moved, [], 1004.0, False), (again, [], 1005.0, False))
        self.assertEqual(self.at(rates, 2.5), self.at(once, 2.5))
        self.assertEqual(self.at(rates, 4.5), 100)

    def test_a_long_connection_is_counted_in_wider_bins(self) -> None:
        ticks = [[1000 + at, 1001 + at, 30 * (at + 1), 0, True] for at in range(9000)]
        for span, width in ((60, 1), (600, 1), (0, 8)):
            rates, _ = self.samples((ticks, [], 10_000.0, False), span=span)
            self.assertEqual((rates[0][1] or 0) - (rates[0][0] or 0), width)
            self.assertEqual({*rates[1]}, {30})
            self.assertLessEqual(len(rates[0]), 2002)
            self.assertEqual(rates[0][0], 0 if width == 8 else 7001)


class NeedTests(ModuleCase):
    def test_a_need_that_is_over_is_said_to_be_over(self) -> None:
        texts = self.call(
            "judge",
            "attention",
            "const row = {number: 1, state: 'peer does not read', sendWindow: 0,"
            " waiting: 4096, lost: 0, need: null};"
            "const told = [];"
            "const tell = time => {"
            " judge([row], time); told.push(row.need?.text ?? ''); };"
            "tell(100); Object.assign(row, {state: 'open', waiting: 0});"
            "[101, 103, 105].forEach(tell); return told;",
        )
        self.assertEqual(
            texts,
            [
                "does not read: 4.0 KiB wait for it, its window is 0",
                *["reads again"] * 2,
                "",
            ],
        )
