"""The metrics as a Prometheus server reads them."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fbsync.backlog import Backlog
from fbsync.errors import DatabaseUnavailable
from fbsync.hallway.refresh import Outcome
from fbsync.listening.connections import Connections
from fbsync.notice import Notice
from fbsync.operations.metrics import Metrics, backlog_metrics, connection_metrics, counted, total
from fbsync.page import PageId, PageSnapshot, PageVersion
from fbsync.ports import InboxStatus
from fbsync.settings.limits import Limits

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAGE = PageId("987654321")
VERSION = PageVersion(PAGE, 1, PageSnapshot(PAGE, {"id": PAGE}, AT, "v26.0"), (), "first")
STATUS = InboxStatus(
    deliveries=9,
    pages=8,
    waiting=7,
    leased=2,
    parked=4,
    versions=5,
    events=20,
    waiting_since=AT,
    parked_managed=3,
)
Read = Callable[..., float]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


@pytest.fixture
def read(metrics: Metrics) -> Read:
    """One sample's value, by its name and labels."""

    def value(name: str, **labels: str) -> float:
        (found,) = [
            sample.value
            for family in text_string_to_metric_families(metrics.text().decode())
            for sample in family.samples
            if (sample.name, sample.labels) == (name, labels)
        ]
        return float(found)

    return value


def test_requests_are_counted_by_kind_and_status(metrics: Metrics, read: Read) -> None:
    for _ in range(3):
        metrics.request(Notice("event", "recorded", 200, "abc", (PAGE,), 0.02))
    metrics.request(Notice("refused", "401 no", 401))
    metrics.request(Notice("refused", "503 no", 503))
    metrics.request(Notice("refused", "evicted connection closed"))
    assert read("fbsync_requests_total", kind="event", status="200") == 3
    assert read("fbsync_requests_total", kind="refused", status="401") == 1
    assert read("fbsync_requests_total", kind="refused", status="503") == 1
    assert read("fbsync_requests_total", kind="callback", status="200") == 0
    assert read("fbsync_request_seconds_count") == 3
    assert read("fbsync_request_seconds_sum") == pytest.approx(0.06)


def test_connections_are_counted_by_the_reason_of_their_end(metrics: Metrics, read: Read) -> None:
    table = Connections(2, lambda _: None)
    metrics.also(connection_metrics(table.__len__, table.counts))
    table.note("silent")
    table.note("silent")
    assert read("fbsync_connections") == 0
    assert read("fbsync_connections_ended_total", reason="silent") == 2
    assert read("fbsync_connections_ended_total", reason="evicted") == 0


def test_commits_are_counted_with_their_size_and_time(metrics: Metrics, read: Read) -> None:
    metrics.committed(1, 0.004)
    metrics.committed(64, 0.03)
    assert read("fbsync_deliveries_recorded_total") == 65
    assert read("fbsync_group_commit_size_count") == 2
    assert read("fbsync_group_commit_size_bucket", le="1.0") == 1
    assert read("fbsync_group_commit_size_bucket", le="64.0") == 2
    assert read("fbsync_group_commit_seconds_bucket", le="0.005") == 1


def test_outcomes_and_versions_are_counted(metrics: Metrics, read: Read) -> None:
    metrics.outcome(Outcome(PAGE, "stored", version=VERSION))
    metrics.outcome(Outcome(PAGE, "put off", reason="Wait."))
    metrics.outcome(DatabaseUnavailable("Locked."))
    assert read("fbsync_outcomes_total", outcome="stored") == 1
    assert read("fbsync_outcomes_total", outcome="put_off") == 1
    assert read("fbsync_outcomes_total", outcome="parked") == 0
    assert read("fbsync_versions_stored_total") == 1
    assert read("fbsync_worker_database_errors_total") == 1


