"""The line in front of a commit: its bounds, its groups, and those who left it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from fbsync.errors import DatabaseUnavailable
from fbsync.listening.application import MAX_BODY_BYTES
from fbsync.listening.commit_queue import (
    MAX_GROUP,
    MAX_WAITING,
    MAX_WAITING_BYTES,
    CommitQueue,
    Waiting,
)
from fbsync.webhook import Delivery, VerifiedBody


def waiting(size: int = 1) -> Waiting:
    body = VerifiedBody(bytes(size))
    return Waiting(Delivery("digest", body, (), datetime(2026, 1, 1, tzinfo=UTC)))


def in_a_loop(case: Callable[[CommitQueue], Awaitable[None]]) -> None:
    async def run() -> None:
        await case(CommitQueue())

    asyncio.run(run())


def test_groups_come_in_order_and_are_bounded() -> None:
    async def case(queue: CommitQueue) -> None:
        sent = [waiting() for _ in range(MAX_GROUP + 2)]
        for one in sent:
            queue.put(one)
        assert queue.take() == sent[:MAX_GROUP]
        assert queue.take() == sent[MAX_GROUP:]

    in_a_loop(case)


def test_one_too_many_is_refused_until_some_are_taken() -> None:
    async def case(queue: CommitQueue) -> None:
        for _ in range(MAX_WAITING):
            queue.put(waiting())
        with pytest.raises(DatabaseUnavailable, match="Too many"):
            queue.put(waiting())
        queue.take()
        queue.put(waiting())

    in_a_loop(case)


def test_bytes_are_bounded_and_count_until_they_are_settled() -> None:
    async def case(queue: CommitQueue) -> None:
        for _ in range(MAX_WAITING_BYTES // MAX_BODY_BYTES):
            queue.put(waiting(MAX_BODY_BYTES))
        group = queue.take()
        assert group
        with pytest.raises(DatabaseUnavailable, match="Too many"):
            queue.put(waiting())
        queue.settle(group, None)
        queue.put(waiting(MAX_WAITING_BYTES))

    in_a_loop(case)


def test_those_who_gave_up_are_not_handed_out_and_hold_no_bytes() -> None:
    async def case(queue: CommitQueue) -> None:
        impatient, patient = waiting(MAX_WAITING_BYTES - 1), waiting()
        for one in (impatient, patient):
            queue.put(one)
        impatient.committed.cancel()
        assert queue.take() == [patient]
        queue.put(waiting(MAX_WAITING_BYTES - 1))

    in_a_loop(case)


def test_a_take_with_a_time_ends_empty() -> None:
    async def case(queue: CommitQueue) -> None:
        assert queue.take(0.001) == []

    in_a_loop(case)


def test_after_the_end_the_rest_is_handed_out_and_then_nothing() -> None:
    async def case(queue: CommitQueue) -> None:
        last = waiting()
        queue.put(last)
        queue.end()
        assert queue.take() == [last]
        assert queue.take() is None

    in_a_loop(case)


def test_settling_lets_requests_go_on_with_or_without_an_error() -> None:
    async def case(queue: CommitQueue) -> None:
        good, bad = waiting(), waiting()
        queue.settle([good], None)
        queue.settle([bad], DatabaseUnavailable("It is full."))
        await good.committed
        with pytest.raises(DatabaseUnavailable, match="It is full"):
            await bad.committed

    in_a_loop(case)


def test_settling_after_the_loop_has_ended_disturbs_nobody() -> None:
    left: list[Waiting] = []
    queue = CommitQueue()

    async def case() -> None:
        left.append(waiting())

    asyncio.run(case())
    queue.settle(left, None)
