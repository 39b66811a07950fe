"""Refused fields are remembered for the version that refused them, and told of once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.refused_fields import RefusedFields
from tests.servers import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = sqlite_url(tmp_path / "f.sqlite3")
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        url = server.new_database()
    opened = Database(url)
    yield opened
    opened.close()


def test_a_field_is_remembered_by_other_processes_and_told_of_once(database: Database) -> None:
    told: list[str] = []
    RefusedFields(database, "v26.0", told.append).add("parking")
    other = RefusedFields(database, "v26.0", told.append)
    other.add("parking")
    assert other.names() == {"parking"}
    (message,) = told
    assert "parking" in message
    assert "FACEBOOK_PAGE_FIELDS" in message


def test_another_version_is_asked_anew(database: Database) -> None:
    RefusedFields(database, "v26.0", lambda text: None).add("parking")
    assert RefusedFields(database, "v27.0", lambda text: None).names() == frozenset()
