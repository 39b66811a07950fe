"""The database: private files, schema number, errors, and which SQLite may use WAL."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from fbsync.database.engine import Database, sqlite_file, sqlite_url
from fbsync.database.schema import SCHEMA_NUMBER, page_accesses, schema
from fbsync.database.sqlite_file import loses_commits_in_wal
from fbsync.errors import DatabaseUnavailable, SettingsError
from tests.test_listening_application import locked


def test_a_new_file_is_its_owners_alone_in_a_private_folder(tmp_path: Path) -> None:
    path = tmp_path / "data" / "fbsync.sqlite3"
    before = os.umask(0)
    try:
        Database(sqlite_url(path)).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_opening_again_keeps_what_was_written(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "f.sqlite3")
    for _ in range(2):
        database = Database(url)
        with database.read() as connection:
            assert connection.execute(schema.select()).scalars().all() == [SCHEMA_NUMBER]
        database.close()


def test_an_older_program_refuses_a_newer_file_with_a_sentence(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "f.sqlite3")
    database = Database(url)
    with database.write() as connection:
        connection.execute(schema.update().values(number=SCHEMA_NUMBER + 1))
    database.close()
    with pytest.raises(SettingsError, match="newer fbsync"):
        Database(url)


def test_an_older_database_gets_what_was_added_since(database_url: str) -> None:
    database = Database(database_url)
    with database.write() as connection:
        connection.execute(schema.update().values(number=1))
        connection.execute(text("alter table user_tokens drop column expires_at"))
        connection.execute(text("drop table refused_fields"))
    database.close()
    database = Database(database_url)
    with database.write() as connection:
        connection.execute(text("insert into refused_fields (version, name) values ('v', 'n')"))
        assert connection.execute(text("select expires_at from user_tokens")).all() == []
        assert connection.execute(schema.select()).scalars().all() == [SCHEMA_NUMBER]
    database.close()


def test_page_tokens_of_an_older_database_become_page_accesses(database_url: str) -> None:
    database = Database(database_url)
    with database.write() as connection:
        connection.execute(schema.update().values(number=2))
        connection.execute(text("drop table page_accesses"))
        connection.execute(
            text(
                "create table page_tokens (page_id varchar(32) primary key, user_id varchar(64)"
                " not null, name text not null, token text not null, tasks text not null)"
            )
        )
        connection.execute(
            text("insert into page_tokens values ('1', '77', 'Shop', 'sealed', '[\"MANAGE\"]')")
        )
    database.close()
    for _ in range(2):
        database = Database(database_url)
        with database.read() as connection:
            rows = connection.execute(page_accesses.select()).all()
            assert rows == [("1", "77", None, "Shop", "sealed", '["MANAGE"]', None)]
            assert not inspect(connection).has_table("page_tokens")
        database.close()


def test_commits_are_synced_with_their_folder(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    with database.read() as connection:
        assert connection.execute(text("pragma synchronous")).scalar_one() == 3  # EXTRA
    database.close()


def test_wal_is_used_exactly_where_this_sqlite_keeps_commits_in_it(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    with database.read() as connection:
        mode = connection.execute(text("pragma journal_mode")).scalar_one()
    database.close()
    assert (mode == "wal") is not loses_commits_in_wal(sqlite3.sqlite_version_info)


@pytest.mark.parametrize(
    ("version", "loses"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_versions_that_can_lose_commits_in_wal_mode(
    version: tuple[int, int, int], loses: bool
) -> None:
    assert loses_commits_in_wal(version) is loses


def test_a_failed_block_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(schema.insert().values(number=99))
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute(schema.select()).scalars().all() == [SCHEMA_NUMBER]
    database.close()


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "f.sqlite3"))
    with database.write(), database.read() as connection:
        assert connection.execute(schema.select()).scalars().all() == [SCHEMA_NUMBER]
    database.close()


def test_a_locked_file_is_unavailable_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbsync.database.engine.LOCK_WAIT_SECONDS", 0.05)
    path = tmp_path / "f.sqlite3"
    database = Database(sqlite_url(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with (
        pytest.raises(DatabaseUnavailable, match=r"(?s)locked.*try again"),
        database.write(),
    ):
        pass
    other.close()
    database.close()


def test_a_set_up_file_is_opened_while_another_program_writes(tmp_path: Path) -> None:
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))):
        pass
    with locked(tmp_path / "f.sqlite3"), closing(Database(sqlite_url(tmp_path / "f.sqlite3"))):
        pass


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "f.sqlite3"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        Database(sqlite_url(path))


def test_a_folder_that_cannot_be_made_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseUnavailable, match="cannot be made"):
        Database(sqlite_url(tmp_path / "file" / "f.sqlite3"))


@pytest.mark.parametrize("url", ["nonsense", "postgresql+nothing://x/y"])
def test_a_url_without_a_driver_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="FBSYNC_DATABASE_URL"):
        Database(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:hush@h:hush/x",
        "sqlite:///f.sqlite3?check_same_thread=hush",
        "sqlite:///:memory:",
    ],
)
def test_a_url_with_a_value_that_cannot_be_is_a_settings_error_without_it(url: str) -> None:
    with pytest.raises(SettingsError, match="Check its port and its options") as caught:
        Database(url)
    assert "hush" not in str(caught.value)


def test_an_unreachable_server_is_unavailable_and_its_password_stays_hidden() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        Database("postgresql+psycopg://fbsync:hunter2@127.0.0.1:1/fbsync?connect_timeout=2")
    assert "hunter2" not in str(caught.value)


def test_only_sqlite_urls_have_a_file() -> None:
    assert sqlite_file("sqlite:////srv/f.sqlite3") == Path("/srv/f.sqlite3")
    assert sqlite_file("postgresql+psycopg://host/db") is None
