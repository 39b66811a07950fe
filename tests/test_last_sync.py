"""When the last full poll ended; on both databases."""

from datetime import UTC, datetime, timedelta

from fbsync.database.engine import Database
from fbsync.database.last_sync import LastSync
from fbsync.database.store_address import StoreAddress

MOMENT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_before_the_first_sync_there_is_none(database: Database) -> None:
    assert LastSync(database).ended_at() is None


def test_the_newest_sync_counts(database: Database) -> None:
    syncs = LastSync(database)
    for hours in (0, 24):
        syncs.note(MOMENT + timedelta(hours=hours), "store")
    assert LastSync(database).ended_at() == MOMENT + timedelta(hours=24)


def test_a_sync_counts_for_the_store_that_it_wrote_to_alone(database: Database) -> None:
    syncs, address = LastSync(database), StoreAddress(database)
    address.move_to("old")
    syncs.note(MOMENT, "old")
    address.move_to("old")
    assert syncs.ended_at() == MOMENT
    address.move_to("new")
    assert syncs.ended_at() is None
    syncs.note(MOMENT, "old")  # it went on meanwhile
    assert syncs.ended_at() is None
    syncs.note(MOMENT, "new")
    assert syncs.ended_at() == MOMENT
