"""Where the objects went last time: another place holds none of the pages yet."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, case, delete, null, select, true, update

from fbsync.database.engine import Database
from fbsync.database.marks import lock_pages
from fbsync.database.schema import (
    former_stores,
    last_sync,
    moving_versions,
    pages,
    store_address,
    stored_versions,
)

_ADDRESS = select(store_address.c.address)
# A worker that still writes to the old place will say that it stored the page.
_IS_READ, _AGAIN = pages.c.lease.is_not(None), pages.c.marks + 1
_IS_NOT_STORED = {
    "stored_digest": null(),
    "marks": case((_IS_READ, _AGAIN), else_=pages.c.marks),
    "suspect": case((_IS_READ, _AGAIN), else_=pages.c.suspect),
}
_WAS_STORED = {"elsewhere": pages.c.stored_number, "moves": True}


@dataclass(frozen=True)
class Move:
    """The objects went to `before`. `left_at` is when the new place was left, had it been one."""

    before: str
    left_at: datetime | None = None


class StoreAddress:
    """The store's identity, remembered beside what is known to be stored there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> str | None:
        """Where they went last time; None before the first. Raises DatabaseUnavailable."""
        with self._database.read() as connection:
            return connection.execute(_ADDRESS).scalar_one_or_none()

    def move_to(
        self, address: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> Move | None:
        """Objects go here from now on. The move, if they went elsewhere before.

        A bucket that is known without its server gets this one's, and that is no move.
        Then no page counts as stored any more: its next read writes it. What is known of the
        versions is kept, see MovingPages; the last sync is not. Raises DatabaseUnavailable.
        """
        if self.known() == address:
            return None
        with self._database.write() as connection:
            if not self._database.is_sqlite:  # which has one writer at a time anyway
                lock = "lock table store_address in share row exclusive mode"
                connection.exec_driver_sql(lock)
            before = connection.execute(_ADDRESS).scalar_one_or_none()
            if before == address:  # another process was first
                return None
            connection.execute(delete(store_address))  # after all claims under way
            connection.execute(store_address.insert().values(address=address))
            if before is None or is_same_store(before, address):
                return None
            left_at = _remember(connection, before, address, now().timestamp())
            lock_pages(connection, true())
            connection.execute(update(pages).values(_IS_NOT_STORED))
            connection.execute(update(pages).where(pages.c.stored_number > 0).values(_WAS_STORED))
            _keep_versions(connection)
            connection.execute(delete(last_sync))
        return Move(before, None if left_at is None else datetime.fromtimestamp(left_at, UTC))


def is_same_store(known: str, store: str) -> bool:
    """Whether what a database knows is this store, as ObjectStore.identity gives it.

    Up to 0.4.0, databases knew a bucket without its server: it is taken to be the one at hand.
    """
    address, is_bucket = store.rpartition(" at ")[0], store.startswith("s3://")
    return known == store or (is_bucket and known == address)


def is_store(connection: Connection, address: str) -> bool:
    """Whether the objects go there, and will until the caller's transaction ends.

    They may go anywhere where no address is known yet. On PostgreSQL, a move waits for the
    transaction; one that is under way is not waited for, as the caller may hold what it needs.
    """
    held = _ADDRESS.with_for_update(read=True, skip_locked=True)
    known = connection.execute(held).scalar_one_or_none()
    if known is None:  # or it is being changed
        return connection.execute(_ADDRESS).scalar_one_or_none() is None
    return bool(known == address)


def _remember(connection: Connection, before: str, address: str, now: float) -> float | None:
    """When the new place was left last; None where it never was the store."""
    former = former_stores.c
    left_at = connection.execute(select(former.left_at).where(former.address == address))
    connection.execute(delete(former_stores).where(former.address == before))
    connection.execute(former_stores.insert().values(address=before, left_at=now))
    return left_at.scalar_one_or_none()


def _keep_versions(connection: Connection) -> None:
    """All of them are to be brought over; those that an earlier move left over still are, too."""
    newer = select(stored_versions.c.number).where(
        stored_versions.c.page_id == moving_versions.c.page_id,
        stored_versions.c.number == moving_versions.c.number,
    )
    connection.execute(delete(moving_versions).where(newer.exists()))
    columns = ["page_id", "number", "etag", "document"]
    connection.execute(moving_versions.insert().from_select(columns, select(stored_versions)))
    connection.execute(delete(stored_versions))
