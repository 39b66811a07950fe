"""What drivers' errors mean, on real connections."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import handshakes
from fbsync.errors import DatabaseFault, DatabaseUnavailable, SettingsError
from tests import servers
from tests.ports import free_port

NOTE = "insert into handshakes (seen_at, result) values (?, ?)"


@contextmanager
def fails(fault: DatabaseFault) -> Iterator[None]:
    with pytest.raises(DatabaseUnavailable) as caught:
        yield
    assert caught.value.fault == fault, caught.value
    assert len(str(caught.value).splitlines()) == 2


def write(database: Database) -> None:
    with database.write() as connection:
        connection.execute(handshakes.insert().values(seen_at=1.0, result="x"))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.database.engine.LOCK_WAIT_SECONDS", 0.05)


class TestSqlite:
    def test_a_lock(self, tmp_path: Path) -> None:
        path = tmp_path / "f.sqlite3"
        with closing(Database(sqlite_url(path))) as database:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("begin immediate")
                with fails("locked"):
                    write(database)
            write(database)

    def test_no_database_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "f.sqlite3"
        path.write_bytes(b"not a database at all" * 100)
        with fails("damaged"):
            Database(sqlite_url(path))

    def test_no_right_to_write(self, tmp_path: Path) -> None:
        with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
            with fails("read-only"), database.write() as connection:
                connection.exec_driver_sql("pragma query_only=on")
                try:
                    connection.execute(handshakes.insert().values(seen_at=1.0, result="x"))
                finally:
                    connection.exec_driver_sql("pragma query_only=off")
            write(database)

    def test_no_connection_is_free(self, tmp_path: Path) -> None:
        with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
            connections = [database._engine.connect() for _ in range(15)]
            with fails("locked"):
                write(database)
            for connection in connections:
                connection.close()
            write(database)

    def test_a_fault_of_our_own_goes_through(self, tmp_path: Path) -> None:
        with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
            with pytest.raises(Exception, match="NOT NULL") as caught, database.write() as wide:
                wide.exec_driver_sql("insert into handshakes (seen_at) values (1)")
            assert not isinstance(caught.value, DatabaseUnavailable)

    def test_a_lock_met_by_a_statement_of_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "f.sqlite3"
        with closing(Database(sqlite_url(path))) as database:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("begin immediate")
                with fails("locked"):
                    database.write_at_once(NOTE, (1.0, "x"))
            database.write_at_once(NOTE, (1.0, "x"))

    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            ((1.0, None), sqlite3.IntegrityError),
            ((1.0,), sqlite3.ProgrammingError),
            ((1.0, object()), (sqlite3.ProgrammingError, sqlite3.InterfaceError)),
        ],
    )
    def test_a_statement_of_its_own_that_is_wrong_in_itself(
        self, tmp_path: Path, values: tuple[object, ...], kind: type[Exception]
    ) -> None:
        with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database:
            with pytest.raises(kind):
                database.write_at_once(NOTE, values)
            database.write_at_once(NOTE, (1.0, "x"))


class TestPostgresql:
    def test_a_lock(self, postgresql_database: Database) -> None:
        with postgresql_database.write() as connection:
            connection.execute(text("lock table handshakes"))
            with fails("locked"):
                write(postgresql_database)
        write(postgresql_database)

    def test_an_urgent_statement_that_takes_too_long(self, postgresql_database: Database) -> None:
        with (
            fails("locked"),
            postgresql_database.write(is_urgent=True) as connection,
        ):
            connection.execute(text("select pg_sleep(10)"))
        with postgresql_database.write() as connection:
            connection.execute(text("select pg_sleep(0.1)"))

    def test_no_right_to_write(self, postgresql_database: Database) -> None:
        with fails("read-only"), postgresql_database.write() as connection:
            connection.execute(text("set local transaction_read_only = on"))
            connection.execute(handshakes.insert().values(seen_at=1.0, result="x"))

    def test_a_table_that_somebody_dropped(self, postgresql_database: Database) -> None:
        with postgresql_database.write() as connection:
            connection.execute(text("drop table handshakes"))
        with fails("damaged"):
            write(postgresql_database)

    def test_a_connection_that_was_cut_is_replaced_by_the_next_one(
        self, postgresql_database: Database
    ) -> None:
        with fails("gone"), postgresql_database.write() as connection:
            connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        write(postgresql_database)

    def test_a_full_disk(
        self, postgresql_cluster: servers.PostgresCluster, small_disk: Path
    ) -> None:
        place = small_disk / "tables"
        place.mkdir()
        postgresql_cluster.give(place)
        with closing(Database(postgresql_cluster.server.new_database())) as database:
            with database._engine.connect() as connection:
                alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                alone.execute(text(f"create tablespace small location '{place}'"))
                alone.execute(text("alter table handshakes set tablespace small"))
            filler = small_disk / "filler"
            servers.fill(filler)
            with fails("full"), database.write() as connection:
                for _ in range(100):
                    connection.execute(handshakes.insert().values(seen_at=1.0, result="x" * 16))
            filler.unlink()
            write(database)

    def test_nobody_listens(self) -> None:
        port = free_port()
        with fails("gone"):
            Database(f"postgresql+psycopg://fbsync@127.0.0.1:{port}/fbsync")

    @pytest.mark.parametrize(
        "option",
        [
            "foo=bar",
            "connect_timeout=soon",
            "sslmode=bogus",
            "channel_binding=bogus",
            "target_session_attrs=bogus",
            "keepalives=soon",
        ],
    )
    def test_an_option_that_the_driver_does_not_take_is_a_settings_error(self, option: str) -> None:
        url = f"postgresql+psycopg://fbsync:hush@127.0.0.1:{free_port()}/fbsync?{option}"
        with pytest.raises(SettingsError, match=option.partition("=")[0]) as caught:
            Database(url)
        assert "FBSYNC_DATABASE_URL" in str(caught.value)
        assert "hush" not in str(caught.value)

    def test_a_port_that_cannot_be_is_a_settings_error(self) -> None:
        with pytest.raises(SettingsError, match='cannot be used: invalid port number: "99999"'):
            Database("postgresql+psycopg://fbsync:hush@127.0.0.1:99999/fbsync")

    def test_a_socket_that_is_not_there_is_a_server_that_is_gone(self, tmp_path: Path) -> None:
        with fails("gone"):
            Database(f"postgresql+psycopg://fbsync@/fbsync?host={tmp_path}")

    def test_a_fault_of_our_own_goes_through(self, postgresql_database: Database) -> None:
        with (
            pytest.raises(Exception, match="not-null") as caught,
            postgresql_database.write() as connection,
        ):
            connection.exec_driver_sql("insert into handshakes (seen_at) values (1)")
        assert not isinstance(caught.value, DatabaseUnavailable)

    def test_a_call_that_the_driver_cannot_send_goes_through(
        self, postgresql_database: Database
    ) -> None:
        with (
            pytest.raises(Exception, match="cannot adapt") as caught,
            postgresql_database.write() as connection,
        ):
            connection.execute(text("select :it"), {"it": object()})
        assert not isinstance(caught.value, DatabaseUnavailable)

    def test_commits_are_durable_though_the_server_has_a_weaker_default(
        self, postgresql: servers.PostgresServer
    ) -> None:
        url = postgresql.new_database()
        with closing(Database(url)) as database, database.write() as connection:
            name = connection.execute(text("select current_database()")).scalar_one()
            connection.exec_driver_sql(f"alter database {name} set synchronous_commit = off")
        asked = text("show synchronous_commit")
        with closing(Database(url)) as database:
            with database.read() as connection:
                assert connection.execute(asked).scalar_one() == "on"
                # As behind a pooler that gives each transaction another session:
                connection.execute(text("set session synchronous_commit = off"))
                connection.commit()
            with database.write(is_urgent=True) as connection:
                assert connection.execute(asked).scalar_one() == "on"
