"""At most one sync of all pages by the clock, across processes."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from fbsync.database.engine import Database
from fbsync.database.sync_runs import HELD_SECONDS, SyncRuns


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


def test_while_one_runs_another_that_wants_to_be_alone_is_left_out(database: Database) -> None:
    one, two = SyncRuns(database), SyncRuns(database)
    with one.hold(alone=True) as first:
        with two.hold(alone=True) as second:
            assert (first, second) == (True, False)
        with two.hold(alone=True) as again:
            assert not again
    with two.hold(alone=True) as afterwards:
        assert afterwards


def test_a_run_that_somebody_asked_for_goes_on_beside_others_and_is_seen(
    database: Database,
) -> None:
    runs = SyncRuns(database)
    with runs.hold(alone=False) as first, runs.hold(alone=False) as second:
        assert first
        assert second
        with runs.hold(alone=True) as by_the_clock:
            assert not by_the_clock


def test_a_run_that_fails_is_over(database: Database) -> None:
    runs = SyncRuns(database)
    with pytest.raises(ValueError, match="broken"), runs.hold(alone=True):
        raise ValueError("broken")
    with runs.hold(alone=True) as afterwards:
        assert afterwards


def test_the_run_of_a_process_that_died_runs_out_unless_it_is_renewed(database: Database) -> None:
    clock = [1000.0]
    runs = SyncRuns(database, lambda: clock[0])
    dead = runs._begin(alone=True)
    assert dead is not None
    clock[0] += HELD_SECONDS - 1
    runs.renew(dead)
    clock[0] += HELD_SECONDS - 1
    with runs.hold(alone=True) as too_early:
        assert not too_early
    clock[0] += 2
    with runs.hold(alone=True) as afterwards:
        assert afterwards


def test_a_run_of_a_clock_that_was_set_back_is_over(database: Database) -> None:
    clock = [1_000_000.0]
    runs = SyncRuns(database, lambda: clock[0])
    assert runs._begin(alone=True) is not None
    clock[0] -= 86_400
    with runs.hold(alone=True) as afterwards:
        assert afterwards
