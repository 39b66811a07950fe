"""The gate: what closes it, what opens it, and how often it looks."""

import pytest

from fbsync.errors import DatabaseUnavailable
from fbsync.listening.commit_gate import CHECK_SECONDS, CommitGate
from tests.hallway import Clock

DAMAGE = DatabaseUnavailable("disk I/O error", fault="damaged")


class Examination:
    """Fails with what it is given, counts, and takes its time."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.times = 0
        self.seconds = 0.0
        self.clock = Clock()

    def __call__(self) -> None:
        self.times += 1
        self.clock.seconds += self.seconds
        if self.failure:
            raise self.failure


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("fbsync.listening.commit_gate.time", clock)
    return clock


def test_it_is_open_at_first() -> None:
    CommitGate(Examination()).pass_through()


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable("It is locked.", fault="locked"),
        DatabaseUnavailable("It is full.", fault="full"),
        DatabaseUnavailable("It was removed.", fault="removed"),
        ValueError("A fault of our own."),
    ],
)
def test_what_is_no_damage_leaves_it_open(error: Exception) -> None:
    gate = CommitGate(Examination())
    gate.note(error)
    gate.pass_through()


def test_damage_closes_it_until_the_database_is_found_whole(clock: Clock) -> None:
    examination = Examination()
    gate = CommitGate(examination)
    gate.note(DAMAGE)
    assert gate.is_closed
    with pytest.raises(DatabaseUnavailable, match="disk I/O error") as caught:
        gate.pass_through()
    assert caught.value.fault == "damaged"
    gate.try_to_open()
    gate.pass_through()
    assert examination.times == 1


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (DatabaseUnavailable("It was removed.", fault="removed"), "It was removed"),
        (ValueError("A fault of our own."), "could not be examined: ValueError"),
    ],
)
def test_a_failed_examination_keeps_it_closed_with_the_newer_reason(
    clock: Clock, failure: Exception, told: str
) -> None:
    examination = Examination()
    gate = CommitGate(examination)
    gate.note(DAMAGE)
    examination.failure = failure
    gate.try_to_open()
    with pytest.raises(DatabaseUnavailable, match=told):
        gate.pass_through()


def test_it_looks_at_most_once_in_a_while(clock: Clock) -> None:
    examination = Examination()
    examination.failure = DAMAGE
    gate = CommitGate(examination)
    gate.note(DAMAGE)
    for _ in range(3):
        gate.try_to_open()
    assert examination.times == 1
    clock.seconds += CHECK_SECONDS
    gate.try_to_open()
    assert examination.times == 2


def test_after_a_long_examination_it_rests_as_long(clock: Clock) -> None:
    examination = Examination()
    examination.failure = DAMAGE
    examination.seconds = 60.0
    examination.clock = clock
    gate = CommitGate(examination)
    gate.note(DAMAGE)
    gate.try_to_open()
    clock.seconds += 59
    gate.try_to_open()
    assert examination.times == 1
    clock.seconds += 1
    gate.try_to_open()
    assert examination.times == 2
