"""How fast calls may follow each other as a limit of the Graph API fills up.

Meta counts over a rolling hour (Meta, "Rate limits", platform limits) and refuses at 100 %. Refused
calls go on counting, so the pace slows down before that. What waits for nobody leaves the last part
of a limit to what follows an event.
"""

from dataclasses import dataclass

WINDOW_SECONDS = 3600.0
LOOK_AGAIN_SECONDS = 300.0


@dataclass(frozen=True)
class Lane:
    """One kind of caller. Below `free_until` percent it never waits; from `stop_at` on it does not
    call at all; in between, a call waits for up to `longest_pause` seconds."""

    name: str
    free_until: float
    stop_at: float
    longest_pause: float


EVENTS = Lane("events", free_until=90, stop_at=98, longest_pause=2.0)
"""What follows an event: the listener's worker."""

COMMANDS = Lane("commands", free_until=70, stop_at=90, longest_pause=5.0)
"""Everything that can wait: the poll of `fbsync sync`, logins, subscriptions."""


def percent_now(percent: float, age_seconds: float) -> float:
    """What is left of a percentage seen some seconds ago, as old calls leave the window."""
    return percent * max(0.0, 1.0 - max(0.0, age_seconds) / WINDOW_SECONDS)


def pause_seconds(percent: float, lane: Lane) -> float:
    """How long a call waits, below the lane's end: more, the fuller the limit is."""
    filled = (percent - lane.free_until) / (lane.stop_at - lane.free_until)
    return lane.longest_pause * min(1.0, max(0.0, filled))


def closed_seconds(percent: float, lane: Lane) -> float:
    """How long after this percentage was seen the lane does not call; 0 below the lane's end.

    Until it has fallen below that end, and LOOK_AGAIN_SECONDS at most: then one call finds out how
    things stand, as a percentage that nobody renews may be wrong by now, or was so from the start.
    """
    if percent < lane.stop_at:
        return 0.0
    return min(LOOK_AGAIN_SECONDS, WINDOW_SECONDS * (1.0 - lane.stop_at / percent) + 1.0)
