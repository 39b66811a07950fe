"""The watch over what waits: what it keeps, and what happens while the database is away."""

import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from fbsync.backlog import LONGEST_REST_SECONDS, LOOK_SECONDS, REST_FACTOR, BacklogWatch
from fbsync.database.delivery_log import DeliveryLog
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.last_sync import LastSync
from fbsync.database.size import DatabaseSize, measure
from fbsync.errors import DatabaseUnavailable
from fbsync.page import PageId
from fbsync.ports import InboxStatus
from fbsync.webhook import Delivery, VerifiedBody
from tests.servers import wait_until

STATUS = InboxStatus(0, 0, 0, 0, 0, 0, 0, None)
SIZE = DatabaseSize(1, None)
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_it_looks_at_once_and_again_and_again(database: Database) -> None:
    inbox = DatabaseInbox(database)
    inbox.mark([PageId("1")], "webhook")
    sync = LastSync(database)
    sync.note(AT, "store")
    size, dead = partial(measure, database), DeliveryLog(database).count_dead
    letter = Delivery("d" * 64, VerifiedBody(b"{}"), (), AT, fault="It names no page.")
    inbox.record([letter])
    with BacklogWatch(inbox.status, size, pytest.fail, 0.001, sync.ended_at, dead) as watch:
        wait_until(lambda: watch.newest is not None, "the first look")
        assert watch.newest
        assert watch.newest.last_sync_at == AT
        assert watch.newest.dead == 1
        assert watch.newest.status.events == 1
        assert watch.newest.database_bytes == measure(database).used_bytes
        assert (watch.newest.free_bytes is None) is not database.is_sqlite
        inbox.mark([PageId("2")], "webhook")
        wait_until(lambda: watch.newest.status.events == 2, "the next look")  # type: ignore[union-attr]  # it was there above
    assert [thread for thread in threading.enumerate() if thread.name == "fbsync-backlog"] == []


def test_it_keeps_what_it_saw_while_the_database_is_away_and_goes_on_afterwards(
    tmp_path: Path,
) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    inbox = DatabaseInbox(database)
    failures: list[int] = []
    away, back = threading.Event(), threading.Event()

    def status() -> InboxStatus:
        if away.is_set() and not back.is_set():
            failures.append(1)
            raise DatabaseUnavailable("It is gone.")
        return inbox.status()

    with BacklogWatch(status, lambda: measure(database), pytest.fail, 0.001) as watch:
        wait_until(lambda: watch.newest is not None, "the first look")
        away.set()
        wait_until(lambda: len(failures) > 1, "two failures")
        kept = watch.newest
        wait_until(lambda: len(failures) > 3, "two more")
        assert watch.newest is kept is not None
        back.set()
        wait_until(lambda: watch.newest is not kept, "a new look")
    database.close()


@pytest.mark.parametrize(
    ("took", "rest"),
    [(0.001, LOOK_SECONDS), (0.4, REST_FACTOR * 0.4), (2.0, LONGEST_REST_SECONDS)],
)
def test_a_long_look_is_followed_by_a_longer_rest_within_bounds(
    monkeypatch: pytest.MonkeyPatch, took: float, rest: float
) -> None:
    clock = iter([0.0, took])
    monkeypatch.setattr("fbsync.backlog.time.monotonic", lambda: next(clock))
    assert BacklogWatch(lambda: STATUS, lambda: SIZE, pytest.fail).work() == rest


def test_a_look_that_failed_is_followed_by_the_usual_rest_however_long_it_waited() -> None:
    def status() -> InboxStatus:
        raise DatabaseUnavailable("It is locked.")

    assert BacklogWatch(status, lambda: SIZE, pytest.fail).work() is None
