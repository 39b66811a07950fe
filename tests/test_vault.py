"""Tokens at rest: encrypted, rotated, and the best one of each page; on both databases."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.schema import page_accesses, user_tokens
from fbsync.database.vault import Vault
from fbsync.errors import NoAccess, TokenRefused
from fbsync.page import PageAccess, PageId, UserToken

UNTIL = datetime(2027, 1, 22, tzinfo=UTC)
ADA = UserToken("77", "Ada", "EAAuser", UNTIL, UNTIL + timedelta(days=30), ("pages_show_list",))
BEN = UserToken("88", "Ben", "EAAben")
SHOP = PageAccess(PageId("1001"), "Shop", "EAAshop", ("MANAGE", "MODERATE"))
CAFE = PageAccess(PageId("1002"), "Café", "EAAcafe")


def key() -> str:
    return Fernet.generate_key().decode()


def test_what_was_saved_comes_back(database: Database) -> None:
    vault = Vault(database, [key()])
    vault.save(ADA, [SHOP, CAFE])
    assert vault.users() == [ADA]
    assert vault.accesses() == {SHOP.page_id: SHOP, CAFE.page_id: CAFE}
    assert vault.accesses([CAFE.page_id, PageId("9")]) == {CAFE.page_id: CAFE}
    assert vault.page_ids() == [SHOP.page_id, CAFE.page_id]
    assert vault.owners() == {SHOP.page_id: "77", CAFE.page_id: "77"}


def test_no_token_stands_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "g.sqlite3"
    with closing(Database(sqlite_url(path))) as database:
        Vault(database, [key()]).save(ADA, [SHOP, CAFE])
    data = path.read_bytes()
    for token in (ADA.token, SHOP.token, CAFE.token):
        assert token.encode() not in data


def test_a_second_login_merges(database: Database) -> None:
    vault = Vault(database, [key()])
    vault.save(ADA, [SHOP, CAFE])
    newer = PageAccess(SHOP.page_id, "New name", "EAAnew", ("MODERATE",))
    vault.save(UserToken("77", "Ada L.", "EAAother"), [newer])
    assert vault.users() == [UserToken("77", "Ada L.", "EAAother")]
    assert vault.accesses() == {SHOP.page_id: newer, CAFE.page_id: CAFE}


def test_a_login_leaves_other_people_and_their_pages_alone(database: Database) -> None:
    vault = Vault(database, [key()])
    vault.save(ADA, [SHOP])
    vault.save(BEN, [CAFE])
    assert vault.users() == [ADA, BEN]
    assert vault.accesses() == {SHOP.page_id: SHOP, CAFE.page_id: CAFE}
    assert vault.names_of_pages("77") == {SHOP.page_id: "Shop"}
    assert vault.names_of_pages("88") == {CAFE.page_id: "Café"}
    assert vault.names_of_pages("99") == {}


class TestTwoPeopleOnOnePage:
    """Ada manages the shop, Ben may only look at its numbers, Cy moderates it."""

    ANALYST = PageAccess(SHOP.page_id, "Shop", "EAAshop-of-ben", ("ANALYZE",))
    MODERATOR = PageAccess(SHOP.page_id, "Shop", "EAAshop-of-cy", ("PROFILE_PLUS_MODERATE",))
    CY = UserToken("66", "Cy", "EAAcy")

    @pytest.fixture
    def clock(self) -> list[float]:
        return [1_700_000_000.0]

    @pytest.fixture
    def vault(self, database: Database, clock: list[float]) -> Vault:
        return Vault(database, [key()], lambda: clock[0])

    def test_each_persons_access_is_kept_and_one_that_allows_webhooks_is_used(
        self, vault: Vault, clock: list[float]
    ) -> None:
        vault.save(ADA, [SHOP])
        clock[0] += 60
        vault.save(BEN, [self.ANALYST])
        assert vault.accesses() == vault.accesses([SHOP.page_id]) == {SHOP.page_id: SHOP}
        assert vault.owners() == {SHOP.page_id: "77"}
        assert vault.accesses(user_id="88") == {SHOP.page_id: self.ANALYST}
        assert vault.accesses([CAFE.page_id], "88") == {}

    def test_of_two_that_allow_webhooks_the_newest_login_counts(
        self, vault: Vault, clock: list[float]
    ) -> None:
        vault.save(self.CY, [self.MODERATOR])
        clock[0] += 60
        vault.save(ADA, [SHOP])
        assert vault.accesses() == {SHOP.page_id: SHOP}
        clock[0] += 60
        vault.save(self.CY, [self.MODERATOR])
        assert vault.accesses() == {SHOP.page_id: self.MODERATOR}
        assert vault.owners() == {SHOP.page_id: "66"}

    def test_a_newer_login_that_does_not_reach_the_page_any_more_makes_nothing_newer(
        self, vault: Vault, clock: list[float]
    ) -> None:
        vault.save(self.CY, [self.MODERATOR])
        clock[0] += 60
        vault.save(ADA, [SHOP])
        clock[0] += 60
        vault.save(self.CY, [CAFE])
        assert vault.owners() == {SHOP.page_id: "77", CAFE.page_id: "66"}

    def test_what_a_poll_finds_is_as_new_as_the_login(
        self, vault: Vault, clock: list[float]
    ) -> None:
        vault.save(self.CY, [])
        clock[0] += 60
        vault.save(ADA, [SHOP])
        clock[0] += 60
        assert vault.add_pages(self.CY, [self.MODERATOR])
        assert vault.accesses() == {SHOP.page_id: SHOP}

    def test_all_are_told_the_best_one_first(self, vault: Vault, clock: list[float]) -> None:
        for user, access in ((self.CY, self.MODERATOR), (ADA, SHOP), (BEN, self.ANALYST)):
            vault.save(user, [access])
            clock[0] += 60
        ranked = vault.ranked_accesses([SHOP.page_id, CAFE.page_id])
        assert ranked == {SHOP.page_id: [SHOP, self.MODERATOR, self.ANALYST]}

    def test_an_access_whose_tasks_are_unknown_counts_like_one_that_allows_webhooks(
        self, vault: Vault
    ) -> None:
        unknown = PageAccess(SHOP.page_id, "Shop", "EAAunknown")
        vault.save(self.CY, [self.ANALYST])
        vault.save(BEN, [unknown])
        assert vault.accesses() == {SHOP.page_id: unknown}

    def test_logins_of_the_same_moment_give_the_same_answer_each_time(self, vault: Vault) -> None:
        vault.save(ADA, [SHOP])
        vault.save(self.CY, [self.MODERATOR])
        assert vault.accesses() == {SHOP.page_id: self.MODERATOR}  # the lower id

    def test_a_login_of_an_older_version_without_a_time_comes_last(
        self, vault: Vault, database: Database
    ) -> None:
        vault.save(self.CY, [self.MODERATOR])
        with database.write() as connection:
            connection.execute(update(page_accesses).values(logged_in_at=None))
        vault.save(ADA, [SHOP])
        assert vault.accesses() == {SHOP.page_id: SHOP}

    def test_the_page_is_one_page_and_belongs_to_both(self, vault: Vault) -> None:
        vault.save(ADA, [SHOP])
        vault.save(BEN, [self.ANALYST, CAFE])
        assert vault.page_ids() == [SHOP.page_id, CAFE.page_id]
        assert vault.page_ids("77") == [SHOP.page_id]
        assert vault.names_of_pages("77") == {SHOP.page_id: "Shop"}
        assert vault.names_of_pages("88") == {SHOP.page_id: "Shop", CAFE.page_id: "Café"}

    def test_pages_that_a_poll_finds_leave_the_other_persons_access_alone(
        self, vault: Vault
    ) -> None:
        vault.save(ADA, [SHOP])
        vault.save(BEN, [])
        assert vault.add_pages(BEN, [self.ANALYST])
        assert vault.accesses(user_id="77") == {SHOP.page_id: SHOP}
        assert vault.accesses(user_id="88") == {SHOP.page_id: self.ANALYST}


def test_a_person_kept_by_an_older_version_has_no_scopes(database: Database) -> None:
    vault = Vault(database, [key()])
    vault.save(ADA, [])
    with database.write() as connection:
        connection.execute(update(user_tokens).values(scopes=None, data_access_expires_at=None))
    assert vault.users() == [UserToken("77", "Ada", "EAAuser", UNTIL)]


def test_a_person_without_pages_is_kept(database: Database) -> None:
    vault = Vault(database, [key()])
    vault.save(ADA, [])
    assert vault.users() == [ADA]


def test_pages_reached_with_a_stored_token_are_added(database: Database) -> None:
    vault = Vault(database, [key()])
    vault.save(ADA, [SHOP])
    assert vault.add_pages(ADA, [CAFE])
    assert vault.page_ids() == [SHOP.page_id, CAFE.page_id]


def test_nothing_is_added_for_a_person_who_left_or_logged_in_anew(database: Database) -> None:
    vault = Vault(database, [key()])
    assert not vault.add_pages(ADA, [SHOP])
    vault.save(UserToken("77", "Ada", "EAAnewer"), [])
    assert not vault.add_pages(ADA, [SHOP])
    assert vault.page_ids() == []


def test_one_person_is_found_by_the_id(database: Database) -> None:
    vault = Vault(database, [key()])
    vault.save(ADA, [])
    assert vault.user("77") == ADA
    with pytest.raises(NoAccess):
        vault.user("78")


def test_names_are_readable_without_the_key(database: Database) -> None:
    Vault(database, [key()]).save(ADA, [SHOP])
    assert Vault(database, [key()]).names() == {"77": "Ada"}


def test_a_new_key_in_front_of_the_old_one_still_opens_old_tokens(database: Database) -> None:
    old, new = key(), key()
    Vault(database, [old]).save(ADA, [SHOP])
    rotated = Vault(database, [new, old])
    assert rotated.users() == [ADA]
    rotated.save(ADA, [SHOP])
    assert Vault(database, [new]).users() == [ADA]


class TestNotStored:
    @pytest.fixture
    def vault(self, database: Database) -> Vault:
        vault = Vault(database, [key()])
        vault.save(ADA, [SHOP, CAFE])
        return vault

    def test_an_access_that_is_stored_so_is_not_among_them(self, vault: Vault) -> None:
        assert vault.not_stored(ADA.user_id, [SHOP, CAFE]) == []

    @pytest.mark.parametrize(
        "newer",
        [
            replace(SHOP, name="New name"),
            replace(SHOP, token="EAAnew"),
            replace(SHOP, tasks=("MODERATE",)),
            replace(SHOP, page_id=PageId("1003")),
        ],
        ids=["name", "token", "tasks", "page"],
    )
    def test_whatever_differs_puts_it_among_them_until_it_is_added(
        self, vault: Vault, newer: PageAccess
    ) -> None:
        assert vault.not_stored(ADA.user_id, [newer, CAFE]) == [newer]
        vault.add_pages(ADA, [newer])
        assert vault.not_stored(ADA.user_id, [newer, CAFE]) == []

    def test_another_persons_access_does_not_count(self, vault: Vault) -> None:
        vault.save(BEN, [])
        assert vault.not_stored(BEN.user_id, [SHOP]) == [SHOP]

    def test_one_of_an_older_version_is_among_them_once(
        self, vault: Vault, database: Database
    ) -> None:
        with database.write() as connection:
            connection.execute(update(page_accesses).values(fingerprint=None))
        assert vault.not_stored(ADA.user_id, [SHOP, CAFE]) == [SHOP, CAFE]

    def test_one_under_an_older_key_is_among_them_so_that_it_is_encrypted_anew(
        self, database: Database
    ) -> None:
        old, new = key(), key()
        Vault(database, [old]).save(ADA, [SHOP])
        rotated = Vault(database, [new, old])
        assert rotated.not_stored(ADA.user_id, [SHOP]) == [SHOP]
        rotated.add_pages(ADA, [SHOP])
        assert Vault(database, [new]).accesses() == {SHOP.page_id: SHOP}

    def test_who_has_the_database_alone_cannot_try_tokens_on_the_fingerprint(
        self, vault: Vault, database: Database
    ) -> None:
        with database.read() as connection:
            query = select(page_accesses.c.fingerprint).order_by(page_accesses.c.page_id)
            kept = connection.execute(query).scalars().all()
        assert len(set(kept)) == 2
        other = Vault(database, [key()])
        assert other.not_stored(ADA.user_id, [SHOP, CAFE]) == [SHOP, CAFE]


class TestOtherKey:
    """Ada logged in anew after a change of the key, Ben did not."""

    @pytest.fixture
    def vault(self, database: Database) -> Vault:
        shop_of_ben = replace(SHOP, token="EAAshop-of-ben")  # noqa: S106 - made up
        Vault(database, [key()]).save(BEN, [shop_of_ben, CAFE])
        vault = Vault(database, [key()])
        vault.save(ADA, [SHOP])
        return vault

    def test_who_cannot_be_opened_is_told_and_the_others_are_there(self, vault: Vault) -> None:
        told = list[tuple[str, str]]()
        assert vault.users(lambda name, error: told.append((name, str(error)))) == [ADA]
        ((name, why),) = told
        assert name == "Ben"
        assert "FBSYNC_TOKEN_KEY" in why

    def test_a_page_is_reached_with_what_can_be_opened_and_told_where_nothing_can(
        self, vault: Vault
    ) -> None:
        told: dict[PageId, TokenRefused] = {}
        ranked = vault.ranked_accesses([SHOP.page_id, CAFE.page_id], told.__setitem__)
        assert ranked == {SHOP.page_id: [SHOP]}
        assert set(told) == {CAFE.page_id}

    def test_the_best_access_and_its_owner_are_of_those_that_can_be_opened(
        self, vault: Vault, database: Database
    ) -> None:
        vault.save(ADA, [replace(SHOP, tasks=("ANALYZE",))])  # so Ben's would be the better one
        told: dict[PageId, TokenRefused] = {}
        accesses = vault.accesses(refused=told.__setitem__)
        assert {page: access.token for page, access in accesses.items()} == {
            SHOP.page_id: "EAAshop"
        }
        assert set(told) == {CAFE.page_id}
        assert vault.owners() == {SHOP.page_id: ADA.user_id}
        assert vault.owners([CAFE.page_id]) == {}

    def test_where_nobody_can_be_opened_the_key_is_wrong_and_no_page_is_told(
        self, vault: Vault, database: Database
    ) -> None:
        other = Vault(database, [key()])
        with pytest.raises(TokenRefused, match="FBSYNC_TOKEN_KEY"):
            other.ranked_accesses([CAFE.page_id], lambda page, error: pytest.fail(page))


def test_another_key_is_told_with_what_to_do(database: Database) -> None:
    Vault(database, [key()]).save(ADA, [SHOP])
    with pytest.raises(TokenRefused, match="FBSYNC_TOKEN_KEY"):
        Vault(database, [key()]).users()
