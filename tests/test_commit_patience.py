"""The end of a request's patience, in event loops of its own."""

import asyncio

import pytest

from fbsync.errors import DatabaseUnavailable
from fbsync.listening.commit_patience import CommitPatience
from fbsync.listening.commit_queue import Waiting


def test_who_waits_too_long_is_told_why() -> None:
    async def wait() -> None:
        waiting = Waiting(None)
        CommitPatience(0.01).watch(waiting)
        with pytest.raises(DatabaseUnavailable, match="took longer than 0 seconds"):
            await waiting.committed

    asyncio.run(wait())


def test_who_was_settled_in_time_is_left_alone_and_the_next_one_is_watched_again() -> None:
    async def wait() -> None:
        patience = CommitPatience(0.3)
        first, second = Waiting(None), Waiting(None)
        patience.watch(first)
        first.settle(None)
        await first.committed
        await asyncio.sleep(0.6)  # longer than the look at which nobody was left
        patience.watch(second)
        with pytest.raises(DatabaseUnavailable):
            await second.committed
        assert first.committed.exception() is None

    asyncio.run(wait())


def test_each_event_loop_is_watched_by_itself() -> None:
    patience = CommitPatience(0.01)

    async def wait() -> None:
        waiting = Waiting(None)
        patience.watch(waiting)
        with pytest.raises(DatabaseUnavailable):
            await waiting.committed

    asyncio.run(wait())
    asyncio.run(wait())
