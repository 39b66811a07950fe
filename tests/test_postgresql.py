"""What only a database server does: restarts, several processes at once, rows that others lock."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, make_url, select, text

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.moving_pages import MovingPages
from fbsync.database.put_off import hurry
from fbsync.database.schema import SCHEMA_NUMBER, schema
from fbsync.database.schema_setup import SCHEMA_LOCK
from fbsync.database.store_address import StoreAddress
from fbsync.database.vault import Vault
from fbsync.errors import DatabaseUnavailable
from fbsync.page import PageAccess, PageId, UserToken
from fbsync.webhook import Delivery, VerifiedBody
from tests.servers import PostgresCluster, PostgresServer, wait_until

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")
PROCESSES = 6
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def delivery(number: int) -> Delivery:
    return Delivery(f"{number:064}", VerifiedBody(b"{}"), (ONE,), NOW)


class Parts:
    """An inbox and a vault on one database, with one page in hand."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.inbox = DatabaseInbox(self.database)
        self.vault = Vault(self.database, [Fernet.generate_key().decode()])
        self.vault.save(UserToken("77", "Ann", "token"), [PageAccess(ONE, "Shop", "page token")])
        self.inbox.record([delivery(0)])
        (self.claim,) = self.inbox.claim(1)


ACTS: dict[str, Callable[[Parts], object]] = {
    "record": lambda parts: parts.inbox.record([delivery(1)]),
    "mark": lambda parts: parts.inbox.mark([ONE], "sync"),
    "claim": lambda parts: parts.inbox.claim(1),
    "renew": lambda parts: parts.inbox.renew(parts.claim.lease),
    "finish": lambda parts: parts.inbox.finish(parts.claim, None),
    "retry": lambda parts: parts.inbox.retry(parts.claim, NOW, "busy"),
    "park": lambda parts: parts.inbox.park(parts.claim, "gone"),
    "status": lambda parts: parts.inbox.status(),
    "users": lambda parts: parts.vault.users(),
    "accesses": lambda parts: parts.vault.ranked_accesses([ONE]),
}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_after_a_restart_of_the_server_every_call_works_at_once(
    postgresql_cluster: PostgresCluster, how: signal.Signals
) -> None:
    parts = {name: Parts(postgresql_cluster.server.new_database()) for name in ACTS}
    postgresql_cluster.stop(how)
    for name, act in ACTS.items():
        with pytest.raises(DatabaseUnavailable):
            act(parts[name])
    postgresql_cluster.start()
    for name, act in ACTS.items():
        act(parts[name])
        parts[name].database.close()


def test_a_connection_that_dies_within_a_transaction_costs_that_transaction_only(
    postgresql: PostgresServer,
) -> None:
    parts = Parts(postgresql.new_database())
    with pytest.raises(DatabaseUnavailable), parts.database.write() as connection:
        backend = connection.execute(select(func.pg_backend_pid())).scalar_one()
        connection.execute(text("update pages set marks = 99"))
        with psycopg.connect(postgresql_address(postgresql), autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 10000)", [backend])
        connection.execute(select(1))
    assert parts.inbox.pages()[ONE].marks == 1
    parts.database.close()


def test_a_finish_whose_answer_is_lost_leaves_no_half_of_it(
    postgresql_cluster: PostgresCluster,
) -> None:
    parts = Parts(postgresql_cluster.server.new_database())
    parts.inbox.finish(parts.claim, None)
    postgresql_cluster.stop(signal.SIGQUIT)
    postgresql_cluster.start()
    state = parts.inbox.pages()[ONE]
    assert (state.marks, state.done, state.leased_until) == (1, 1, None)
    parts.database.close()


def test_processes_that_start_at_once_set_an_empty_database_up_together(
    postgresql: PostgresServer,
) -> None:
    url = postgresql.new_database()
    program = f"from fbsync.database.engine import Database; Database({url!r}).close()"
    name = make_url(url).database
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    waiting += " and database = (select oid from pg_database where datname = current_database())"
    address = f"host=127.0.0.1 port={postgresql.port} user=fbsync dbname={name}"
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("select pg_advisory_lock(%s)", [SCHEMA_LOCK])
        command = [sys.executable, "-c", program]
        processes = [subprocess.Popen(command) for _ in range(PROCESSES)]
        wait_until(
            lambda: server.execute(waiting).fetchone() == (PROCESSES,), "all to be at the lock"
        )
        assert server.execute("select to_regclass('pages')").fetchone() == (None,)
        server.execute("select pg_advisory_unlock(%s)", [SCHEMA_LOCK])
        assert [process.wait(60) for process in processes] == [0] * PROCESSES
    database = Database(url)
    with database.read() as connection:
        assert connection.execute(schema.select()).scalars().all() == [SCHEMA_NUMBER]
    database.close()


def test_a_claim_skips_the_pages_that_another_worker_is_claiming(
    postgresql: PostgresServer,
) -> None:
    database = Database(postgresql.new_database())
    inbox = DatabaseInbox(database)
    inbox.mark([ONE, TWO, THREE], "sync")
    with database.write() as other:
        other.execute(text("select 1 from pages where page_id = '1' for update"))
        # Without SKIP LOCKED, this waits for the lock and then fails.
        claims = inbox.claim(50)
    assert [claim.page_id for claim in claims] == [TWO, THREE]
    assert [claim.page_id for claim in inbox.claim(50)] == [ONE]
    database.close()


def postgresql_address(server: PostgresServer) -> str:
    return f"host=127.0.0.1 port={server.port} user=fbsync dbname=postgres"


def test_a_pooler_that_mixes_sessions_is_named(postgresql: PostgresServer) -> None:
    database = Database(postgresql.new_database())
    with pytest.raises(DatabaseUnavailable, match="session mode"), database.write() as connection:
        # As another client's statement of this name, in the session that we got.
        for _ in range(2):
            connection.exec_driver_sql("prepare _pg3_0 as select 1")
    database.close()


@pytest.mark.parametrize("act", ["renew", "unpark", "move", "arrive", "hurry"])
def test_rows_changed_at_once_are_locked_in_their_order(
    postgresql: PostgresServer, act: str
) -> None:
    """Beside a delivery that locks page 1 first and page 2 second: no deadlock."""
    database = Database(postgresql.new_database())
    inbox, address = DatabaseInbox(database), StoreAddress(database)
    address.move_to("old")
    inbox.mark([TWO], "sync")  # the first row that a scan finds
    inbox.mark([ONE], "sync")
    (claim, other_claim) = inbox.claim(2)
    if act == "hurry":
        for one in (claim, other_claim):
            inbox.retry(one, datetime.now(UTC) + timedelta(hours=1), "Facebook is busy.")
    acts: dict[str, Callable[[], object]] = {
        "renew": lambda: inbox.renew(claim.lease),
        "unpark": lambda: inbox.unpark([ONE, TWO]),
        "move": lambda: address.move_to("new"),
        "arrive": lambda: MovingPages(database).arrived("old", [TWO, ONE]),
        "hurry": lambda: hurry(database, [TWO, ONE]),
    }
    failures: list[Exception] = []

    def run() -> None:
        try:
            acts[act]()
        except DatabaseUnavailable as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    lock = "update pages set marks = marks + 1 where page_id = :page"
    with database.write() as other:
        other.execute(text(lock), {"page": ONE})
        thread.start()
        waiting = "select count(*) from pg_locks where not granted"
        with database.read() as watching:
            wait_until(lambda: watching.execute(text(waiting)).scalar() == 1, "it to wait for us")
        other.execute(text(lock), {"page": TWO})
    thread.join()
    assert failures == []
    database.close()
