"""What is done with goes after its time, and nothing else; on both databases."""

import inspect
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from fbsync.database import retention
from fbsync.database.delivery_log import DeliveryLog, Wanted
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.retention import Retention
from fbsync.database.schema import deliveries, delivery_pages
from tests.kept import ONE, THREE, TWO, Kept
from tests.servers import wait_until

KEEP = timedelta(days=30)


@pytest.fixture
def kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0)
    return Kept(database)


def pruning(kept: Kept, keep: timedelta = KEEP) -> Retention:
    return Retention(kept.database, keep, pytest.fail, now=kept.now)


def left(kept: Kept) -> set[str]:
    return {found.id for found in DeliveryLog(kept.database).find(Wanted())}


def links(kept: Kept) -> int:
    with kept.database.read() as connection:
        return len(connection.execute(select(delivery_pages)).all())


def test_what_waits_stays_and_all_else_goes_after_its_time(kept: Kept) -> None:
    kept.hear(ONE, text="handled")
    kept.read(ONE)
    kept.hear()
    kept.hear(TWO, text="failed")
    kept.park(TWO)
    waiting = kept.hear(ONE, THREE, text="waits for one page")
    kept.read(ONE)
    kept.seconds += KEEP.total_seconds() + 1
    young = kept.hear(ONE, text="young")
    kept.read(ONE)
    assert pruning(kept).prune() == 3
    assert left(kept) == {waiting.id, young.id}
    assert links(kept) == 3


def test_it_goes_when_its_time_is_over_and_not_before(kept: Kept) -> None:
    kept.hear(ONE)
    kept.read(ONE)
    kept.seconds += KEEP.total_seconds()
    assert pruning(kept).prune() == 0
    kept.seconds += 1
    assert pruning(kept).prune() == 1


def test_pruning_changes_no_page(kept: Kept) -> None:
    kept.hear(ONE)
    kept.read(ONE)
    before = kept.inbox.pages()
    kept.seconds += KEEP.total_seconds() + 1
    pruning(kept).prune()
    assert kept.inbox.pages() == before
    assert kept.inbox.claim(50) == []


def test_a_page_whose_failed_event_was_pruned_is_still_read_once_it_may_be(kept: Kept) -> None:
    kept.hear(TWO)
    kept.park(TWO)
    kept.seconds += KEEP.total_seconds() + 1
    assert pruning(kept).prune() == 1
    kept.inbox.unpark([TWO])
    assert [claim.page_id for claim in kept.inbox.claim(50)] == [TWO]


def test_a_copy_of_what_was_pruned_is_recorded_and_costs_one_read(kept: Kept) -> None:
    heard = kept.hear(ONE)
    kept.read(ONE)
    kept.seconds += KEEP.total_seconds() + 1
    pruning(kept).prune()
    kept.inbox.record([heard])
    assert left(kept) == {heard.id}
    assert [one.state for one in DeliveryLog(kept.database).find(Wanted())] == ["waiting"]
    kept.read(ONE)
    assert kept.inbox.claim(50) == []


def test_all_is_pruned_in_steps_past_what_must_stay(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 3)
    stays = [kept.hear(TWO, text=f"waits {number}") for number in range(4)]
    for number in range(10):
        kept.hear(ONE, text=str(number))
    kept.read(ONE)
    kept.seconds += KEEP.total_seconds() + 1
    assert pruning(kept).prune() == 10
    assert left(kept) == {one.id for one in stays}
    assert pruning(kept).prune() == 0


def test_large_bodies_are_few_in_a_step(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_BYTES", 250)
    for number in range(5):
        kept.hear(ONE, text=f"{number}".ljust(100, "x"))
    kept.hear(ONE, text="one alone over the limit".ljust(300, "x"))
    kept.read(ONE)
    kept.seconds += KEEP.total_seconds() + 1
    writes = []
    write = kept.database.write

    def counted() -> object:
        writes.append(1)
        return write()

    monkeypatch.setattr(kept.database, "write", counted)
    assert pruning(kept).prune() == 6
    assert len(writes) == 6


def test_two_processes_may_prune_at_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 10)
    for number in range(100):
        kept.hear(ONE, text=str(number))
    kept.read(ONE)
    kept.seconds += KEEP.total_seconds() + 1
    pruned: list[int] = []
    threads = [
        threading.Thread(target=lambda: pruned.append(pruning(kept).prune())) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(pruned) <= 100  # on PostgreSQL, one skips what the other has locked
    pruning(kept).prune()
    assert (left(kept), links(kept)) == (set(), 0)


def test_a_copy_that_comes_while_it_is_looked_at_keeps_its_delivery(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = kept.hear(ONE)
    kept.read(ONE)
    kept.seconds += KEEP.total_seconds() + 1
    write = kept.database.write

    def write_after_the_copy() -> object:
        monkeypatch.setattr(kept.database, "write", write)
        kept.inbox.record([heard])
        return write()

    monkeypatch.setattr(kept.database, "write", write_after_the_copy)
    assert pruning(kept).prune() == 0
    assert left(kept) == {heard.id}


def test_it_prunes_at_once_and_again_as_long_as_the_block_lasts(kept: Kept) -> None:
    def hear_and_read(text: str) -> None:
        kept.hear(ONE, text=text)
        kept.read(ONE)

    hear_and_read("first")
    kept.seconds += KEEP.total_seconds() + 1
    with Retention(kept.database, KEEP, pytest.fail, seconds=0.001, now=kept.now):
        wait_until(lambda: not left(kept), "the first pruning")
        hear_and_read("second")
        kept.seconds += KEEP.total_seconds() + 1
        wait_until(lambda: not left(kept), "the second pruning")
    assert [one for one in threading.enumerate() if one.name == "fbsync-retention"] == []


def test_an_hour_lies_between_two_passes() -> None:
    default = inspect.signature(Retention).parameters["seconds"].default
    assert timedelta(seconds=default) == timedelta(hours=1)


def test_a_database_that_does_not_answer_is_told_and_asked_again(tmp_path: Path) -> None:
    heard: list[str] = []
    again = threading.Event()

    def warn(text: str) -> None:
        heard.append(text)
        if len(heard) == 2:
            again.set()

    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
        with database.write() as connection:
            deliveries.drop(connection)
        with Retention(database, KEEP, warn, seconds=0.001):
            assert again.wait(60)
    assert "could not all be pruned" in heard[0]
