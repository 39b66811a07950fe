"""Group commit on a real database: what is answered is kept, and those who wait share a commit."""

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from fbsync.database.durability import Durability
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import deliveries
from fbsync.errors import DatabaseUnavailable
from fbsync.listening.commit_queue import MAX_GROUP, MAX_WAITING
from fbsync.listening.group_commit import GroupCommit
from fbsync.page import PageId
from fbsync.webhook import Delivery, VerifiedBody

DEADLINE = 20.0  # how long a test waits for another thread before it fails


class GatedInbox(DatabaseInbox):
    """Commits only while the gate is open, notes each batch, and fails where told so."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database
        self.durability = Durability(database)
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches: list[int] = []
        self.failures: list[Exception] = []

    def record(self, batch: Sequence[Delivery]) -> None:
        self.batches.append(len(batch))
        self.entered.set()
        assert self.gate.wait(DEADLINE)
        if self.failures:
            raise self.failures.pop(0)
        super().record(batch)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[GatedInbox]:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
        yield GatedInbox(database)


def delivery(number: int) -> Delivery:
    body = f"body {number}".encode()
    page = PageId(str(number + 1))
    digest = hashlib.sha256(body).hexdigest()
    return Delivery(digest, VerifiedBody(body), (page,), datetime(2026, 1, 1, tzinfo=UTC))


def run(inbox: GatedInbox, requests: Callable[[GroupCommit], Awaitable[None]]) -> None:
    """Run the requests in an event loop of their own, as the listener's server does."""

    async def serve() -> None:
        with GroupCommit(inbox, inbox.durability) as commit:
            try:
                await requests(commit)
            finally:
                inbox.gate.set()  # a failed test must not hang in the end of the block

    asyncio.run(serve())


Tasks = list[asyncio.Task[None]]


async def wait_behind(inbox: GatedInbox, commit: GroupCommit, count: int) -> Tasks:
    """One delivery whose commit hangs at the closed gate, and `count` more that wait behind it."""
    inbox.gate.clear()
    tasks = [asyncio.create_task(commit.record(delivery(0)))]
    assert await asyncio.to_thread(inbox.entered.wait, DEADLINE)
    tasks += [asyncio.create_task(commit.record(delivery(n))) for n in range(1, count + 1)]
    await asyncio.sleep(0)  # each new task now runs up to its wait
    return tasks


def test_a_delivery_is_committed_when_record_returns(inbox: GatedInbox, tmp_path: Path) -> None:
    async def requests(commit: GroupCommit) -> None:
        await commit.record(delivery(7))
        with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as other:
            assert DatabaseInbox(other).status().deliveries == 1
            assert set(DatabaseInbox(other).pages()) == {PageId("8")}

    run(inbox, requests)


def test_nothing_is_answered_before_its_commit(inbox: GatedInbox) -> None:
    async def requests(commit: GroupCommit) -> None:
        tasks = await wait_behind(inbox, commit, 3)
        assert not any(task.done() for task in tasks)
        assert inbox.status().deliveries == 0
        inbox.gate.set()
        await asyncio.gather(*tasks)
        assert inbox.status().deliveries == 4

    run(inbox, requests)


@pytest.mark.parametrize(
    ("waiting", "batches"),
    [
        (0, [1]),
        (1, [1, 1]),
        (MAX_GROUP, [1, MAX_GROUP]),
        (MAX_GROUP + 5, [1, MAX_GROUP, 5]),
    ],
)
def test_deliveries_that_come_during_a_commit_share_the_next_one(
    inbox: GatedInbox, waiting: int, batches: list[int]
) -> None:
    async def requests(commit: GroupCommit) -> None:
        tasks = await wait_behind(inbox, commit, waiting)
        inbox.gate.set()
        await asyncio.gather(*tasks)

    run(inbox, requests)
    assert inbox.batches == batches
    assert inbox.status().deliveries == waiting + 1


def test_a_failed_commit_fails_each_request_of_its_group_and_the_next_one_works(
    inbox: GatedInbox,
) -> None:
    failure = DatabaseUnavailable("It is full.")

    async def requests(commit: GroupCommit) -> None:
        tasks = await wait_behind(inbox, commit, 2)
        inbox.failures = [DatabaseUnavailable("Not the first either."), failure]
        inbox.gate.set()
        _, *answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers == [failure, failure]
        await commit.record(delivery(9))

    run(inbox, requests)
    assert inbox.status().deliveries == 1


