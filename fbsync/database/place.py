"""Where the database is: an SQLite file in the data folder of the app, or where the URL says."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url

from fbsync.data_folder import data_folder
from fbsync.database.engine import Database, sqlite_file, sqlite_url


def database_url(app_id: str, url: str | None) -> str:
    """The URL of the settings, or that of the default file."""
    return url or sqlite_url(data_folder(app_id) / "fbsync.sqlite3")


def told_address(url: str) -> str:
    """The address for people: the file's path, or the server's URL without secrets."""
    file = sqlite_file(url)
    # A query may hold a password too.
    return str(file) if file else make_url(url).set(query={}).render_as_string(hide_password=True)


@contextmanager
def open_database(url: str, *, makes_file: bool = False) -> Iterator[Database]:
    """The database, closed at the end of the block. Raises SettingsError, DatabaseUnavailable.

    Only who begins something new makes a missing SQLite file: an empty one answers no question.
    """
    opened = Database(url, makes_file=makes_file)
    try:
        yield opened
    finally:
        opened.close()
