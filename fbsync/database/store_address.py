"""Where the objects went last time: another place holds none of the pages yet."""

from sqlalchemy import case, delete, null, select, true, update

from fbsync.database.engine import Database
from fbsync.database.marks import lock_pages
from fbsync.database.schema import pages, store_address, stored_versions

# A worker that still writes to the old place will say that it stored the page.
_IS_READ, _AGAIN = pages.c.lease.is_not(None), pages.c.marks + 1
_IS_NOT_STORED = {
    "stored_digest": null(),
    "marks": case((_IS_READ, _AGAIN), else_=pages.c.marks),
    "suspect": case((_IS_READ, _AGAIN), else_=pages.c.suspect),
}


class StoreAddress:
    """The store's address, remembered beside what is known to be stored there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> str | None:
        """Where they went last time; None before the first. Raises DatabaseUnavailable."""
        with self._database.read() as connection:
            return connection.execute(select(store_address.c.address)).scalar_one_or_none()

    def move_to(self, address: str) -> str | None:
        """Objects go here from now on. Where they went before, if that was elsewhere.

        Then no page counts as stored any more: its next read writes it. Raises DatabaseUnavailable.
        """
        before = self.known()
        if before == address:
            return None
        with self._database.write() as connection:
            connection.execute(delete(store_address))
            connection.execute(store_address.insert().values(address=address))
            if before is not None:
                lock_pages(connection, true())
                connection.execute(update(pages).values(_IS_NOT_STORED))
                connection.execute(delete(stored_versions))
        return before
