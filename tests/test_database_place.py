"""Where the database is, and how that is told."""

from pathlib import Path

import pytest

from fbsync.data_folder import data_folder
from fbsync.database.place import database_url, open_database, told_address
from fbsync.errors import DatabaseUnavailable


def test_each_app_has_a_file_of_its_own_under_the_users_data() -> None:
    file = Path.home() / "fbsync" / "123" / "fbsync.sqlite3"
    assert data_folder("123") == file.parent
    assert database_url("123", None) == f"sqlite:///{file}"
    assert told_address(database_url("123", None)) == str(file)


def test_a_url_of_the_settings_counts_before_the_default_file() -> None:
    assert database_url("", "postgresql+psycopg://db/fbsync") == "postgresql+psycopg://db/fbsync"


def test_the_address_for_people_holds_no_password() -> None:
    told = told_address("postgresql+psycopg://fbsync:hush@db.example:5433/fbsync?password=hush")
    assert told == "postgresql+psycopg://fbsync:***@db.example:5433/fbsync"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are told by Linux")
def test_the_database_is_closed_at_the_end_of_the_block(tmp_path: Path) -> None:
    file = tmp_path / "f.sqlite3"

    def is_open() -> bool:
        descriptors = Path("/proc/self/fd").iterdir()
        return any(one.is_symlink() and one.readlink() == file for one in descriptors)

    with open_database(f"sqlite:///{file}", makes_file=True) as database, database.read():
        assert is_open()
    assert not is_open()


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "f.sqlite3"
    told = f"(?s)There is no database at {file}.*fbsync login or listen"
    with pytest.raises(DatabaseUnavailable, match=told), open_database(f"sqlite:///{file}"):
        pass
    assert not file.parent.exists()


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.sqlite3").write_bytes(b"no database at all" * 100)
    with (
        pytest.raises(DatabaseUnavailable, match="not a database"),
        open_database(f"sqlite:///{tmp_path}/f.sqlite3", makes_file=True),
    ):
        pass
