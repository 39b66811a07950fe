"""The file of an SQLite database: made private, opened only as the file that it was at the start.

SQLite itself would make a new, empty file in the place of one that was removed, and go on writing
to a removed one that it has open. Neither would be found again after a restart.
"""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fbsync.errors import DatabaseUnavailable

_Identity = tuple[int, int] | None  # st_dev and st_ino; None: there is no such file


def loses_commits_in_wal(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite can lose committed transactions in WAL mode at a checkpoint.

    SQLite release notes: present since 3.7.0; mended in 3.51.3, 3.50.7 and 3.44.6.
    """
    mended = version >= (3, 51, 3)
    mended |= (3, 50, 7) <= version < (3, 51, 0)
    mended |= (3, 44, 6) <= version < (3, 45, 0)
    return not mended


class SqliteFile:
    """One file, and in WAL mode the two that belong to it. Methods raise DatabaseUnavailable.

    A connection of its own stays open to the end: so no other file gets this one's inode number,
    and in WAL mode the files beside it stay the same ones.
    """

    def __init__(self, path: Path, lock_wait_seconds: float, makes_file: bool = True) -> None:
        self._lock_wait = lock_wait_seconds
        self.path = path.absolute()
        self.is_new = makes_file and _create_private_file(self.path)
        if not makes_file and _identity(self.path) is None:
            raise DatabaseUnavailable(
                f"There is no database at {self.path}.\n"
                "Is this the right user, folder and app id? fbsync login or listen makes one.",
                fault="gone",
            )
        self._known: dict[Path, _Identity] = {}
        self._holder: sqlite3.Connection | None = None
        self._examining: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def use_wal(self) -> None:
        """Write ahead from now on. Only for a file that nobody else has open."""
        with closing(self._connect_plainly()) as connection:
            connection.execute("pragma journal_mode=wal")

    def hold(self) -> None:
        """Hold the file, anew where it is held already, and know its WAL from now on."""
        holder = self._connect_plainly()
        try:
            mode = holder.execute("pragma journal_mode").fetchone()[0]
            # The first read makes the files of WAL mode; the last to close takes them away.
            holder.execute("select count(*) from sqlite_master").fetchone()
        except sqlite3.Error:
            holder.close()
            raise
        self.close()
        self._holder = holder
        # Only now: a layered file system may move a file when it is first opened to be written.
        for suffix in ("", "-wal", "-shm") if mode == "wal" else ("",):
            path = Path(f"{self.path}{suffix}")
            self._known.setdefault(path, _identity(path))

    def close(self) -> None:
        """Let go of the file."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    def connect(self, **options: Any) -> sqlite3.Connection:
        """A new connection to this very file; none is ever made in its place."""
        self.check()
        uri = f"file:{quote(str(self.path))}?mode=rw"
        connection: sqlite3.Connection = sqlite3.connect(uri, uri=True, **options)
        try:
            self.check()
        except DatabaseUnavailable:
            connection.close()
            raise
        return connection

    def check(self) -> None:
        """That the path still leads to the file that was there at the start."""
        for path, known in tuple(self._known.items()):
            now = _identity(path)
            if now is None:
                raise DatabaseUnavailable(
                    "The database file was removed under the running program.\n"
                    f"Put back that very file before any restart, which would begin without it:"
                    f" {path}",
                    fault="removed",
                )
            if now != known:
                raise DatabaseUnavailable(
                    "The database file was replaced under the running program.\n"
                    f"Put the old {path} back: it holds what was answered.\n"
                    "Restart fbsync only if the replacement was meant.",
                    fault="replaced",
                )

    def examine(self) -> None:
        """Read the whole file for damage (SQLite, "PRAGMA quick_check"), until `interrupt`.

        It takes about as long as reading the file does; writers wait meanwhile.
        """
        connection = self._connect_plainly()
        try:
            with self._lock:
                self._examining = connection
            (found,) = connection.execute("pragma quick_check(1)").fetchone()
        finally:
            with self._lock:
                self._examining = None
            connection.close()
        if found != "ok":
            raise DatabaseUnavailable(
                f"The database file is damaged: {found}.\n"
                "Restore it from a copy; fbsync events export reads what is readable.",
                fault="damaged",
            )

    def interrupt(self) -> None:
        """End `examine`, if it runs, from another thread."""
        with self._lock:
            if self._examining is not None:
                self._examining.interrupt()

    def _connect_plainly(self) -> sqlite3.Connection:
        return self.connect(check_same_thread=False, timeout=self._lock_wait)


def _identity(path: Path) -> _Identity:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatabaseUnavailable(
            f"The database file cannot be reached: {error.strerror}.\n"
            f"Check the rights of {path.parent} and its disk.",
            fault="gone",
        ) from None
    return found.st_dev, found.st_ino


def _create_private_file(path: Path) -> bool:
    """Make the file readable by its owner only, from its first byte. False if it is there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_file():
            return False
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        if path.is_file():
            return False  # another process was first
        raise DatabaseUnavailable(
            f"The database file {path} cannot be made: {error.strerror}.\n"
            "Free or open the folder, or set FBSYNC_DATABASE_URL.",
            fault="gone",
        ) from None
    return True
