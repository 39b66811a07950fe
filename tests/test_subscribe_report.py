"""A subscription's plan and result, shown."""

import json

import pytest

from fbsync.console import Console
from fbsync.errors import GraphUnavailable, PermissionMissing
from fbsync.page import PageId
from fbsync.subscribe.report import (
    plan_as_json,
    result_as_json,
    show_obstacles,
    show_plan,
    show_polled,
    show_result,
)
from fbsync.subscribe.subscriber import Subscribed
from fbsync.subscription_plan import AppPlan, AppSubscription, FieldPlan, Level, Plan

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")
URL = "https://ours.example/hook"


def fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


APP = AppPlan(
    FieldPlan(add=fields("phone"), keep=fields("name"), foreign=fields("feed")),
    "ours",
    AppSubscription(URL, True, fields("name feed")),
)
PLAN = Plan(
    APP,
    {
        ONE: FieldPlan(add=fields("name phone")),
        TWO: FieldPlan(add=fields("name phone")),
        THREE: PermissionMissing("No right.\nRun: fbsync login"),
    },
)
FOUND = Subscribed(
    Level("changed", f"2 fields to {URL}", fields("name phone feed")),
    [
        Level("added", "2 fields", fields("name phone"), ONE),
        Level("added", "2 fields", fields("name"), TWO),
        Level("failed", "No right.\nRun: fbsync login", page_id=THREE),
    ],
    fields("name phone"),
    fields("name phone feed"),
)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_the_plan_is_a_row_for_the_app_and_one_for_each_group_of_pages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_plan(Console(), PLAN)
    _, app, both, third = capsys.readouterr().out.splitlines()
    assert app.split() == ["app,", "calls", "us", "phone", "1", "feed"]
    assert both.split() == ["2", "pages", "name,", "phone"]
    assert "page 3" in third
    assert "cannot be read" in third


def test_what_could_not_be_read_and_why_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(GraphUnavailable("Down."), PLAN.pages)
    show_plan(Console(), plan)
    assert "cannot be read" in capsys.readouterr().out.splitlines()[1]
    show_obstacles(Console(), plan)
    app, page, advice = capsys.readouterr().out.splitlines()
    assert "Down." in app
    assert "page 3" in page
    assert advice.strip() == "Run: fbsync login"


def test_another_callback_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    other = AppPlan(FieldPlan(keep=fields("name")), "foreign", APP.found)
    show_obstacles(Console(), Plan(other, {}))
    assert "--replace-callback" in capsys.readouterr().out
    show_obstacles(Console(), Plan(APP, {}))
    assert capsys.readouterr().out == ""


def test_the_result_names_failures_one_by_one_and_counts_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_result(Console(), FOUND)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == ["✓", "✗", "✓", "✗"]
    assert "page 3" in lines[1]
    assert lines[2].strip() == "Run: fbsync login"
    assert "2 pages" in lines[3]
    assert "2 fields at both levels for 1 of 3 pages" in lines[4]


def test_a_removal_tells_nothing_of_what_is_on(capsys: pytest.CaptureFixture[str]) -> None:
    none = frozenset[str]()
    show_result(Console(), Subscribed(Level("removed", "1 field taken off"), [], none, none))
    assert "both levels" not in capsys.readouterr().out


def test_fields_without_a_webhook_are_named_where_there_are_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_polled(Console(), [])
    assert capsys.readouterr().out == ""
    show_polled(Console(), ["about", "link"])
    assert "no webhook tells of about, link" in capsys.readouterr().out


def test_the_plan_as_json_has_each_set_of_each_level() -> None:
    found = json.loads(json.dumps(plan_as_json(PLAN)))
    assert found["app"] == {
        "callback": "ours",
        "callback_url": URL,
        "active": True,
        "blocked": False,
        "add": ["phone"],
        "keep": ["name"],
        "stale": [],
        "foreign": ["feed"],
        "remove": [],
    }
    assert found["pages"][0]["add"] == ["name", "phone"]
    assert found["pages"][2] == {"page_id": "3", "error": "No right.\nRun: fbsync login"}
    assert plan_as_json(Plan(GraphUnavailable("Down."), {}))["app"] == {"error": "Down."}


def test_the_result_as_json_says_for_each_page_what_is_on_at_both_levels() -> None:
    found = json.loads(json.dumps(result_as_json(PLAN, FOUND)))
    assert found["app"]["action"] == "changed"
    assert [(page["live"], page["missing"]) for page in found["pages"]] == [
        (["name", "phone"], []),
        (["name"], ["phone"]),
        ([], ["name", "phone"]),
    ]
    assert found["pages"][2]["action"] == "failed"
