"""The metrics of the page: what Prometheus gets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from echolab import __version__
from echolab.ends import EndCause
from echolab.web.lag import Lag
from echolab.web.metrics import CONTENT_TYPE, Metrics
from echolab.web.totals import CONNECTION_STATES, QueueNow, Totals

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING = Totals(
    listening=True,
    draining=False,
    connections={},
    accepted=0,
    ended={},
    refused={},
    received_bytes=0,
    received_messages=0,
    sent_bytes=0,
    sent_messages=0,
    queues=[],
    waiting_output_bytes=0,
    left_out=0,
    began=0.0,
    addresses=[],
)


class Watching:
    """Stands for what watches a server."""

    def __init__(self) -> None:
        self.now = NOTHING
        self.looks = 0

    def look(self) -> None:
        self.looks += 1

    def totals(self) -> Totals:
        return self.now


class MetricsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lag = Lag(self.clock)
        self.watching = Watching()
        self.metrics = Metrics(self.watching, self.lag)

    def figures(self, name: str) -> dict[str | None, float]:
        """Return the samples of a name, by the value of their only label."""
        body, _ = self.metrics()
        found: dict[str | None, float] = {}
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                if sample.name == name:
                    found[_only(sample.labels)] = sample.value
        return found

    def test_it_is_text_for_prometheus(self) -> None:
        body, content_type = self.metrics()
        self.assertEqual(content_type, CONTENT_TYPE)
        self.assertIn(b"# TYPE echolab_received_bytes_total counter\n", body)

    def test_what_never_occurred_is_there_with_zero(self) -> None:
        self.assertEqual(
            self.figures("echolab_connections"), dict.fromkeys(CONNECTION_STATES, 0)
        )
        self.assertEqual(
            self.figures("echolab_refused_total"), {"refused": 0, "handshake": 0}
        )
        self.assertEqual(
            {
                *self.figures("echolab_refused_total"),
                *self.figures("echolab_ended_total"),
            },
            {each.value for each in EndCause},
        )

    def test_an_unusual_cause_is_there_when_it_occurs(self) -> None:
        self.watching.now = replace(NOTHING, refused={"timeout": 2, "error": 0})
        self.assertEqual(
            self.figures("echolab_refused_total"),
            {"refused": 0, "handshake": 0, "timeout": 2},
        )

    def test_counts(self) -> None:
        self.watching.now = replace(
            NOTHING,
            connections={"open": 3, "paused": 1},
            accepted=9,
            ended={"eof": 4, "reset": 1},
            refused={"refused": 2},
            received_bytes=5_000_000_000,
            received_messages=12,
            sent_bytes=7,
            sent_messages=1,
            waiting_output_bytes=1234,
            left_out=17,
        )
        for name, figure in (
            ("accepted_total", 9),
            ("received_bytes_total", 5_000_000_000),
            ("received_messages_total", 12),
            ("sent_bytes_total", 7),
            ("sent_messages_total", 1),
            ("output_waiting_bytes", 1234),
            ("unwatched_events_total", 17),
        ):
            self.assertEqual(self.figures(f"echolab_{name}"), {None: figure})
        for name, label, figure in (
            ("connections", "open", 3),
            ("connections", "paused", 1),
            ("ended_total", "eof", 4),
            ("ended_total", "reset", 1),
            ("refused_total", "refused", 2),
        ):
            self.assertEqual(self.figures(f"echolab_{name}")[label], figure)
        self.assertTrue(self.watching.looks, "states need a look at the connections")

    def test_accept_queues(self) -> None:
        self.watching.now = replace(
            NOTHING,
            queues=[
                QueueNow("127.0.0.1:8888", 3, 1024, 7),
                QueueNow('unix:/a"\\b', 0, 50, None),
            ],
        )
        self.assertEqual(
            self.figures("echolab_accept_queue"),
            {"127.0.0.1:8888": 3, 'unix:/a"\\b': 0},
        )
        self.assertEqual(
            self.figures("echolab_accept_backlog"),
            {"127.0.0.1:8888": 1024, 'unix:/a"\\b': 50},
        )
        self.assertEqual(
            self.figures("echolab_accept_drops_total"), {"127.0.0.1:8888": 7}
        )

    def test_event_loop(self) -> None:
        self.lag.start()
        self.clock.advance(0.25)
        self.clock.advance(0.25 + 0.03)
        self.clock.advance(60)
        buckets = self.figures("echolab_event_loop_lag_seconds_bucket")
        self.assertEqual(buckets["0.001"], 1)
        self.assertEqual(buckets["0.025"], 1)
        self.assertEqual(buckets["0.05"], 2)
        self.assertEqual(buckets["5.0"], 2)
        self.assertEqual(buckets["+Inf"], 3)
        self.assertEqual(
            self.figures("echolab_event_loop_lag_seconds_count"), {None: 3}
        )

    def test_version_and_process(self) -> None:
        self.assertEqual(self.figures("echolab_info"), {__version__: 1})
        self.assertTrue(self.figures("process_open_fds"))

    def test_two_servers_of_a_process_have_their_own(self) -> None:
        other = Watching()
        other.now = replace(NOTHING, accepted=5)
        Metrics(other, self.lag)
        self.assertEqual(self.figures("echolab_accepted_total"), {None: 0})


def _only(labels: Mapping[str, str]) -> str | None:
    [*values] = labels.values()
    return values[0] if values else None
