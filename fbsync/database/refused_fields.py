"""Page fields that the Graph API refused, remembered for the version that refused them.

A retired field fails the whole read (Meta, "Platform versioning": security and privacy changes may
come at short notice), so it is left out from then on. A newer version may know it again.
"""

from collections.abc import Callable

from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.schema import refused_fields


class RefusedFields:
    """graph.page_fields.FieldMemory on the database; `report` is told once of each field."""

    def __init__(self, database: Database, version: str, report: Callable[[str], None]) -> None:
        self._database = database
        self._version = version
        self._report = report

    def names(self) -> frozenset[str]:
        """The fields to leave out. Raises DatabaseUnavailable."""
        known = select(refused_fields.c.name).where(refused_fields.c.version == self._version)
        with self._database.read() as connection:
            return frozenset(connection.execute(known).scalars())

    def add(self, name: str) -> None:
        """Leave this field out from now on. Raises DatabaseUnavailable."""
        if name in self.names():  # another process was quicker, and told of it
            return
        insert = self._database.insert(refused_fields).on_conflict_do_nothing()
        with self._database.write() as connection:
            connection.execute(insert, {"version": self._version, "name": name})
        self._report(
            f"Facebook {self._version} refuses the page field {name}, so it is left out; its last"
            " known value stays.\nTake it out of FACEBOOK_PAGE_FIELDS to end this."
        )