def test_the_backlog_is_what_the_last_look_found(metrics: Metrics, read: Read) -> None:
    newest: list[Backlog | None] = [None]
    metrics.also(backlog_metrics(lambda: newest[0]))
    assert b"waiting" not in metrics.text()
    newest[0] = Backlog(STATUS, 4096, 1 << 30, AT, AT, 3)
    assert read("fbsync_dead_letters") == 3
    assert read("fbsync_last_sync_timestamp_seconds") == AT.timestamp()
    assert read("fbsync_waiting_pages") == 7
    assert read("fbsync_waiting_events") == 20
    assert read("fbsync_leased_pages") == 2
    assert read("fbsync_parked_pages") == 4
    assert read("fbsync_parked_managed_pages") == 3
    assert read("fbsync_oldest_waiting_event_timestamp_seconds") == AT.timestamp()
    assert read("fbsync_database_bytes") == 4096
    assert read("fbsync_database_free_bytes") == 1 << 30


def test_times_that_never_were_are_0_and_unknown_room_is_left_out(
    metrics: Metrics, read: Read
) -> None:
    backlog = Backlog(replace(STATUS, waiting_since=None), 4096, None, AT)
    metrics.also(backlog_metrics(lambda: backlog))
    assert read("fbsync_oldest_waiting_event_timestamp_seconds") == 0
    assert read("fbsync_last_sync_timestamp_seconds") == 0
    assert b"free_bytes" not in metrics.text()


def test_the_limits_stand_beside_what_they_limit(metrics: Metrics, read: Read) -> None:
    metrics.also(backlog_metrics(lambda: None, Limits(max_waiting=7, max_database_bytes=8)))
    assert read("fbsync_waiting_events_limit") == 7
    assert read("fbsync_database_limit_bytes") == 8


def test_requests_to_the_graph_api_are_counted_by_status(metrics: Metrics, read: Read) -> None:
    for status in ("200", "200", "none"):
        metrics.graph_request(status)
    assert read("fbsync_graph_requests_total", status="200") == 2
    assert read("fbsync_graph_requests_total", status="none") == 1


def test_what_others_count_is_asked_for_when_somebody_looks(metrics: Metrics, read: Read) -> None:
    counts = {"silent": 1}
    metrics.also(counted("fbsync_connections_closed", "Closed.", "reason", lambda: counts))
    metrics.also(total("fbsync_log_lines_lost", "Lost.", lambda: sum(counts.values())))
    counts["evicted"] = 4
    assert read("fbsync_connections_closed_total", reason="evicted") == 4
    assert read("fbsync_log_lines_lost_total") == 5


def full(metrics: Metrics) -> str:
    """Everything that a listener's metrics may hold."""
    limits = Limits(max_waiting=7, max_database_bytes=8)
    metrics.also(backlog_metrics(lambda: Backlog(STATUS, 4096, 1, AT), limits))
    table = Connections(2, lambda _: None)
    metrics.also(connection_metrics(table.__len__, table.counts))
    metrics.also(total("fbsync_log_lines_lost", "Lost.", lambda: 0))
    metrics.request(Notice("event", "recorded", 200, "abc", (PAGE,), 0.02))
    metrics.outcome(Outcome(PAGE, "stored", version=VERSION, event="abc"))
    return metrics.text().decode()


def test_every_metric_has_its_help_and_its_line_in_the_documentation(metrics: Metrics) -> None:
    told = (Path(__file__).parent.parent / "docs/operations.md").read_text()
    text = full(metrics)
    names = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
    assert len(names) > 15
    assert [name for name in names if not helps.get(name)] == []
    assert [name for name in names if f"`{name}`" not in told] == []


def test_no_label_names_a_page_or_an_event(metrics: Metrics) -> None:
    text = full(metrics)
    assert PAGE not in text
    labels = {
        name for found in re.findall(r"{(.*?)}", text) for name in re.findall(r"(\w+)=", found)
    }
    assert labels <= {"kind", "status", "outcome", "le", "version", "reason"}
