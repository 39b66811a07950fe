"""The plan: what is on, what is ours, what is wished for."""

from typing import Any

import pytest

from fbsync.errors import GraphUnavailable
from fbsync.page import PageId
from fbsync.subscription_plan import (
    AppSubscription,
    FieldPlan,
    Fields,
    Plan,
    Wish,
    delivered,
    plan_app,
    plan_fields,
)

OURS, OTHER = "https://ours.example/hook", "https://other.example/hook"


def fields(text: str) -> Fields:
    return frozenset(text.split())


def wish(text: str = "", **options: bool) -> Wish:
    return Wish(OURS, fields(text) if text else None, **options)


def app(on: str, url: str = OURS, active: bool = True) -> AppSubscription:
    return AppSubscription(url, active, fields(on))


def shown(plan: FieldPlan) -> dict[str, str]:
    """The sets that are not empty."""
    return {name: " ".join(sorted(names)) for name, names in vars(plan).items() if names}


@pytest.mark.parametrize(
    ("on", "ours", "wanted", "expected"),
    [
        ("", "", "a b", {"add": "a b"}),
        ("a b", "a b", "a b", {"keep": "a b"}),
        ("a b", "", "a b", {"keep": "a b"}),
        ("a x", "", "a b", {"add": "b", "keep": "a", "foreign": "x"}),
        ("a x", "a x", "a", {"keep": "a", "stale": "x"}),
        ("x", "a", "a", {"add": "a", "foreign": "x", "gone": "a"}),
    ],
)
def test_wanted_fields_are_added_and_nothing_is_taken_off(
    on: str, ours: str, wanted: str, expected: dict[str, str]
) -> None:
    plan = plan_fields(fields(on), fields(ours), wish(wanted))
    assert shown(plan) == expected
    assert plan.before == fields(on)
    assert plan.after == fields(on) | fields(wanted)
    assert plan.differs == ("add" in expected)


@pytest.mark.parametrize(
    ("on", "ours", "named", "expected"),
    [
        ("a b x", "a b", "", {"remove": "a b", "foreign": "x"}),
        ("a b x", "a b", "a x", {"remove": "a", "stale": "b", "foreign": "x"}),
        ("x", "a", "", {"foreign": "x", "gone": "a"}),
        ("", "", "a", {}),
    ],
)
def test_to_remove_takes_off_what_is_ours_and_nothing_else(
    on: str, ours: str, named: str, expected: dict[str, str]
) -> None:
    plan = plan_fields(fields(on), fields(ours), wish(named, remove=True))
    assert shown(plan) == expected
    assert plan.after == fields(on) - plan.remove
    assert plan.differs == ("remove" in expected)


@pytest.mark.parametrize(
    ("found", "options", "expected"),
    [
        (None, {}, ("none", True, False)),
        (app(""), {}, ("ours", True, False)),
        (app("a b"), {}, ("ours", False, False)),
        (app("a b x"), {}, ("ours", False, False)),
        (app("a b", active=False), {}, ("ours", True, False)),
        (app("a b", OTHER), {}, ("foreign", True, True)),
        (app("", OTHER), {}, ("foreign", True, True)),
        (app("a b", OTHER), {"replace_callback": True}, ("foreign", True, False)),
        (app("a", ""), {}, ("none", True, False)),
    ],
)
def test_the_app_is_subscribed_where_fields_callback_or_activity_differ(
    found: AppSubscription | None, options: dict[str, Any], expected: tuple[str, bool, bool]
) -> None:
    plan = plan_app(found, frozenset(), wish("a b", **options))
    assert (plan.callback, plan.subscribes, plan.blocked) == expected
    assert plan.differs == plan.subscribes


def test_a_removal_never_writes_the_callback_anew() -> None:
    plan = plan_app(app("a x", active=False), fields("a"), wish(remove=True))
    assert (plan.subscribes, plan.blocked, plan.differs) == (False, False, True)
    assert shown(plan.fields) == {"remove": "a", "foreign": "x"}


@pytest.mark.parametrize(("url", "some_pages"), [(OTHER, False), (OURS, True)])
def test_the_apps_fields_stay_for_another_callback_and_for_other_pages(
    url: str, some_pages: bool
) -> None:
    plan = plan_app(app("a x", url), fields("a"), wish(remove=True, some_pages=some_pages))
    assert (plan.differs, plan.blocked) == (False, False)
    assert shown(plan.fields) == {"stale": "a", "foreign": "x"}


def test_only_an_active_subscription_to_our_callback_delivers() -> None:
    assert delivered(app("a"), OURS) == fields("a")
    assert delivered(app("a", active=False), OURS) == frozenset()
    assert delivered(app("a", OTHER), OURS) == frozenset()
    assert delivered(None, OURS) == frozenset()


def test_a_level_that_could_not_be_read_is_not_in_order() -> None:
    error, page = GraphUnavailable("Down."), FieldPlan()
    good = plan_app(None, frozenset(), wish("a"))
    assert Plan(good, {PageId("1"): page}).app_ok
    assert Plan(good, {PageId("1"): page}).pages_ok
    assert not Plan(error, {}).app_ok
    assert not Plan(plan_app(app("a", OTHER), frozenset(), wish("a")), {}).app_ok
    assert not Plan(good, {PageId("1"): page, PageId("2"): error}).pages_ok
