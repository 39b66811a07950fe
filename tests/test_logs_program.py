"""Lines in the log of the program that fbsync is a part of."""

import logging
from datetime import UTC, datetime

import pytest

from fbsync.logs.line import LogLine
from fbsync.logs.log import Log
from fbsync.logs.program import NAME, to_program

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_line_is_a_record_of_its_level_with_the_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, NAME)
    to_program(AT, LogLine("event", "abc recorded", mark="event", details={"status": 200}))
    to_program(AT, LogLine("warning", "Look\nhere", "warning"))
    event, warning = caplog.records
    assert (event.name, event.levelname, event.getMessage()) == (
        "fbsync",
        "INFO",
        "event  abc recorded",
    )
    assert vars(event)["fbsync"]["status"] == 200
    assert (warning.levelname, warning.getMessage()) == ("WARNING", "Look here")


def test_what_came_from_outside_cannot_begin_a_line(caplog: pytest.LogCaptureFixture) -> None:
    to_program(AT, LogLine("warning", "a %s name\x1b[31m\r\nERROR forged", "warning"))
    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert "a %s name" in record.getMessage()


def test_a_log_of_the_program_writes_nothing_itself(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with Log(write=to_program) as log:
        log.warn("Look here.")
    assert [record.getMessage() for record in caplog.records] == ["Look here."]
    assert capfd.readouterr().err == ""
    assert logging.getLogger(NAME).handlers == []
