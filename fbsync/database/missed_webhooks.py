"""Changes that a poll found first, though a webhook should have told them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from fbsync.database.engine import Database
from fbsync.database.schema import missed_webhooks
from fbsync.page import PageId


@dataclass(frozen=True)
class MissedWebhooks:
    """How many, and the newest one; `last_page` and `last_at` are None where there is none."""

    count: int
    last_page: PageId | None = None
    last_at: datetime | None = None


class MissedWebhookLog:
    """One row for each version of a page. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, page: PageId, number: int, fields: Sequence[str]) -> None:
        """A version of a page, and the fields of its changes that have a webhook."""
        row = {
            "page_id": page,
            "number": number,
            "fields": ",".join(fields),
            "found_at": datetime.now(UTC).timestamp(),
        }
        with self._database.write() as connection:
            insert = self._database.insert(missed_webhooks).values(row)
            connection.execute(insert.on_conflict_do_nothing())

    def summary(self) -> MissedWebhooks:
        """All of them."""
        newest = (
            select(missed_webhooks.c.page_id, missed_webhooks.c.found_at)
            .order_by(missed_webhooks.c.found_at.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            count = connection.execute(
                select(func.count()).select_from(missed_webhooks)
            ).scalar_one()
            found = connection.execute(newest).one_or_none()
        if found is None:
            return MissedWebhooks(0)
        at = datetime.fromtimestamp(found.found_at, UTC)
        return MissedWebhooks(count, PageId(found.page_id), at)
