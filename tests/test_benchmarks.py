"""What benchmarks/run.py measures with, and what report.py makes of its results."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

sys.path.append(str(ROOT / "benchmarks"))

from contests import Contest, contests
from programs import PYTHON, EndedError, Program, installed, waits
from report import (
    BEGIN,
    END,
    compared,
    duration,
    lacking,
    number,
    points,
    ranked,
    rewritten,
    table,
)
from results import Key, Result, Run, cost, load, middle, rate, ratio
from versions import using
from works import send, unread

HERE = ROOT / "benchmarks"
SILENT = f"""exec {PYTHON} -Sc "
import socketserver
class Silent(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(65536):
            pass
print('no line of theirs', flush=True)
socketserver.ThreadingTCPServer(('127.0.0.1', PORT), Silent).serve_forever()
" """


def runs(*costs: float) -> list[Run]:
    """Return runs of ten lines, each line with this processor time."""
    return [Run(10, 1, each * 10) for each in costs]


class ResultTests(SynchronousTestCase):
    def test_the_figures_of_a_run(self) -> None:
        run = Run(count=100, seconds=4, processor=2)
        self.assertEqual((rate(run), cost(run)), (25, 0.02))

    def test_the_spread_is_half_the_range(self) -> None:
        self.assertEqual(middle([9, 10, 12]), (10, 9, 12))
        self.assertAlmostEqual(middle([9, 10, 12]).spread, 0.15)

    def test_a_ratio_is_of_medians_and_its_range_of_turns(self) -> None:
        found = ratio(runs(2, 30, 4), runs(1, 10, 8), cost)
        self.assertEqual(found, (0.5, 0.5, 3))

    def test_a_result_is_read_as_it_was_saved(self) -> None:
        result = Result({"Linux": "6"})
        result.runs[Key("classic", 0, "echolab")] += [Run(1, 2.5, 0.1), Run(1, 2, 0.2)]
        result.runs[Key("length", 8, "ncat, sed")] += [Run(1, 2, 3)]
        result.figures[Key("idle", 0, "echolab")] += [1234.5]
        result.missing[Key("connections", 3000, "ncat")] = "it ended"
        file = Path(self.enterContext(tempfile.TemporaryDirectory()), "result.json")
        result.save(file)
        self.assertEqual(load(file), result)

    def test_who_cannot_hold_many_cannot_hold_more(self) -> None:
        result = Result({}, missing={Key("connections", 100, "ncat"): "it ended"})
        lacks = [
            result.lacks(Key("connections", at, who))
            for who in ("ncat", "socat")
            for at in (99, 100, 101)
        ]
        self.assertEqual(lacks, [False, True, True, False, False, False])

    def test_who_fails_later_has_no_runs_of_this_and_of_more(self) -> None:
        result = Result({})
        for who in ("ncat", "socat"):
            for at in (99, 100, 101):
                result.runs[Key("connections", at, who)] = runs(1)
        result.figures[Key("connections", 101, "ncat")] = [1.0]
        result.runs[Key("length", 101, "ncat")] = runs(1)
        result.leave_out(Key("connections", 100, "ncat"), "it ended")
        self.assertEqual(
            list(result.runs),
            [
                Key("connections", 99, "ncat"),
                *(Key("connections", at, "socat") for at in (99, 100, 101)),
                Key("length", 101, "ncat"),
            ],
        )
        self.assertFalse(result.figures)
        self.assertEqual(result.missing, {Key("connections", 100, "ncat"): "it ended"})


class ReportTests(SynchronousTestCase):
    def test_numbers_have_three_digits(self) -> None:
        shown = [number(each) for each in (0, 0.01234, 1.5, 23.45, 999.9, 12345.6)]
        self.assertEqual(shown, ["0", "0.0123", "1.50", "23.4", "1,000", "12,346"])

    def test_times_have_units(self) -> None:
        shown = [duration(each) for each in (2, 0.0123, 4.56e-6, 78e-9, 0)]
        self.assertEqual(shown, ["2.00 s", "12.3 ms", "4.56 µs", "78.0 ns", "0 ns"])

    def test_a_contest_has_a_row_for_each_program_that_was_run(self) -> None:
        [churn] = [each for each in contests() if each.name == "churn"]
        assert isinstance(churn, Contest)
        result = Result({})
        result.runs[Key("churn", 0, "echolab")] += [Run(10, 1, 2), Run(10, 2, 2)]
        result.runs[Key("churn", 0, "ncat -lk")] += [Run(10, 3, 1), Run(10, 3, 1)]
        mine, theirs = ranked(churn, result)
        self.assertEqual(
            mine,
            [
                *("churn", "echolab", "7.50 connections/s", "±33%"),
                *("200 ms a connection", "", "", "", ""),
            ],
        )
        self.assertEqual(theirs[-3:], ["2.25", "0.5", "2.00"])

    def test_what_was_not_run_is_not_shown(self) -> None:
        self.assertEqual(
            table(Result({"Linux": "6"})), ["Medians of 0 turns: Linux 6."]
        )

    def test_a_curve_may_end_early(self) -> None:
        result = Result({})
        result.runs[Key("connections", 1000, "echolab")] = runs(2e-6)
        result.runs[Key("connections", 1, "echolab")] = runs(1e-6)
        result.runs[Key("connections", 1, "ncat")] = runs(3e-6)
        self.assertEqual(
            points(result, "connections")[2:],
            ["| 1 | 1.00 µs | 3.00 µs |", "| 1,000 | 2.00 µs |  |"],
        )

    def test_why_it_ends_is_told(self) -> None:
        missing = {
            Key("connections", 3000, "ncat"): "too many",
            Key("log", 0, "ts"): "-",
        }
        self.assertEqual(
            lacking(Result({}, missing=missing)),
            [
                "- connections, from 3,000 on: ncat is left out: too many",
                "- log: ts is left out: -",
            ],
        )

    def test_two_versions(self) -> None:
        result = Result({})
        result.runs[Key("many", 0, "echolab")] = runs(1, 3, 2)
        result.runs[Key("many", 0, "v1")] = runs(1, 2, 4)
        result.figures[Key("idle", 0, "v1")] = [2.0]
        result.figures[Key("idle", 0, "echolab")] = [1.0]
        self.assertEqual(
            compared(result),
            [
                (
                    "many: rate × 1.00 (1.00 to 1.00), "
                    "processor time × 1.00 (0.50 to 1.50)"
                ),
                "idle: 1.00 instead of 2.00",
            ],
        )

    def test_only_what_stands_between_the_marks_is_written_anew(self) -> None:
        page = f"a\n{BEGIN}\nold\n{END}\nb\n"
        self.assertEqual(
            rewritten(page, ["new", "lines"]),
            f"a\n{BEGIN}\n\nnew\nlines\n\n{END}\nb\n",
        )
        self.assertRaises(ValueError, rewritten, f"a\n{END}\n{BEGIN}", [])

    def test_the_readme_has_the_last_result(self) -> None:
        page = (HERE / "README.md").read_text("utf-8")
        self.assertIn(BEGIN, page)
        result = HERE / "result.json"
        if result.exists():
            lines = table(load(result), plots=True)
            self.assertEqual(rewritten(page, lines), page)


class ProgramTests(SynchronousTestCase):
    def test_the_reason_of_an_early_end(self) -> None:
        def connect() -> None:
            with Program("echo no such file >&2; exit 1; : PORT") as program:
                program.connect()

        self.assertEqual(str(self.assertRaises(EndedError, connect)), "no such file")

    def test_a_dropped_connection_has_the_reason_too(self) -> None:
        def drop() -> None:
            with Program("echo too many >&2; : PORT") as program:
                program.wait()
                raise ConnectionResetError

        self.assertEqual(str(self.assertRaises(EndedError, drop)), "too many")

    def test_the_processor_time_of_a_pipeline_is_that_of_all(self) -> None:
        burn = f"{PYTHON} -Sc 'while sum(__import__(\"os\").times()[:2]) < 0.1: 0'"
        with Program(f"{burn} | {burn}") as program:
            self.assertGreaterEqual(program.wait(), 0.18)

    def test_a_queue_that_is_not_empty_waits(self) -> None:
        for ends, state, queues, waiting in (
            (":22B8 :C000", "01", "00000000:00000000", False),
            (":22B8 :C000", "01", "00000000:00000040", True),
            (":22B8 :C000", "01", "00000040:00000000", False),
            (":C000 :22B8", "01", "00000040:00000000", True),
            (":C000 :22B8", "01", "00000000:00000040", False),
            (":22B8 :0000", "0A", "00000000:00000001", True),
            (":22B8 :C000", "08", "00000000:00000001", False),
            (":22B8 :C000", "08", "00000000:00000002", True),
            (":22B9 :C000", "01", "00000000:00000040", False),
        ):
            here, there = ends.replace(":", "0100007F:").split()
            row = f"   1: {here} {there} {state} {queues} 00:00000000 0 0"
            self.assertEqual(waits(row, ":22B8"), waiting, row)

    def test_who_ends_without_connecting_is_not_waited_for(self) -> None:
        command = "echo no such host >&2; exit 1; : PORT"
        why = self.assertRaises(EndedError, send, command, 0)
        self.assertEqual(str(why), "no such host")

    def test_lines_that_do_not_come_are_told(self) -> None:
        why = self.assertRaises(EndedError, unread, SILENT, 0.01)
        self.assertIn("{0: 0, 1: 0, 2: 0, 3: 0} came, 1 others", str(why))

    def test_a_program_may_have_a_space_in_its_path(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        file = folder / "a b"
        file.touch(0o755)
        self.assertTrue(installed(f"exec '{file}' -c 'x' | sed 's/^/a b/'"))

    def test_the_version_that_runs_is_named_in_the_command(self) -> None:
        self.assertEqual(
            using(Path("/a b"), "exec x"),
            "export PYTHONPATH='/a b' PYTHONSAFEPATH=1; exec x",
        )
