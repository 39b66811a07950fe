"""What a long-running command counts, for Prometheus.

Every name, its labels and its help text stand here. No label has an unbounded number of values: no
page, no event, no address. What must not wait for anything is counted as it happens; the rest is
asked for when somebody looks, and never from the database itself.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fbsync.backlog import Backlog
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome, OutcomeKind
from fbsync.notice import Notice
from fbsync.settings.limits import Limits

# A time of birth beside each counter doubles the text, and Prometheus sees resets by itself.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it without

_GROUP_SIZES = (1, 2, 4, 8, 16, 32, 64)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_STATUS = {"event": 200, "handshake": 200, "callback": 200, "failed": 500}


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter(
            "fbsync_requests",
            "Requests by what they were and how they were answered.",
            "kind status",
        )
        # `labels` takes longer than the counting itself, and this is where the load is.
        self._by_answer = cache(lambda kind, status: self._requests.labels(kind, str(status)))
        for kind, status in _STATUS.items():
            self._by_answer(kind, status)
        self._request_seconds = self._histogram(
            "fbsync_request_seconds", "From a delivery's headers to its durable record.", _SECONDS
        )
        self._group_size = self._histogram(
            "fbsync_group_commit_size", "Deliveries that one commit made durable.", _GROUP_SIZES
        )
        self._commit_seconds = self._histogram(
            "fbsync_group_commit_seconds", "How long such a commit took.", _SECONDS
        )
        self._recorded = self._counter(
            "fbsync_deliveries_recorded", "Deliveries recorded durably, copies included."
        )
        self._outcomes = self._counter(
            "fbsync_outcomes", "What became of pages that were read, by outcome.", "outcome"
        )
        for outcome in get_args(OutcomeKind):
            self._outcomes.labels(_word(outcome))
        self._versions = self._counter("fbsync_versions_stored", "Versions of pages written.")
        told = "Changes that a poll found before any webhook told."
        self._missed = self._counter("fbsync_missed_webhooks", told)
        self._database_errors = self._counter(
            "fbsync_worker_database_errors", "Times that the worker could not use the database."
        )
        self._graph_calls = self._counter(
            "fbsync_graph_requests", "Requests to the Graph API, by the answer's status.", "status"
        )
        build = Gauge("fbsync_build", "Always 1.", ["version"], registry=self.registry)
        build.labels(version).set(1)

    def request(self, notice: Notice) -> None:
        """Count a request to the listener."""
        if notice.status is not None:
            self._by_answer(notice.kind, notice.status).inc()
        if notice.seconds is not None:
            self._request_seconds.observe(notice.seconds)

    def committed(self, size: int, seconds: float) -> None:
        """Count a group commit."""
        self._group_size.observe(size)
        self._commit_seconds.observe(seconds)
        self._recorded.inc(size)

    def outcome(self, found: Outcome | FbsyncError) -> None:
        """Count what the worker did."""
        if isinstance(found, FbsyncError):
            self._database_errors.inc()
            return
        self._outcomes.labels(_word(found.kind)).inc()
        if found.version is not None:
            self._versions.inc()

    def missed_webhook(self) -> None:
        """Count a change that no webhook told."""
        self._missed.inc()

    def graph_request(self, status: str) -> None:
        """Count a request to the Graph API: by its HTTP status, or "none" without an answer."""
        self._graph_calls.labels(status).inc()

    def also(self, collect: Callable[[], Iterator[Metric]]) -> None:
        """Ask this, too, whenever somebody looks. It must not wait for anything."""
        self.registry.register(_Asked(collect))

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, labels: str = "") -> Counter:
        return Counter(name, text, labels.split(), registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, buckets=buckets, registry=self.registry)


class _Asked(Collector):
    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        return self._collect()


def backlog_metrics(
    newest: Callable[[], Backlog | None], limits: Limits | None = None
) -> Callable[[], Iterator[Metric]]:
    """What the last look at the database found (nothing before the first one), and its limits."""

    def collect() -> Iterator[Metric]:
        if limits is not None:
            yield _gauge("waiting_events_limit", "FBSYNC_MAX_WAITING.", limits.max_waiting)
            told = "FBSYNC_MAX_DATABASE."
            yield _gauge("database_limit_bytes", told, limits.max_database_bytes)
        if (found := newest()) is not None:
            yield from _of_backlog(found)

    return collect


def connection_metrics(
    opened: Callable[[], int], ended: Callable[[], Mapping[str, int]]
) -> Callable[[], Iterator[Metric]]:
    """The listener's connections: how many are open, and how many the listener itself ended."""
    told = "Connections that the listener ended or refused, by reason."
    counts = counted("fbsync_connections_ended", told, "reason", ended)

    def collect() -> Iterator[Metric]:
        yield _gauge("connections", "Open connections of the listener.", opened())
        yield from counts()

    return collect


def _of_backlog(found: Backlog) -> Iterator[Metric]:
    status = found.status
    yield _gauge("waiting_pages", "Pages that wait for a read.", status.waiting)
    yield _gauge("waiting_events", "Events that wait, once for each page named.", status.events)
    yield _gauge("leased_pages", "Waiting pages in a worker's hands.", status.leased)
    yield _gauge("parked_pages", "Pages set aside until somebody acts.", status.parked)
    told = "Of the parked pages, those that somebody here opened to us."
    yield _gauge("parked_managed_pages", told, status.parked_managed)
    yield _gauge("dead_letters", "Deliveries from which no page could be read.", found.dead)
    told = "When the oldest waiting event came; 0 where none waits."
    yield _gauge("oldest_waiting_event_timestamp_seconds", told, _seconds(status.waiting_since))
    told = "When all pages were last polled; 0 before the first time."
    yield _gauge("last_sync_timestamp_seconds", told, _seconds(found.last_sync_at))
    yield _gauge("database_bytes", "What the database holds.", found.database_bytes)
    if found.free_bytes is not None:
        yield _gauge("database_free_bytes", "Free on the database's disk.", found.free_bytes)
    told = "When the gauges of the database were read."
    yield _gauge("database_seen_timestamp_seconds", told, _seconds(found.seen_at))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"fbsync_{name}", text, value=value)


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def counted(
    name: str, text: str, label: str, counts: Callable[[], Mapping[str, int]]
) -> Callable[[], Iterator[Metric]]:
    """A counter that somebody else keeps, by one label."""

    def collect() -> Iterator[Metric]:
        family = CounterMetricFamily(name, text, labels=[label])
        for value, count in counts().items():
            family.add_metric([value], count)
        yield family

    return collect


def total(name: str, text: str, count: Callable[[], int]) -> Callable[[], Iterator[Metric]]:
    """A counter that somebody else keeps."""
    return lambda: iter([CounterMetricFamily(name, text, value=count())])


def _word(kind: str) -> str:
    return kind.replace(" ", "_")
