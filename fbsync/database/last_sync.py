"""When all pages were last read by a poll: webhooks alone miss some fields."""

from datetime import UTC, datetime

from sqlalchemy import delete, select

from fbsync.database.engine import Database
from fbsync.database.schema import last_sync


class LastSync:
    """One row. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, ended_at: datetime) -> None:
        """A sync of all pages ended, and every person's list could be read."""
        with self._database.write() as connection:
            connection.execute(delete(last_sync))
            connection.execute(last_sync.insert().values(ended_at=ended_at.timestamp()))

    def ended_at(self) -> datetime | None:
        """When it ended; None before the first."""
        # Two processes that end at the same time leave two rows on PostgreSQL, until the next one.
        query = select(last_sync.c.ended_at).order_by(last_sync.c.ended_at.desc()).limit(1)
        with self._database.read() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else datetime.fromtimestamp(found, UTC)
