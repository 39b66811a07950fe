"""The watch over both levels of the webhooks."""

import threading

import pytest

from fbsync.errors import GraphUnavailable
from fbsync.page_overview import Overview
from fbsync.subscription_plan import AppSubscription
from fbsync.subscription_watch import SubscriptionWatch, what_is_off
from tests.test_page_report import row

OURS = "https://ours.example/hook"
WANTED = frozenset({"name", "phone"})
GOOD = AppSubscription(OURS, True, WANTED)


def overview(
    app: AppSubscription | None = GOOD,
    live: frozenset[str] | None = WANTED,
    failure: str | None = None,
) -> Overview:
    return Overview((row(live=live),), app, failure, WANTED)


@pytest.mark.parametrize("live", [WANTED, None])
def test_what_is_on_or_was_not_read_is_no_news(live: frozenset[str] | None) -> None:
    assert what_is_off(overview(live=live), OURS) is None


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (overview(app=None), "no webhook subscription"),
        (overview(app=AppSubscription(OURS, False, WANTED)), "switched the app's"),
        (overview(app=AppSubscription("https://x.example/", True, WANTED)), "--replace-callback"),
        (overview(live=frozenset({"name"})), "1 pages lack webhook fields"),
        (overview(failure="It is down."), "not known. It is down."),
    ],
)
def test_what_is_off_is_told_with_what_to_do(found: Overview, told: str) -> None:
    text = what_is_off(found, OURS)
    assert text is not None
    assert told in text
    assert "fbsync subscribe" in text or "not known" in text


def test_it_looks_again_and_again_and_outlives_a_failure() -> None:
    looks: list[int] = []
    third = threading.Event()
    told: list[str] = []

    def look() -> Overview:
        looks.append(1)
        if len(looks) == 1:
            raise GraphUnavailable("It is down.")
        if len(looks) == 3:
            third.set()
        return overview(app=None)

    with SubscriptionWatch(look, OURS, told.append, seconds=0.001):
        assert third.wait(60)
    assert "not known. It is down." in told[0]
    assert "no webhook subscription" in told[1]
