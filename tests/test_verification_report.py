"""What is told of the drift that `sync --verify` found."""

import json

import pytest

from fbsync.console import Console
from fbsync.drift import Drift
from fbsync.page import PageId
from fbsync.verification.report import DriftReport

ONE = PageId("1")
REPAIRED = Drift(ONE, "1/page_data.json", "truncated", "repaired")
READ_AGAIN = Drift(ONE, "1/history/000002.json", "unknown", "read again", "It is newer.")
LOST = Drift(ONE, "1/history/000001.json", "missing", "not repaired", "Restore it\nfrom a backup.")
FOREIGN = Drift(ONE, "1/notes.txt", "unknown", "left alone", "Move it away.")
NAMED = Drift(ONE, "1/page_data.json", "altered", "named")


def report_of(*drifts: Drift, objects: int = 3, keeps_all: bool = True) -> DriftReport:
    report = DriftReport(keeps_all=keeps_all)
    for _ in range(objects):
        report.count()
    for drift in drifts:
        report.add(drift)
    return report


def shown(report: DriftReport, capsys: pytest.CaptureFixture[str]) -> list[str]:
    report.show(Console())
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("drifts", "needs_attention"),
    [
        ((), False),
        ((REPAIRED, READ_AGAIN), False),
        ((REPAIRED, LOST), True),
        ((FOREIGN,), True),
        ((NAMED,), True),
    ],
)
def test_what_neither_this_run_nor_a_worker_mends_needs_attention(
    drifts: tuple[Drift, ...], needs_attention: bool
) -> None:
    assert report_of(*drifts).needs_attention == needs_attention


def test_every_object_is_named_and_each_reason_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert shown(report_of(LOST, LOST, REPAIRED, READ_AGAIN), capsys) == [
        "Object Problem Outcome",
        "1/history/000001.json missing not repaired",
        "1/history/000001.json missing not repaired",
        "1/page_data.json truncated repaired",
        "1/history/000002.json unknown read again",
        "not repaired 2 objects: Restore it from a backup.",
        "read again 1 object: It is newer.",
        "verified 3 objects in the store: 2 missing, 1 truncated, 1 unknown;"
        " 2 not repaired, 1 read again, 1 repaired",
    ]


def test_a_store_in_order_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(report_of(objects=1), capsys) == [
        "verified 1 object in the store: all as the database says"
    ]


def test_many_are_counted_but_not_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(report_of(*[REPAIRED] * 60, keeps_all=False), capsys)
    assert len(lines) == 1 + 50 + 2
    assert lines[-2] == "… and 10 more; --json lists all"
    assert lines[-1].endswith("60 truncated; 60 repaired")


def test_json_has_an_entry_for_each() -> None:
    report = report_of(*[REPAIRED] * 60, LOST)
    report.list_requests = 2
    told = json.loads(json.dumps(report.as_json()))
    assert {name: value for name, value in told.items() if name != "drift"} == {
        "ok": False,
        "objects": 3,
        "list_requests": 2,
        "problems": {"truncated": 60, "missing": 1},
        "remedies": {"repaired": 60, "not_repaired": 1},
    }
    assert len(told["drift"]) == 61
    assert told["drift"][-1] == {
        "page_id": "1",
        "key": "1/history/000001.json",
        "problem": "missing",
        "remedy": "not_repaired",
        "reason": "Restore it\nfrom a backup.",
    }
