"""When the last full poll ended; on both databases."""

from datetime import UTC, datetime, timedelta

from fbsync.database.engine import Database
from fbsync.database.last_sync import LastSync

MOMENT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_before_the_first_sync_there_is_none(database: Database) -> None:
    assert LastSync(database).ended_at() is None


def test_the_newest_sync_counts(database: Database) -> None:
    syncs = LastSync(database)
    for hours in (0, 24):
        syncs.note(MOMENT + timedelta(hours=hours))
    assert LastSync(database).ended_at() == MOMENT + timedelta(hours=24)
