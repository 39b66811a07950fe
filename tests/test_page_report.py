"""The overview of all pages, shown."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fbsync.console import Console
from fbsync.page import PageId
from fbsync.page_overview import Overview, PageRow
from fbsync.page_report import MAX_ROWS, overview_as_json, show_overview
from fbsync.subscription_plan import AppSubscription

MOMENT = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
APP = AppSubscription("https://ours.example/hook", True, frozenset({"name", "phone"}))


def row(page: str = "1", *attention: str, **changes: Any) -> PageRow:
    values: dict[str, Any] = {
        "page_id": PageId(page),
        "name": "Bakery",
        "token": "ok",
        "login_ends": MOMENT,
        "live": frozenset({"name"}),
        "version": 3,
        "stored_at": MOMENT,
        "last_event_at": None,
        "attention": attention,
    }
    return PageRow(**values | changes)


def overview(*rows: PageRow, failure: str | None = None) -> Overview:
    return Overview(rows, None if failure else APP, failure, frozenset({"name", "phone"}))


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def lines(found: Overview, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_overview(Console(), found)
    return capsys.readouterr().out.splitlines()


def test_a_page_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    _, shown, app, total = lines(overview(row()), capsys)
    assert " ".join(shown.split()) == ("1 Bakery ok until 2026-11-24 1/2 3 2026-11-24 15:30")
    assert "active, calls https://ours.example/hook" in app
    assert "1 page " in total
    assert "all in order" in total


def test_what_needs_attention_is_told_below(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(overview(row("1", "no token", "set aside"), row("2")), capsys)
    assert found[3:5] == ["attention page 1: no token", "attention page 1: set aside"]
    assert found[-1].endswith("1 needs attention")


def test_ids_that_nobody_manages_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = replace(overview(row()), unmanaged=2)
    said = [line for line in lines(found, capsys) if line.startswith("not listed")]
    assert said == ["not listed 2 ids that events named, and nobody here manages"]
    assert not any(line.startswith("not listed") for line in lines(overview(row()), capsys))
    assert overview_as_json(found)["unmanaged"] == 2
    one = lines(replace(found, unmanaged=1), capsys)
    assert "not listed 1 id that events named, and nobody here manages" in one


def test_where_facebook_was_not_reached_the_webhooks_are_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = lines(overview(row(live=None), failure="Down."), capsys)
    assert "?" in found[1]
    assert not any(line.startswith("app") for line in found)


def test_of_very_many_pages_those_that_need_attention_come_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [row(str(number)) for number in range(MAX_ROWS + 5)]
    found = lines(overview(*rows, row("999999", "no token")), capsys)
    assert found[1].startswith("999999")
    assert any("… and 6 more; --json lists all" in line for line in found)


def test_as_json_every_page_is_there_with_times_in_utc() -> None:
    found = json.loads(json.dumps(overview_as_json(overview(row(), row("2", "no token")))))
    assert found["ok"] is False
    assert found["app"]["active"] is True
    assert found["pages"][0] == {
        "page_id": "1",
        "name": "Bakery",
        "token": "ok",
        "login_ends": "2026-11-24T15:30:00+00:00",
        "live": ["name"],
        "missing": ["phone"],
        "version": 3,
        "stored_at": "2026-11-24T15:30:00+00:00",
        "last_event_at": None,
        "attention": [],
    }


def test_as_json_what_is_unknown_is_null() -> None:
    shown = overview_as_json(overview(row(live=None, login_ends=None), failure="Down."))
    found = json.loads(json.dumps(shown))
    assert (found["ok"], found["facebook"], found["app"]) == (False, "Down.", None)
    (page,) = found["pages"]
    assert (page["live"], page["missing"], page["login_ends"]) == (None, None, None)


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (None, "no webhook subscription"),
        (
            AppSubscription("https://x.example/", False, frozenset()),
            "switched off, calls https://x",
        ),
    ],
)
def test_the_apps_level_is_told(
    app: AppSubscription | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in "\n".join(lines(Overview((row(),), app, None, frozenset()), capsys))
