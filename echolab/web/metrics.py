"""The figures of a server for Prometheus: text, made when it is asked for."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector
from typing_extensions import override

from echolab import __version__
from echolab.ends import EndCause
from echolab.web.lag import BOUNDS
from echolab.web.totals import CONNECTION_STATES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from prometheus_client import Metric

    from echolab.web.lag import Lag
    from echolab.web.totals import Totals

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
REFUSALS = [EndCause.REFUSED.value, EndCause.HANDSHAKE.value]
"""Why connections are turned away, before they begin."""
ENDS = [cause.value for cause in EndCause if cause.value not in REFUSALS]


class Watched(Protocol):
    """The part of `echolab.web.watching.Watch` that is needed here."""

    def look(self) -> None:
        """Ask the kernel about all open connections."""

    def totals(self) -> Totals:
        """Return the figures of the whole run."""
        ...


class Metrics(Collector):
    """The figures of one server, with those of its process.

    Args:
        watch: counts.
        lag: measures the event loop.
    """

    def __init__(self, watch: Watched, lag: Lag) -> None:
        self._watch = watch
        self._lag = lag
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def __call__(self) -> tuple[bytes, bytes]:
        """Return the figures as they are now, and their content type."""
        return generate_latest(self._registry), CONTENT_TYPE

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that nothing is measured when this is registered."""
        return []

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        self._watch.look()
        totals = self._watch.totals()
        yield InfoMetricFamily("echolab", "The server.", {"version": __version__})
        yield from _connections(totals)
        yield from _traffic(totals)
        yield from _queues(totals)
        yield GaugeMetricFamily(
            "echolab_output_waiting_bytes",
            "Printed bytes that an output has not taken.",
            totals.waiting_output_bytes,
        )
        yield CounterMetricFamily(
            "echolab_unwatched_events",
            "Events that were counted, but not kept for the page.",
            totals.left_out,
        )
        yield self._event_loop()

    def _event_loop(self) -> Metric:
        bounds = [*map(str, BOUNDS), "+Inf"]
        return HistogramMetricFamily(
            "echolab_event_loop_lag_seconds",
            "How late the event loop was, measured four times a second.",
            buckets=[*zip(bounds, accumulate(self._lag.counts), strict=True)],
            sum_value=self._lag.sum_seconds,
        )


def _connections(totals: Totals) -> Iterator[Metric]:
    yield _labelled(
        GaugeMetricFamily("echolab_connections", "Open connections.", labels=["state"]),
        totals.connections,
        CONNECTION_STATES,
    )
    yield CounterMetricFamily(
        "echolab_accepted", "Connections that were accepted.", totals.accepted
    )
    yield _labelled(
        CounterMetricFamily(
            "echolab_ended", "Connections that have ended.", labels=["cause"]
        ),
        totals.ended,
        ENDS,
    )
    yield _labelled(
        CounterMetricFamily(
            "echolab_refused", "Connections that were turned away.", labels=["cause"]
        ),
        totals.refused,
        REFUSALS,
    )


def _labelled(
    family: GaugeMetricFamily | CounterMetricFamily,
    figures: dict[str, int],
    usual: Collection[str],
) -> Metric:
    """Return the figures of a family; the usual labels are there even with 0."""
    for label, figure in (dict.fromkeys(usual, 0) | figures).items():
        if figure or label in usual:
            family.add_metric([label], figure)
    return family


def _traffic(totals: Totals) -> Iterator[Metric]:
    for name, about, figure in (
        ("received_bytes", "Bytes that were received.", totals.received_bytes),
        ("received_messages", "Messages received whole.", totals.received_messages),
        ("sent_bytes", "Bytes given to connections.", totals.sent_bytes),
        ("sent_messages", "Writes to connections.", totals.sent_messages),
    ):
        yield CounterMetricFamily(f"echolab_{name}", about, figure)


def _queues(totals: Totals) -> Iterator[Metric]:
    """Yield what the kernel says of the listening sockets."""
    waiting = GaugeMetricFamily(
        "echolab_accept_queue",
        "Connections that wait to be accepted.",
        labels=["address"],
    )
    backlog = GaugeMetricFamily(
        "echolab_accept_backlog",
        "Connections that may wait to be accepted.",
        labels=["address"],
    )
    drops = CounterMetricFamily(
        "echolab_accept_drops",
        "Connections that the kernel dropped because the queue was full.",
        labels=["address"],
    )
    for queue in totals.queues:
        waiting.add_metric([queue.address], queue.waiting)
        backlog.add_metric([queue.address], queue.backlog)
        if queue.drops is not None:
            drops.add_metric([queue.address], queue.drops)
    yield from (waiting, backlog, drops)
