"""Writes that share a commit, on a real SQLite file and on PostgreSQL."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, select

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.joined_writes import JoinedWrites
from fbsync.database.schema import store_address
from fbsync.errors import DatabaseUnavailable
from tests.servers import wait_until

DEADLINE = 20.0  # how long a test waits for another thread before it fails


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as opened:
        yield opened


def keep(address: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(store_address.insert().values(address=address))
        return address

    return work


def fail(_: Connection) -> None:
    raise KeyError("a fault of its own")


def kept(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(select(store_address.c.address)).scalars())


@contextmanager
def counting_commits(database: Database) -> Iterator[list[object]]:
    seen: list[object] = []
    note = seen.append
    event.listen(database._engine, "commit", note)
    yield seen
    event.remove(database._engine, "commit", note)


def together(
    writes: JoinedWrites,
    works: list[Callable[[Connection], object]],
    alone: Callable[[], object] | None = None,
) -> list[Future[object]]:
    """Run each work in a thread of its own, while another one holds the turn until all wait."""
    entered, go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        entered.set()
        assert go_on.wait(DEADLINE)

    with ThreadPoolExecutor(len(works) + 1) as pool:
        holder = pool.submit(writes.run, hold)
        assert entered.wait(DEADLINE)
        running = [pool.submit(writes.run, work, alone=alone) for work in works]
        wait_until(lambda: len(writes._waiting) == len(works), "the waiting of all")
        go_on.set()
        holder.result()
    return running


def test_a_write_is_committed_when_it_returns(database: Database) -> None:
    assert JoinedWrites(database).run(keep("here")) == "here"
    assert kept(database) == {"here"}


def test_those_that_wait_share_one_commit_and_each_gets_its_own_result(database: Database) -> None:
    names = [f"place {number}" for number in range(8)]
    with counting_commits(database) as commits:
        running = together(JoinedWrites(database), [keep(name) for name in names])
    assert [future.result() for future in running] == names
    assert kept(database) == set(names)
    assert len(commits) == 2


def test_a_write_has_a_shorter_way_where_no_other_waits(database: Database) -> None:
    writes = JoinedWrites(database)
    assert writes.run(keep("in company"), alone=lambda: "alone") == "alone"
    (waited,) = together(writes, [keep("one")], alone=lambda: "alone")
    assert waited.result() == "alone"
    running = together(writes, [keep("one"), keep("two")], alone=lambda: "alone")
    assert [future.result() for future in running] == ["one", "two"]
    assert kept(database) == {"one", "two"}


def test_a_fault_on_the_shorter_way_is_the_writes_own(database: Database) -> None:
    def break_off() -> str:
        raise KeyError("a fault of its own")

    writes = JoinedWrites(database)
    with pytest.raises(KeyError, match="a fault of its own"):
        writes.run(keep("one"), alone=break_off)
    assert writes.run(keep("two")) == "two"


def test_a_fault_of_one_is_its_own_and_the_others_are_committed_once(database: Database) -> None:
    running = together(JoinedWrites(database), [keep("one"), fail, keep("two")])
    one, failed, two = running
    assert (one.result(), two.result()) == ("one", "two")
    with pytest.raises(KeyError, match="a fault of its own"):
        failed.result()
    assert kept(database) == {"one", "two"}


def test_a_database_that_fails_fails_all_and_the_next_write_works(database: Database) -> None:
    writes = JoinedWrites(database)

    def give_up(_: Connection) -> None:
        raise DatabaseUnavailable("The disk is full.")

    for future in together(writes, [keep("one"), give_up]):
        with pytest.raises(DatabaseUnavailable, match="disk is full"):
            future.result()
    assert kept(database) == set()
    writes.run(keep("two"))
    assert kept(database) == {"two"}


def test_on_postgresql_nobody_waits_for_another_write(postgresql_database: Database) -> None:
    writes = JoinedWrites(postgresql_database)

    def in_the_middle(connection: Connection) -> int:
        keep("one")(connection)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(writes.run, keep("two")).result(DEADLINE)
        count = select(func.count()).select_from(store_address)
        return int(connection.execute(count).scalar_one())

    assert writes.run(in_the_middle) == 2


def test_an_interrupt_ends_its_own_thread_and_is_told_to_those_that_joined(
    database: Database,
) -> None:
    def interrupt(_: Connection) -> None:
        raise KeyboardInterrupt

    writes = JoinedWrites(database)
    outcomes = together(writes, [interrupt, keep("beside it")])
    told = sorted(type(outcome.exception(DEADLINE)).__name__ for outcome in outcomes)
    assert told == ["DatabaseUnavailable", "KeyboardInterrupt"]
    assert "beside it" not in kept(database)
    assert writes.run(keep("afterwards")) == "afterwards"
