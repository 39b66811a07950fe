"""The shared budget: what one process learns, another heeds."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from fbsync.database.engine import Database
from fbsync.database.rate_budget import RateBudget
from fbsync.errors import RateLimited
from fbsync.graph.budget import Limit
from fbsync.graph.pace import COMMANDS, EVENTS, LOOK_AGAIN_SECONDS, Lane

START = 1_764_000_000.0


@dataclass
class Clock:
    time: float = START

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pauses() -> list[float]:
    return []


def budget(database: Database, lane: Lane, clock: Clock, pauses: list[float]) -> RateBudget:
    return RateBudget(database, lane, clock, pauses.append)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def test_nothing_is_waited_for_while_nothing_is_known(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    assert budget(database, COMMANDS, clock, pauses).begin(["page 1"]) == {}
    assert pauses == []


def test_a_poll_slows_down_and_stops_before_the_listener_does(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    listener = budget(database, EVENTS, clock, pauses)
    poll = budget(database, COMMANDS, clock, pauses)
    listener.note({"app": Limit(80)})
    poll.begin([])
    assert pauses == [COMMANDS.longest_pause / 2]
    listener.note({"app": Limit(92)})
    with pytest.raises(RateLimited, match="92 % of the app's limit") as caught:
        poll.begin([])
    assert caught.value.retry_at is not None
    assert caught.value.retry_at > at(0)
    assert listener.begin([]) == {}
    clock.time = caught.value.retry_at.timestamp()
    assert poll.begin([]) == {}


def test_a_header_that_was_wrong_stops_nobody_for_long(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    listener = budget(database, EVENTS, clock, pauses)
    listener.note({"app": Limit(10**6)})
    with pytest.raises(RateLimited):
        listener.begin([])
    clock.time += LOOK_AGAIN_SECONDS
    assert listener.begin([]) == {}


def test_a_limit_that_is_seen_to_fall_is_free_again(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    one, other = (budget(database, COMMANDS, clock, pauses) for _ in range(2))
    one.note({"app": Limit(95)})
    with pytest.raises(RateLimited):
        other.begin([])
    other.note({"app": Limit(3)})
    assert one.begin([]) == {}
    assert pauses == []


def test_refused_calls_are_made_by_nobody_until_the_time_that_was_named(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    budget(database, COMMANDS, clock, pauses).note({"app": Limit(100, at(120))})
    listener = budget(database, EVENTS, clock, pauses)
    with pytest.raises(RateLimited, match="refuses calls within the app's limit") as caught:
        listener.begin([])
    assert caught.value.retry_at == at(120)
    # What was refused for a time that is over goes by the percentage alone.
    clock.time += 3600
    assert listener.begin([]) == {}


def test_an_answer_that_was_on_its_way_does_not_end_a_refusal(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    shared = budget(database, EVENTS, clock, pauses)
    shared.note({"app": Limit(100, at(120))})
    shared.note({"app": Limit(60)})
    with pytest.raises(RateLimited) as caught:
        shared.begin([])
    assert caught.value.retry_at == at(120)


def test_what_a_clock_that_ran_ahead_noted_closes_nothing(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    shared = budget(database, EVENTS, clock, pauses)
    ahead = 10 * 365 * 86_400.0
    clock.time += ahead
    shared.note({"app": Limit(100, at(ahead + 120))})
    clock.time = START
    assert shared.begin([]) == {}
    shared.note({"app": Limit(10)})
    assert shared.begin([]) == {}
    shared.note({"app": Limit(100, at(120))})
    with pytest.raises(RateLimited) as caught:
        shared.begin([])
    assert caught.value.retry_at == at(120)


def test_a_page_that_is_refused_closes_only_itself(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    budget(database, COMMANDS, clock, pauses).note({"page 1": Limit(100, at(120))})
    other = budget(database, EVENTS, clock, pauses)
    closed = other.begin(["page 1", "page 2"])
    assert set(closed) == {"page 1"}
    assert closed["page 1"].retry_at == at(120)
    assert "page 1's limit" in str(closed["page 1"])
    assert pauses == []
    clock.time += 121
    assert other.begin(["page 2"]) == {}


def test_a_page_near_its_limit_slows_down_and_is_not_refused(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    shared = budget(database, EVENTS, clock, pauses)
    shared.note({"page 1": Limit(100)})
    assert shared.begin(["page 1"]) == {}
    assert pauses == [EVENTS.longest_pause]


def test_a_limit_that_is_far_away_costs_no_write(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    shared = budget(database, COMMANDS, clock, pauses)
    database.close()
    shared.note({"app": Limit(10), "page 1": Limit(49)})


def test_a_command_says_once_that_it_goes_slower_and_again_after_an_hour(
    database: Database, clock: Clock, pauses: list[float]
) -> None:
    said: list[str] = []
    poll = RateBudget(database, COMMANDS, clock, pauses.append, said.append)
    poll.note({"app": Limit(60), "person 7": Limit(72)})
    poll.begin([])
    assert said == []
    for _ in range(3):
        poll.begin(["person 7"])
        poll.note({"app": Limit(85)})
    assert len(pauses) == 3
    assert said == ["Facebook's limit for person 7 is used to 72 %: fbsync goes slower."]
    clock.time += 3600
    poll.note({"app": Limit(85)})
    poll.begin([])
    assert said[1:] == ["Facebook's limit for the app is used to 85 %: fbsync goes slower."]
