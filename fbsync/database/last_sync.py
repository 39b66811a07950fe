"""When all pages were last read by a poll: webhooks alone miss some fields.

A change of the store forgets it, see StoreAddress.
"""

from datetime import UTC, datetime

from sqlalchemy import delete, select

from fbsync.database.engine import Database
from fbsync.database.schema import last_sync
from fbsync.database.store_address import is_store


class LastSync:
    """One row. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, ended_at: datetime, store: str) -> None:
        """A sync of all pages into this store ended, and every person's list could be read.

        It does not count where the store was changed meanwhile.
        """
        with self._database.write() as connection:
            if not is_store(connection, store):
                return
            connection.execute(delete(last_sync))
            connection.execute(last_sync.insert().values(ended_at=ended_at.timestamp()))

    def ended_at(self) -> datetime | None:
        """When it ended; None before the first into this store."""
        # Two processes that end at the same time leave two rows on PostgreSQL, until the next one.
        query = select(last_sync.c.ended_at).order_by(last_sync.c.ended_at.desc()).limit(1)
        with self._database.read() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else datetime.fromtimestamp(found, UTC)
