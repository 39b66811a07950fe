"""Whether a commit is possible now: the proof by doing it."""

import time
from collections.abc import Callable

from sqlalchemy import delete

from fbsync.database.engine import Database
from fbsync.database.schema import commit_probe


class Durability:
    """Asks the database for durable commits. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def probe(self) -> None:
        """Commit a small row durably. It is gone again within the same transaction.

        So processes that probe at once do not wait for each other's rows.
        """
        with self._database.write() as connection:
            row = commit_probe.insert().values(probed_at=self._now()).returning(commit_probe.c.id)
            number = connection.execute(row).scalar_one()
            connection.execute(delete(commit_probe).where(commit_probe.c.id == number))
