"""How a limit that fills up slows calls down, and where they stop."""

import pytest

from fbsync.graph.pace import (
    COMMANDS,
    EVENTS,
    LOOK_AGAIN_SECONDS,
    Lane,
    closed_seconds,
    pause_seconds,
    percent_now,
)


@pytest.mark.parametrize(("age", "left"), [(0, 80), (1800, 40), (3600, 0), (9e9, 0), (-5, 80)])
def test_a_percentage_fades_within_the_hour(age: float, left: float) -> None:
    assert percent_now(80, age) == left


@pytest.mark.parametrize("lane", [EVENTS, COMMANDS])
def test_a_lane_is_free_slows_down_and_stops(lane: Lane) -> None:
    middle = (lane.free_until + lane.stop_at) / 2
    assert pause_seconds(lane.free_until, lane) == 0
    assert pause_seconds(middle, lane) == lane.longest_pause / 2
    assert closed_seconds(middle, lane) == 0
    assert closed_seconds(lane.stop_at, lane) > 0


def test_what_can_wait_stops_while_events_still_flow() -> None:
    assert closed_seconds(95, COMMANDS) > 0
    assert closed_seconds(95, EVENTS) == 0
    assert pause_seconds(85, EVENTS) == 0


@pytest.mark.parametrize("percent", [90, 92, 95])
def test_a_lane_opens_when_the_limit_has_fallen_below_its_end(percent: float) -> None:
    seconds = closed_seconds(percent, COMMANDS)
    assert percent_now(percent, seconds) < COMMANDS.stop_at <= percent_now(percent, seconds - 2)


@pytest.mark.parametrize("percent", [100, 250, 10**9])
def test_no_percentage_closes_a_lane_for_longer_than_until_the_next_look(percent: float) -> None:
    assert closed_seconds(percent, COMMANDS) == LOOK_AGAIN_SECONDS
