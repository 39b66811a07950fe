"""When to ask again and when to give up; no test waits."""

from datetime import UTC, datetime, timedelta

import pytest

from fbsync.patience import MAX_TRIES, Patience


def pauses_of(seconds: float, *wishes: datetime | None) -> tuple[list[float], list[bool]]:
    """The pauses that were made, and whether each wish led to another try."""
    pauses: list[float] = []
    waiting = Patience(seconds, pauses.append).begin()
    return pauses, [waiting.pause(wish) for wish in wishes]


def test_the_pauses_are_random_below_a_doubling_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []

    def highest(low: float, high: float) -> float:
        assert low == 0
        bounds.append(high)
        return high

    monkeypatch.setattr("random.uniform", highest)
    pauses, again = pauses_of(100, *[None] * MAX_TRIES)
    assert pauses == bounds == [0.5, 1.0, 2.0, 4.0]
    assert again == [True, True, True, True, False]


def test_a_wish_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    (pause,), (again,) = pauses_of(100, datetime.now(UTC) + timedelta(seconds=42))
    assert again
    assert 41 < pause <= 42


def test_a_wish_in_the_past_costs_no_wait() -> None:
    assert pauses_of(0, datetime.now(UTC) - timedelta(hours=1)) == ([0.0], [True])


def test_a_wish_beyond_patience_ends_it() -> None:
    assert pauses_of(30, datetime.now(UTC) + timedelta(minutes=5)) == ([], [False])


def test_patience_is_for_all_pauses_of_a_call_together() -> None:
    now = datetime.now(UTC)
    pauses, again = pauses_of(30, now + timedelta(seconds=20), now + timedelta(seconds=20))
    assert again == [True, False]
    assert len(pauses) == 1
