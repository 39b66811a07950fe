"""What the answers say of limits, put together."""

from datetime import UTC, datetime, timedelta

from fbsync.errors import RateLimited
from fbsync.graph.budget import (
    APP_LIMIT,
    Limit,
    caller_of,
    joined,
    limits_seen,
    page_limit,
    person_limit,
)
from fbsync.graph.usage import Usage
from fbsync.page import PageId

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=1), NOW + timedelta(minutes=5)


def test_a_limit_is_that_of_a_page_of_a_person_or_of_the_app() -> None:
    assert caller_of(page_limit(PageId("1"))) == "1"
    assert caller_of(person_limit("77")) == "77"
    assert caller_of(APP_LIMIT) == ""


def test_an_answer_tells_of_the_apps_limit_and_of_its_own() -> None:
    usage = Usage(app_percent=40, percent=80, regain=timedelta(minutes=5))
    assert limits_seen("page 1", usage, NOW, None) == {"app": Limit(40), "page 1": Limit(80, LATER)}


def test_an_answer_without_headers_tells_nothing() -> None:
    assert limits_seen("page 1", Usage(), NOW, None) == {}


def test_a_refusal_of_the_app_is_not_one_of_the_page() -> None:
    refusal = RateLimited("Wait.", retry_at=LATER, of_app=True)
    assert limits_seen("page 1", Usage(percent=3), NOW, refusal) == {
        "app": Limit(0, LATER),
        "page 1": Limit(3),
    }


def test_a_refusal_that_names_no_time_closes_nothing() -> None:
    assert limits_seen("page 1", Usage(), NOW, RateLimited("Wait.")) == {}


def test_the_last_percentage_and_the_latest_end_count() -> None:
    parts = [{"app": Limit(50, SOON)}, {"app": Limit(60, LATER)}, {"app": Limit(40)}]
    assert joined([*parts, {"page 1": Limit(1)}]) == {"app": Limit(40, LATER), "page 1": Limit(1)}
