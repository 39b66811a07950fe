"""How much room the database takes, and how much is left for it."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from fbsync.database.engine import Database
from fbsync.database.schema import metadata

_TABLES = text(
    "select coalesce(sum(pg_total_relation_size(oid)), 0) from pg_class"
    " where relkind = 'r' and relname = any(:names) and pg_table_is_visible(oid)"
)


@dataclass(frozen=True)
class DatabaseSize:
    """Bytes in use, and bytes that are free on the database's disk; None where that is remote.

    In an SQLite file, pages that were freed and are used again do not count, as the file never
    shrinks. PostgreSQL tells the size of our tables' files, in which freed room does count.
    """

    used_bytes: int
    free_bytes: int | None


def measure(database: Database) -> DatabaseSize:
    """The size now. Raises DatabaseUnavailable."""
    if database.file is None:
        names = [table.name for table in metadata.sorted_tables]
        with database.read() as connection:
            used = connection.execute(_TABLES, {"names": names})
            return DatabaseSize(int(used.scalar_one()), None)
    with database.read() as connection:
        pages, unused, size = (
            int(connection.exec_driver_sql(f"pragma {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
    used_bytes = (pages - unused) * size
    with suppress(OSError):  # it is there in WAL mode only
        used_bytes += os.stat(f"{database.file.path}-wal").st_size
    return DatabaseSize(used_bytes, _free_bytes(database.file.path.parent))


def _free_bytes(folder: Path) -> int | None:
    """As an ordinary user sees it. None where the folder does not tell."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize
