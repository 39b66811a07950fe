"""How the whole stands, shown."""

import json
from dataclasses import replace

import pytest

from fbsync.console import Console
from fbsync.database.put_off import PutOff
from fbsync.page import PageId
from fbsync.standing import Standing
from fbsync.standing_report import show_standing, standing_as_json
from tests.test_standing import ADA, IN_ORDER, parked, waiting


def shown(found: Standing, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_standing(Console(), found)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_where_all_is_in_order_each_part_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(IN_ORDER, capsys) == [
        "database /data/fbsync.sqlite3 (79.0 MB of 100.0 MB)",
        "store s3://bucket/facebook at spaces.example",
        "events 3 kept, 0 dead letters; none waits",
        "pages 2 known, 4 versions stored, 0 set aside; one by one: fbsync pages",
        "login Ada, until 2027-01-13 12:00 UTC",
        "sync of all pages: 2026-11-23 10:00 UTC",
        "all in order",
    ]


def test_what_waits_and_what_is_set_aside_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = replace(
        IN_ORDER, inbox=waiting(25), parked=[parked("1"), parked("2", managed=False)], dead=1
    )
    found = replace(found, fresh_dead=1)
    told = shown(found, capsys)
    assert told[2] == (
        "events 3 kept, 1 dead letter; 3 wait for 2 pages, 1 of them in hand, the oldest for 25"
        " minutes"
    )
    assert "1 set aside, 1 that nobody here manages" in told[3]
    assert [line.partition(" ")[0] for line in told[6:]] == ["attention"] * 3


def test_why_the_last_page_was_put_off_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = replace(IN_ORDER, inbox=waiting(1), put_off=PutOff(PageId("7"), "Busy.\nLater."))
    assert "put off page 7 last: Busy. Later." in shown(found, capsys)
    assert standing_as_json(found)["put_off"] == {"page_id": "7", "reason": "Busy.\nLater."}


def test_before_the_first_login_there_is_little_to_tell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = shown(replace(IN_ORDER, logins=[], last_sync=None, store=None), capsys)
    assert "store nothing was stored yet" in told
    assert "sync none" in told


def test_many_logins_are_cut_and_one_without_an_end_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    endless = replace(ADA, expires_at=None, data_access_expires_at=None)
    told = shown(replace(IN_ORDER, logins=[endless] * 7), capsys)
    assert told.count("login Ada, without end") == 5
    assert "… and 2 more" in told


def test_as_json_everything_is_there_with_times_in_utc() -> None:
    found = replace(IN_ORDER, inbox=waiting(25), parked=[parked("1", "No token.\nLog in.")])
    found = replace(found, moving=7)
    told = json.loads(json.dumps(standing_as_json(found)))
    assert told["ok"] is False
    assert len(told["attention"]) == 3
    assert told["waiting"] == {
        "events": 3,
        "max_events": 1000,
        "pages": 2,
        "leased": 1,
        "oldest": "2026-11-24T11:35:00+00:00",
        "oldest_seconds": 1500.0,
    }
    assert told["parked"] == [
        {"page_id": "1", "reason": "No token.\nLog in.", "events": 1, "managed": True}
    ]
    assert told["logins"][0]["expires_at"] == "2027-01-13T12:00:00+00:00"
    assert told["pages_not_in_store"] == 7
    assert told["database"]["disk_free_bytes"] == 10**9


def test_as_json_what_is_not_there_is_null() -> None:
    told = standing_as_json(replace(IN_ORDER, last_sync=None, store=None))
    assert (told["last_sync"], told["store"]) == (None, None)
    assert json.loads(json.dumps(told))["waiting"]["oldest"] is None
