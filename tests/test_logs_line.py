"""A line of the log, for people and for programs."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fbsync.console import Console
from fbsync.errors import DatabaseUnavailable, FbsyncError
from fbsync.field_list import ListChange
from fbsync.hallway.refresh import Outcome
from fbsync.logs.format import LogFormat
from fbsync.logs.line import LogLine, count_line, formatter, outcome_line, request_line
from fbsync.notice import Notice
from fbsync.page import FieldChange, PageId, PageSnapshot, PageVersion

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
PAGE = PageId("1")
EVENT = "0123456789abcdef"
VERSION = PageVersion(
    PAGE,
    2,
    PageSnapshot(PAGE, {"id": "1", "name": "New"}, AT, "v26.0"),
    (FieldChange("name", "Old", "New"),),
    "webhook",
)
RECORDED = Notice("event", f"{EVENT} recorded; pages: 1", 200, EVENT, (PAGE,), 0.0123456789)
STORED = Outcome(PAGE, "stored", version=VERSION, event=EVENT)
PUT_OFF = Outcome(PAGE, "put off", reason="Wait.\nPlease.", retry_at=AT, event=EVENT)


def as_text(line: LogLine) -> str:
    return formatter(LogFormat.TEXT, Console(quiet_results=True))(AT, line)


def as_json(line: LogLine) -> dict[str, object]:
    text = formatter(LogFormat.JSON, Console(quiet_results=True))(AT, line)
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    found: dict[str, object] = json.loads(text)
    return found


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (request_line(RECORDED), f"event     {EVENT} recorded; pages: 1\n"),
        (request_line(Notice("refused", "401 a\nforged", 401)), "refused   401 a\ufffdforged\n"),
        (outcome_line(STORED), "stored    page 1  version 2  name: Old → New\n"),
        (outcome_line(PUT_OFF), "put off   page 1  again at 12:00:00 UTC  Wait. Please.\n"),
        (outcome_line(Outcome(PAGE, "unchanged")), "unchanged page 1\n"),
        (outcome_line(DatabaseUnavailable("Locked.\nWait.")), "database  Locked. Wait.\n"),
        (LogLine("warning", "Two.\nLines."), "Two.\nLines.\n"),
        (LogLine("error", "No.\nDo so.", "error"), "Error: No.\nDo so.\n"),
        (count_line("refused 401", 990), "refused   401 and 990 more of these\n"),
        (count_line("event", 4990), "event     and 4,990 more of these\n"),
        (count_line("outcome put off", 7), "put off   and 7 more of these\n"),
    ],
)
def test_people_read_a_mark_and_a_text(line: LogLine, text: str) -> None:
    assert as_text(line) == text


def test_a_program_finds_the_event_from_the_request_to_the_version() -> None:
    assert as_json(request_line(RECORDED)) == {
        "time": "2026-03-01T12:00:00.123Z",
        "level": "info",
        "kind": "event",
        "message": f"{EVENT} recorded; pages: 1",
        "status": 200,
        "event": EVENT,
        "pages": ["1"],
        "page_count": 1,
        "seconds": 0.012346,
    }
    assert as_json(outcome_line(STORED)) == {
        "time": "2026-03-01T12:00:00.123Z",
        "level": "info",
        "kind": "outcome",
        "message": "page 1  version 2  name: Old → New",
        "outcome": "stored",
        "page": "1",
        "event": EVENT,
        "version": 2,
        "changed": ["name"],
    }


def test_a_program_finds_what_came_into_the_list_of_fields_and_what_went() -> None:
    assert STORED.version is not None
    listed = replace(STORED.version, list_change=ListChange(("phone",), ()), changes=())
    found = as_json(outcome_line(replace(STORED, version=listed)))
    assert found["message"] == "page 1  version 2  asked for since: phone"
    assert (found["page_fields_added"], found["page_fields_removed"]) == (["phone"], [])


def test_a_program_finds_the_reason_and_the_time_of_the_next_try() -> None:
    found = as_json(outcome_line(PUT_OFF))
    assert found["level"] == "warning"
    assert (found["outcome"], found["reason"]) == ("put_off", "Wait.\nPlease.")
    assert found["retry_at"] == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (request_line(RECORDED), "info"),
        (request_line(Notice("refused", "401 no", 401)), "warning"),
        (request_line(Notice("failed", "500 KeyError", 500)), "error"),
        (outcome_line(Outcome(PAGE, "parked", reason="Gone.")), "warning"),
        (outcome_line(FbsyncError("No.")), "error"),
    ],
)
def test_the_level_says_whether_somebody_should_look(line: LogLine, level: str) -> None:
    assert as_json(line)["level"] == level


def test_a_delivery_about_very_many_pages_is_one_short_line() -> None:
    pages = tuple(PageId(str(number)) for number in range(1000))
    found = as_json(request_line(Notice("event", "recorded", 200, EVENT, pages)))
    assert found["page_count"] == 1000
    assert isinstance(found["pages"], list)
    assert len(found["pages"]) == 50


def test_no_text_from_outside_ends_a_line_or_hides_in_it() -> None:
    told = 'x"}\n{"kind": "event\u2028\u202e\x85\x1b[2J'
    assert as_json(request_line(Notice("refused", told, 400)))["message"] == told
    (line,) = as_text(request_line(Notice("refused", told, 400))).splitlines()
    assert line.isprintable()
