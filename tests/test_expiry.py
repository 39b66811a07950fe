"""When a login's end is worth a warning, and what it says."""

from datetime import UTC, datetime, timedelta

import pytest

from fbsync.expiry import Lifetime, ends_soon, first_end, warnings

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def ends_in(**past: float) -> datetime:
    return NOW + timedelta(**past)


@pytest.mark.parametrize("end", [None, ends_in(days=60), ends_in(days=7, seconds=1)])
def test_an_end_that_is_far_or_unknown_is_no_news(end: datetime | None) -> None:
    assert warnings(Lifetime("1", "Sam", end, end), NOW) == []


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (ends_in(days=7), "ends on 2026-12-01, in 7 days"),
        (ends_in(days=6, hours=23), "ends on 2026-12-01, in 6 days"),
        (ends_in(hours=48), "ends on 2026-11-26, in 2 days"),
        (ends_in(hours=47), "ends on 2026-11-26, in 47 hours"),
        (ends_in(minutes=1), "ends on 2026-11-24, in 0 hours"),
        (NOW, "ended on 2026-11-24"),
        (ends_in(days=-30), "ended on 2026-10-25"),
    ],
)
def test_from_seven_days_before_and_after_it_the_end_is_told_with_the_remedy(
    end: datetime, told: str
) -> None:
    (token,) = warnings(Lifetime("1", "Sam", end, None), NOW)
    (data,) = warnings(Lifetime("1", "Sam", None, end), NOW)
    for warning in (token, data):
        assert f"Sam {told}:" in warning or f"Sam gave {told}:" in warning
        assert warning.endswith("\nRun: fbsync login")


def test_both_ends_are_told_apart() -> None:
    token, data = warnings(Lifetime("1", "Sam", ends_in(days=1), ends_in(days=2)), NOW)
    assert token.startswith("The login of Sam ")
    assert data.startswith("The access to data that Sam gave ")


def test_the_earlier_end_asks_for_a_new_login() -> None:
    token, data = NOW + timedelta(days=60), NOW + timedelta(days=90)
    assert first_end(Lifetime("1", "Sam", token, data)) == token
    assert first_end(Lifetime("1", "Sam", None, data)) == data
    assert first_end(Lifetime("1", "Sam", None, None)) is None


def test_soon_is_within_seven_days_or_past() -> None:
    assert ends_soon(NOW + timedelta(days=7), NOW)
    assert ends_soon(NOW - timedelta(days=7), NOW)
    assert not ends_soon(NOW + timedelta(days=7, seconds=1), NOW)
    assert not ends_soon(None, NOW)