def test_a_delivery_that_cannot_be_recorded_is_kept_dead_and_fails_no_other(
    inbox: GatedInbox,
) -> None:
    bad = replace(delivery(2), page_ids=(PageId("3"), cast(PageId, object())))

    async def requests(commit: GroupCommit) -> None:
        tasks = await wait_behind(inbox, commit, 1)
        tasks += [asyncio.create_task(commit.record(bad)), asyncio.create_task(commit.probe())]
        tasks += [asyncio.create_task(commit.record(delivery(3)))]
        await asyncio.sleep(0)
        inbox.gate.set()
        await asyncio.gather(*tasks)

    run(inbox, requests)
    with inbox.database.read() as connection:
        kept = connection.execute(select(deliveries.c.fault, deliveries.c.page_ids)).all()
    assert sorted(map(tuple, kept), key=str) == [
        ("It could not be recorded as it is.", "[]"),
        (None, '["1"]'),
        (None, '["2"]'),
        (None, '["4"]'),
    ]
    assert set(inbox.pages()) == {PageId("1"), PageId("2"), PageId("4")}


def test_where_not_even_a_dead_letter_can_be_kept_the_request_fails(inbox: GatedInbox) -> None:
    failures = [ValueError("A fault of our own."), ValueError("Another.")]

    async def requests(commit: GroupCommit) -> None:
        inbox.failures = list(failures)
        with pytest.raises(ValueError, match="A fault of our own"):
            await commit.record(delivery(1))
        await commit.record(delivery(9))

    run(inbox, requests)
    assert inbox.status().deliveries == 1


def test_a_failed_commit_says_nothing_against_those_that_came_later(inbox: GatedInbox) -> None:
    async def requests(commit: GroupCommit) -> None:
        tasks = await wait_behind(inbox, commit, 2)
        inbox.failures = [DatabaseUnavailable("It is locked.")]
        inbox.gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [DatabaseUnavailable, type(None), type(None)]

    run(inbox, requests)
    assert inbox.status().deliveries == 2


def test_a_delivery_too_many_is_refused_and_the_others_are_kept(inbox: GatedInbox) -> None:
    async def requests(commit: GroupCommit) -> None:
        tasks = await wait_behind(inbox, commit, MAX_WAITING)
        with pytest.raises(DatabaseUnavailable, match="Too many"):
            await commit.record(delivery(MAX_WAITING + 1))
        inbox.gate.set()
        await asyncio.gather(*tasks)
        await commit.record(delivery(MAX_WAITING + 2))

    run(inbox, requests)
    assert inbox.status().deliveries == MAX_WAITING + 2


@pytest.mark.parametrize("failure", [None, DatabaseUnavailable("It is locked.")])
def test_a_request_that_gave_up_waiting_disturbs_nobody(
    inbox: GatedInbox, failure: Exception | None
) -> None:
    faults: list[dict[str, object]] = []

    async def requests(commit: GroupCommit) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        first, impatient, patient = await wait_behind(inbox, commit, 2)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        inbox.failures = [failure, failure] if failure else []
        inbox.gate.set()
        await asyncio.gather(first, patient, return_exceptions=True)
        await commit.record(delivery(3))

    run(inbox, requests)
    assert faults == []
    # What was abandoned is not kept: Meta sends it again.
    assert inbox.status().deliveries == (1 if failure else 3)


@pytest.mark.parametrize("waiting", [0, 3, MAX_GROUP - 1, MAX_GROUP])
def test_what_waits_at_the_end_is_still_recorded(inbox: GatedInbox, waiting: int) -> None:
    async def serve() -> None:
        with ExitStack() as stack:
            commit = stack.enter_context(GroupCommit(inbox, inbox.durability))
            tasks = await wait_behind(inbox, commit, waiting)
            ending = asyncio.create_task(asyncio.to_thread(stack.close))
            inbox.gate.set()
            await ending
        await asyncio.gather(*tasks)

    asyncio.run(serve())
    assert inbox.status().deliveries == waiting + 1


def test_an_end_without_any_delivery_is_fine(inbox: GatedInbox) -> None:
    with GroupCommit(inbox, inbox.durability):
        pass
    assert inbox.batches == []


def test_at_the_end_what_is_being_recorded_is_kept_and_what_was_abandoned_is_not(
    inbox: GatedInbox,
) -> None:
    with GroupCommit(inbox, inbox.durability) as commit:

        async def serve() -> None:
            await wait_behind(inbox, commit, 3)  # its end cancels them, as a server's stop does

        asyncio.run(serve())
        inbox.gate.set()
    assert inbox.status().deliveries == 1


