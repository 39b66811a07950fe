"""The finding of `fbsync doctor` about stored tokens: how many, whose, why and what to do."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.vault import Vault
from fbsync.errors import SettingsError
from fbsync.page import PageAccess, PageId, UserToken
from fbsync.token_check import look_at_tokens

KEY, OTHER = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Ada and her eight pages."""
    with closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as opened:
        pages = [PageAccess(PageId(f"100{n}"), f"Page {n}", "EAAsecret") for n in range(8)]
        Vault(opened, [KEY]).save(UserToken("77", "Ada", "EAAuser"), pages)
        yield opened


def test_many_pages_are_counted_and_some_named(database: Database) -> None:
    found = look_at_tokens(lambda: nullcontext(database), lambda: [OTHER])
    first, why, *_ = found.detail.splitlines()
    assert first == (
        "The tokens of 1 of 1 person (Ada) and 8 of 8 pages (1000, 1001, 1002, 1003, 1004 and 3"
        " more) cannot be decrypted."
    )
    assert why == "The stored tokens were encrypted with another key."
    assert len(found.as_json()["unreadable_pages"]) == 8  # type: ignore[arg-type]  # it is a list
    assert "EAA" not in repr(found)


def test_one_key_of_several_is_enough(database: Database) -> None:
    found = look_at_tokens(lambda: nullcontext(database), lambda: [OTHER, KEY])
    assert (found.state, found.detail) == (
        "ok",
        "those of 1 person and 8 pages can be decrypted",
    )


def test_a_key_that_cannot_be_read_is_a_fault(database: Database) -> None:
    def read() -> list[str]:
        raise SettingsError("The token key file cannot be used.")

    found = look_at_tokens(lambda: nullcontext(database), read)
    assert (found.state, found.detail) == ("fault", "The token key file cannot be used.")
