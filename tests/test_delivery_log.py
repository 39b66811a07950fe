"""The kept deliveries as the operator finds them; on both databases."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from fbsync.database import delivery_log
from fbsync.database.delivery_log import DeliveryLog, Wanted
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import deliveries, pages
from fbsync.errors import FbsyncError
from tests.kept import ONE, THREE, TWO, Kept


@pytest.fixture
def kept(database: Database) -> Kept:
    return Kept(database)


@pytest.fixture
def log(database: Database) -> DeliveryLog:
    return DeliveryLog(database)


def ids(log: DeliveryLog, wanted: Wanted) -> list[str]:
    return [found.id for found in log.find(wanted)]


def test_the_newest_come_first_with_all_that_is_kept_of_them(kept: Kept, log: DeliveryLog) -> None:
    first = kept.hear(ONE)
    kept.seconds += 60
    second = kept.hear(TWO, THREE)
    kept.inbox.record([second])
    newest, oldest = log.find(Wanted())
    assert (oldest.id, newest.id) == (first.id, second.id)
    assert (newest.digest, newest.page_ids, newest.copies) == (second.digest, (TWO, THREE), 2)
    assert (newest.received_at, newest.fault) == (kept.moment(), None)
    assert log.body(newest.number) == second.body


def test_dead_letters_are_counted_all_or_since_a_moment(kept: Kept, log: DeliveryLog) -> None:
    kept.hear(text="old")
    kept.hear(ONE)
    kept.seconds += 60
    kept.hear(text="new")
    assert (log.count_dead(), log.count_dead(since=kept.moment())) == (2, 1)


def test_conditions_hold_together(kept: Kept, log: DeliveryLog) -> None:
    first = kept.hear(ONE, text="first")
    kept.seconds += 60
    at = kept.moment()
    second = kept.hear(ONE, text="second")
    other = kept.hear(TWO)
    assert ids(log, Wanted(page=ONE)) == [second.id, first.id]
    assert ids(log, Wanted(page=ONE, since=at)) == [second.id]
    assert ids(log, Wanted(page=ONE, until=at)) == [first.id]
    assert ids(log, Wanted(since=at)) == [other.id, second.id]
    assert ids(log, Wanted(page=THREE)) == []
    kept.read(ONE)
    assert ids(log, Wanted(page=ONE, state="waiting")) == []


def test_every_step_goes_on_where_the_last_one_ended(
    kept: Kept, log: DeliveryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_log, "STEP", 3)
    heard = [kept.hear(ONE, text=str(number)).id for number in range(10)]
    with kept.database.write() as connection:  # as pruning leaves it
        connection.execute(deliveries.delete().where(deliveries.c.digest.startswith(heard[4])))
    assert ids(log, Wanted()) == heard[:4:-1] + heard[3::-1]


def test_one_that_comes_during_the_walk_is_left_out(
    kept: Kept, log: DeliveryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_log, "STEP", 1)
    heard = [kept.hear(ONE, text=str(number)).id for number in range(3)]
    found = []
    for one in log.find(Wanted()):
        found.append(one.id)
        kept.hear(ONE, text=f"during {len(found)}")
    assert found == heard[::-1]


def test_since_finds_those_whose_machine_had_another_clock(
    kept: Kept, log: DeliveryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_log, "STEP", 1)
    kept.hear(ONE, text="last week")
    kept.seconds += 7 * 86400
    at = kept.moment()
    now = kept.hear(ONE, text="now")
    kept.seconds -= 1800
    kept.hear(ONE, text="slow clock")
    assert ids(log, Wanted(since=at)) == [now.id]


def test_since_ends_the_walk_at_what_is_older(
    kept: Kept, log: DeliveryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_log, "STEP", 1)
    # Out of order by more than clocks differ, so it lies behind the end of the walk.
    kept.seconds += 7 * 86400
    behind = kept.hear(ONE, text="behind")
    kept.seconds -= 7 * 86400
    kept.hear(ONE, text="last week")
    kept.seconds += 7 * 86400
    now = kept.hear(ONE, text="now")
    assert ids(log, Wanted(since=kept.moment())) == [now.id]
    assert ids(log, Wanted())[-1] == behind.id


def test_a_delivery_is_found_by_the_beginning_of_its_id(kept: Kept, log: DeliveryLog) -> None:
    heard = kept.hear(ONE)
    for length in (6, 16, 64):
        assert log.one(heard.digest[:length]).digest == heard.digest
    with pytest.raises(FbsyncError, match="No event ffffff is kept"):
        log.one("ffffff" if heard.digest[:6] != "ffffff" else "eeeeee")


def test_a_beginning_that_several_share_names_them(kept: Kept, log: DeliveryLog) -> None:
    for number in range(7):
        with kept.database.write() as connection:
            row = deliveries.insert().values(
                digest=f"abcdef{number}".ljust(64, "0"), body=b"", page_ids="[]", received_at=0.0
            )
            connection.execute(row)
    with pytest.raises(FbsyncError, match=r"begin with abcdef: abcdef0000000000, .* and more"):
        log.one("abcdef")
    assert log.one("abcdef3").digest.startswith("abcdef3")


def test_where_each_page_stands_is_told(kept: Kept, log: DeliveryLog) -> None:
    kept.hear(ONE, TWO, THREE)
    kept.read(ONE)
    kept.park(TWO, "No token.")
    (found,) = log.find(Wanted())
    one, two, three = log.stands(found.number)
    assert (one.page_id, one.is_done) == (ONE, True)
    assert (two.is_done, two.parked, two.reason) == (False, True, "No token.")
    assert (three.is_done, three.parked, three.mark, three.done) == (False, False, 1, 0)


def test_what_is_gone_by_now_has_no_body(log: DeliveryLog) -> None:
    assert log.body(7) is None


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """100,000 deliveries of one page, most of them handled."""
    database = Database(sqlite_url(tmp_path_factory.mktemp("full") / "f.sqlite3"))
    kept = Kept(database)
    for number in range(100):
        template = kept.hear(ONE, text=str(number))
        rows = [
            {
                "digest": f"{number:04x}{row:060x}",
                "body": template.body,
                "page_ids": '["1"]',
                "received_at": kept.seconds,
            }
            for row in range(999)
        ]
        with database.write() as connection:
            connection.execute(deliveries.insert(), rows)
    kept.read(ONE)
    yield database
    database.close()


def test_a_hundred_thousand_are_walked_in_flat_memory(full: Database) -> None:
    log = DeliveryLog(full)
    next(log.find(Wanted()))  # what is loaded and compiled once does not count
    tracemalloc.start()
    try:
        found = sum(1 for _ in log.find(Wanted()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == 100_000
    assert peak < 16 * 1024 * 1024


def test_among_a_hundred_thousand_the_few_that_wait_are_found(full: Database) -> None:
    kept = Kept(full)
    waiting = kept.hear(ONE, text="waits")
    try:
        assert ids(DeliveryLog(full), Wanted(state="waiting")) == [waiting.id]
    finally:
        kept.read(ONE)


def test_the_walk_takes_no_lock_that_holds_up_a_commit(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    kept = Kept(database)
    kept.hear(ONE)
    walk = DeliveryLog(database).find(Wanted())
    next(walk)
    kept.hear(TWO)
    with database.read() as connection:
        assert len(connection.execute(select(pages.c.page_id)).all()) == 2
    database.close()
