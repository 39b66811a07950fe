"""Whether a commit is possible now, and whether the database is whole: asked by doing it."""

import time
from collections.abc import Callable

from sqlalchemy import delete, select

from fbsync.database.engine import Database
from fbsync.database.faults import translated
from fbsync.database.schema import SCHEMA_NUMBER, commit_probe, schema
from fbsync.errors import DatabaseUnavailable


class Durability:
    """Asks the database for durable commits. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def probe(self) -> None:
        """Commit a small row durably. It is gone again within the same transaction.

        So processes that probe at once do not wait for each other's rows.
        """
        with self._database.write(is_urgent=True) as connection:
            connection.execute(commit_probe.insert().values(probed_at=self._now()))
            connection.execute(delete(commit_probe))  # others' are not seen: they never stay

    def reopen(self) -> None:
        """After an I/O error or damage: all connections anew, the file read through, a commit.

        On SQLite it takes as long as reading the file does, unless `interrupt` ends it; PostgreSQL
        looks after its own files.
        """
        self._database.reopen()
        if self._database.file:
            with translated():
                self._database.file.examine()
        with self._database.read() as connection:
            found = connection.execute(select(schema.c.number)).scalar_one_or_none()
        if found != SCHEMA_NUMBER:
            raise DatabaseUnavailable(
                f"The database has schema {found} now, not {SCHEMA_NUMBER}.\nRestart fbsync.",
                fault="damaged",
            )
        self.probe()

    def interrupt(self) -> None:
        """End a `reopen` that reads a large file, from another thread."""
        if self._database.file:
            self._database.file.interrupt()
