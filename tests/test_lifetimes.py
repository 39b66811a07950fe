"""When logins end, read without the tokens' key."""

from dataclasses import replace
from datetime import timedelta

from fbsync.database.engine import Database
from fbsync.database.lifetimes import lifetimes
from fbsync.database.vault import Vault
from fbsync.expiry import Lifetime
from tests.test_vault import ADA, BEN, UNTIL, key


def test_lifetimes_need_no_key(database: Database) -> None:
    Vault(database, [key()]).save(ADA, [])
    Vault(database, [key()]).save(BEN, [])
    ada, ben = lifetimes(database)
    assert (ada.logged_in_at is None, ben.logged_in_at is None) == (False, False)
    assert replace(ada, logged_in_at=None) == Lifetime(
        ADA.user_id, "Ada", UNTIL, UNTIL + timedelta(days=30)
    )
    assert replace(ben, logged_in_at=None) == Lifetime(BEN.user_id, "Ben", None, None)
