"""The proof that a commit is possible, on both databases."""

from sqlalchemy import event, func, select

from fbsync.database.durability import Durability
from fbsync.database.engine import Database
from fbsync.database.schema import commit_probe


def test_a_probe_commits_a_row_and_leaves_none(database: Database) -> None:
    statements: list[str] = []
    event.listen(
        database._engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    event.listen(database._engine, "commit", lambda _: statements.append("commit"))
    Durability(database).probe()
    words = [statement.split()[0].lower() for statement in statements]
    assert [word for word in words if word not in ("begin", "select")] == [
        "insert",
        "delete",
        "commit",
    ]
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(commit_probe)).scalar() == 0


def test_processes_that_probe_at_once_do_not_wait_for_each_other(
    postgresql_database: Database,
) -> None:
    with postgresql_database.write() as connection:
        connection.execute(commit_probe.insert().values(probed_at=1.0))
        Durability(postgresql_database).probe()
