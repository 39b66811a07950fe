"""The handshakes that were seen, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.handshakes import KEPT, Handshake, Handshakes
from fbsync.database.schema import handshakes
from fbsync.webhook import HandshakeResult

MOMENT = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def seen(database: Database) -> Handshakes:
    return Handshakes(database)


def some(result: HandshakeResult, count: int = 1) -> list[Handshake]:
    return [Handshake(MOMENT + timedelta(seconds=number), result) for number in range(count)]


def test_what_came_since_a_number_is_told_in_order(seen: Handshakes) -> None:
    assert seen.last() == 0
    seen.record([])
    assert seen.since(0) == []
    seen.record(some("wrong token"))
    number = seen.last()
    assert seen.since(number) == []
    later = [*some("answered"), *some("wrong mode")]
    seen.record(later)
    assert seen.since(number) == later
    assert len(seen.since(0)) == 3


def test_the_newest_of_each_result_are_kept(seen: Handshakes, database: Database) -> None:
    seen.record(some("answered"))
    for _ in range(4):
        seen.record(some("wrong token", KEPT))
    with database.read() as connection:
        results = list(connection.execute(select(handshakes.c.result)).scalars())
    assert results.count("wrong token") == KEPT
    assert results.count("answered") == 1
    assert seen.last() == 1 + 4 * KEPT
