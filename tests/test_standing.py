"""What needs attention, and what does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fbsync.database.missed_webhooks import MissedWebhooks
from fbsync.database.parked import ParkedPage
from fbsync.database.put_off import PutOff
from fbsync.database.size import DatabaseSize
from fbsync.expiry import Lifetime
from fbsync.page import PageId
from fbsync.ports import InboxStatus
from fbsync.settings.limits import Limits
from fbsync.standing import Standing, told

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ADA = Lifetime("7", "Ada", NOW + timedelta(days=50), NOW + timedelta(days=80))
IDLE = InboxStatus(
    deliveries=3,
    pages=2,
    waiting=0,
    leased=0,
    parked=0,
    versions=4,
    events=0,
    waiting_since=None,
)
IN_ORDER = Standing(
    now=NOW,
    database="/data/fbsync.sqlite3",
    size=DatabaseSize(79_000_000, 10**9),
    store="s3://bucket/facebook at spaces.example",
    inbox=IDLE,
    limits=Limits(max_waiting=1000, max_database_bytes=100_000_000),
    parked=[],
    put_off=None,
    dead=0,
    fresh_dead=0,
    logins=[ADA],
    last_sync=NOW - timedelta(hours=26),
    missed=MissedWebhooks(0),
)


def waiting(minutes: float, events: int = 3) -> InboxStatus:
    since = NOW - timedelta(minutes=minutes)
    return replace(IDLE, waiting=2, leased=1, events=events, waiting_since=since)


def parked(page: str, reason: str = "No token.", *, managed: bool = True) -> ParkedPage:
    return ParkedPage(PageId(page), reason, 1, managed)


def test_where_all_is_in_order_nothing_is_told() -> None:
    assert IN_ORDER.attention == []
    assert replace(IN_ORDER, inbox=waiting(19), parked=[parked("1", managed=False)]).attention == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (replace(IN_ORDER, parked=[parked("1")]), "page 1: No token."),
        (replace(IN_ORDER, parked=[parked("1"), parked("2")]), "2 pages (1, 2): No token."),
        (replace(IN_ORDER, store_fault="No answer.\nCheck it."), "No answer. Check it."),
        (replace(IN_ORDER, moving=1), "1 page is not in this store yet"),
        (replace(IN_ORDER, moving=300), "300 pages are not in this store yet"),
        (replace(IN_ORDER, dead=9, fresh_dead=2), "2 dead letters in the last 2 days"),
        (replace(IN_ORDER, inbox=waiting(21)), "an event has waited for 21 minutes"),
        (replace(IN_ORDER, logins=[]), "nobody is logged in; run fbsync login"),
        (
            replace(IN_ORDER, logins=[replace(ADA, expires_at=NOW + timedelta(days=3))]),
            "The login of Ada ends on 2026-11-27, in 3 days",
        ),
        (
            replace(IN_ORDER, logins=[replace(ADA, expires_at=NOW - timedelta(days=1))]),
            "The login of Ada ended on 2026-11-23",
        ),
        (replace(IN_ORDER, last_sync=None), "no fbsync sync of all pages has ended well yet"),
        (replace(IN_ORDER, last_sync=NOW - timedelta(hours=49)), "that ended well was 2 days ago"),
        (replace(IN_ORDER, inbox=waiting(1, events=800)), "800 events wait; from 1000 on"),
        (replace(IN_ORDER, size=DatabaseSize(80_000_000, None)), "the database takes 80.0 MB"),
        (replace(IN_ORDER, inbox=waiting(1, events=1001)), "refuses events: 1001 events wait"),
        (replace(IN_ORDER, size=DatabaseSize(1, 999_000_000)), "only 999.0 MB are free"),
        (replace(IN_ORDER, size=DatabaseSize(1, 60_000_000)), "refuses events: Only 60.0 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_thing_that_needs_attention_is_one_line(found: Standing, line: str) -> None:
    (attention,) = found.attention
    assert line in attention
    assert "\n" not in attention


def test_old_dead_letters_and_pages_that_were_put_off_need_no_attention() -> None:
    put_off = PutOff(PageId("1"), "Busy.")
    assert replace(IN_ORDER, dead=9, put_off=put_off, inbox=waiting(1)).attention == []


@pytest.mark.parametrize(("hours", "lines"), [(47, 0), (49, 1)])
def test_a_first_sync_is_asked_for_some_time_after_the_login(hours: int, lines: int) -> None:
    login = replace(ADA, logged_in_at=NOW - timedelta(hours=hours))
    assert len(replace(IN_ORDER, logins=[login], last_sync=None).attention) == lines


def test_where_nobody_is_logged_in_no_sync_is_asked_for() -> None:
    assert len(replace(IN_ORDER, logins=[], last_sync=None).attention) == 1


def test_what_waits_for_parked_pages_alone_is_no_wait() -> None:
    assert replace(IN_ORDER, inbox=replace(waiting(99), waiting=0)).oldest_wait is None


def test_a_clock_that_is_behind_makes_no_negative_wait() -> None:
    assert replace(IN_ORDER, inbox=waiting(-5)).oldest_wait == timedelta()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7200, "2 hours"),
        (172800, "2 days"),
    ],
)
def test_a_time_is_told_in_a_unit_that_fits(seconds: int, text: str) -> None:
    assert told(timedelta(seconds=seconds)) == text
