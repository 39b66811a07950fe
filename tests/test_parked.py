"""The pages that are set aside; on both databases."""

from cryptography.fernet import Fernet

from fbsync.database.engine import Database
from fbsync.database.parked import ParkedPage, parked_pages
from fbsync.database.vault import Vault
from fbsync.page import PageAccess, PageId, UserToken
from fbsync.ports import LastStored
from tests.kept import ONE, THREE, TWO, Kept


def test_those_with_a_token_or_a_copy_are_managed_and_others_are_not(database: Database) -> None:
    kept = Kept(database)
    access = PageAccess(ONE, "One", "EAA1")
    Vault(database, [Fernet.generate_key().decode()]).save(UserToken("7", "Ada", "EAA"), [access])
    kept.hear(ONE, TWO, THREE, PageId("4"))
    kept.hear(ONE, TWO, text="again")
    kept.inbox.finish(kept.claim(TWO), LastStored(1, "digest", {}))
    kept.hear(TWO, text="and again")
    for page in (ONE, TWO, THREE):
        kept.park(page, f"Reason {page}.")
    assert parked_pages(database) == [
        ParkedPage(ONE, "Reason 1.", 2, True),
        ParkedPage(TWO, "Reason 2.", 1, True),
        ParkedPage(THREE, "Reason 3.", 1, False),
    ]


def test_where_none_is_parked_there_is_none(database: Database) -> None:
    Kept(database).hear(ONE)
    assert parked_pages(database) == []
