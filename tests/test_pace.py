"""How a limit that fills up slows calls down, and where they stop."""

import pytest

from fbsync.graph.pace import (
    COMMANDS,
    EVENTS,
    Lane,
    pause_seconds,
    percent_now,
    seconds_until_free,
)


@pytest.mark.parametrize(("age", "left"), [(0, 80), (1800, 40), (3600, 0), (9e9, 0), (-5, 80)])
def test_a_percentage_fades_within_the_hour(age: float, left: float) -> None:
    assert percent_now(80, age) == left


@pytest.mark.parametrize("lane", [EVENTS, COMMANDS])
def test_a_lane_is_free_slows_down_and_stops(lane: Lane) -> None:
    middle = (lane.free_until + lane.stop_at) / 2
    assert pause_seconds(lane.free_until, lane) == 0
    assert pause_seconds(middle, lane) == lane.longest_pause / 2
    assert seconds_until_free(middle, lane) == 0
    assert seconds_until_free(lane.stop_at, lane) > 0


def test_what_can_wait_stops_while_events_still_flow() -> None:
    assert seconds_until_free(95, COMMANDS) > 0
    assert seconds_until_free(95, EVENTS) == 0
    assert pause_seconds(85, EVENTS) == 0


@pytest.mark.parametrize("percent", [90, 95, 100, 250])
def test_after_the_wait_the_limit_is_below_the_end_of_the_lane(percent: float) -> None:
    assert percent_now(percent, seconds_until_free(percent, COMMANDS)) < COMMANDS.stop_at
