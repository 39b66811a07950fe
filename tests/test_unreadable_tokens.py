"""Which stored tokens our keys do not open; on both databases."""

import pytest
from cryptography.fernet import Fernet

from fbsync.database import unreadable_tokens as module
from fbsync.database.engine import Database
from fbsync.database.unreadable_tokens import UnreadableTokens, unreadable_tokens
from fbsync.database.vault import Vault
from tests.test_vault import ADA, BEN, CAFE, SHOP

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture(autouse=True)
def stored(database: Database) -> None:
    """Ben logged in with the old key, Ada with the new one; both reach the shop."""
    Vault(database, [OLD]).save(BEN, [SHOP, CAFE])
    Vault(database, [NEW]).save(ADA, [SHOP])


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_a_page_is_unreadable_only_where_no_token_of_it_can_be_opened(
    database: Database, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAGES_AT_ONCE", at_once)
    found = unreadable_tokens(database, [NEW])
    assert found == UnreadableTokens(["Ben"], 2, [CAFE.page_id], 2)


def test_with_both_keys_all_is_readable(database: Database) -> None:
    assert unreadable_tokens(database, [NEW, OLD]) == UnreadableTokens([], 2, [], 2)


def test_without_a_key_nothing_is(database: Database) -> None:
    found = unreadable_tokens(database, [])
    assert (found.people, found.pages) == (["Ada", "Ben"], [SHOP.page_id, CAFE.page_id])