def test_a_probe_returns_where_a_delivery_would_be_answered(inbox: GatedInbox) -> None:
    async def requests(commit: GroupCommit) -> None:
        await commit.probe()

    run(inbox, requests)
    assert inbox.batches == []
    assert inbox.status().deliveries == 0


def test_a_probe_waits_for_its_turn_and_shares_the_fate_of_its_group(inbox: GatedInbox) -> None:
    async def requests(commit: GroupCommit) -> None:
        first, last = await wait_behind(inbox, commit, 1)
        probe = asyncio.create_task(commit.probe())
        await asyncio.sleep(0)
        inbox.failures = [DatabaseUnavailable("It is locked."), DatabaseUnavailable("It is full.")]
        inbox.gate.set()
        answers = await asyncio.gather(first, last, probe, return_exceptions=True)
        assert [str(answer) for answer in answers] == [
            "It is locked.",
            "It is full.",
            "It is full.",
        ]

    run(inbox, requests)


def test_a_probe_of_a_database_that_takes_no_rows_tells_why(
    inbox: GatedInbox, tmp_path: Path
) -> None:
    async def requests(commit: GroupCommit) -> None:
        (tmp_path / "f.sqlite3").unlink()
        with pytest.raises(DatabaseUnavailable):
            await commit.probe()

    run(inbox, requests)


@pytest.mark.parametrize("asks", ["record", "probe"])
def test_what_waits_too_long_is_given_up(
    asks: str, inbox: GatedInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.listening.group_commit.COMMIT_SECONDS", 0.01)

    async def requests(commit: GroupCommit) -> None:
        await wait_behind(inbox, commit, 0)
        with pytest.raises(DatabaseUnavailable, match="longer than"):
            await (commit.probe() if asks == "probe" else commit.record(delivery(1)))

    run(inbox, requests)


def test_where_nothing_is_admitted_neither_a_delivery_nor_a_probe_is_taken(
    inbox: GatedInbox,
) -> None:
    def refuse() -> None:
        raise DatabaseUnavailable("Too much waits.")

    async def serve() -> None:
        with GroupCommit(inbox, inbox.durability, refuse) as commit:
            for attempt in (commit.record(delivery(1)), commit.probe()):
                with pytest.raises(DatabaseUnavailable, match="Too much waits"):
                    await attempt

    asyncio.run(serve())
    assert inbox.status().deliveries == 0


def test_damage_lets_nothing_be_committed_until_the_file_was_found_whole(
    inbox: GatedInbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.listening.group_commit.CHECK_SECONDS", 0.01)
    file = tmp_path / "f.sqlite3"

    async def requests(commit: GroupCommit) -> None:
        with file.open("r+b") as opened:
            header = opened.read(100)
            opened.seek(0)
            opened.write(bytes(100))
        for attempt in (commit.record(delivery(1)), commit.record(delivery(2)), commit.probe()):
            with pytest.raises(DatabaseUnavailable, match="not a database") as caught:
                await attempt
            assert caught.value.fault == "damaged"
        assert inbox.batches == [1]  # only the first was tried
        with file.open("r+b") as opened:
            opened.write(header)
        async with asyncio.timeout(DEADLINE):
            while not await is_committed(commit, delivery(3)):
                await asyncio.sleep(0.01)

    run(inbox, requests)
    assert inbox.status().deliveries == 1


async def is_committed(commit: GroupCommit, one: Delivery) -> bool:
    try:
        await commit.record(one)
    except DatabaseUnavailable:
        return False
    return True


def test_the_end_does_not_wait_for_a_large_file_to_be_read_through(
    inbox: GatedInbox, tmp_path: Path
) -> None:
    class Slow(Durability):
        """As for a file that takes forever: it is read until it is interrupted."""

        interrupted = threading.Event()
        reads = threading.Event()

        def reopen(self) -> None:
            self.reads.set()
            assert self.interrupted.wait(DEADLINE)
            raise DatabaseUnavailable("interrupted", fault="damaged")

        def interrupt(self) -> None:
            self.interrupted.set()

    async def serve() -> None:
        slow = Slow(inbox.database)
        with GroupCommit(inbox, slow) as commit:
            inbox.failures = [DatabaseUnavailable("disk I/O error", fault="damaged")]
            with pytest.raises(DatabaseUnavailable):
                await commit.record(delivery(1))
            assert await asyncio.to_thread(slow.reads.wait, DEADLINE)

    asyncio.run(serve())
