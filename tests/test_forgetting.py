"""Pages that are gone for good: what is forgotten, refused and found anew; on both databases."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, select, text, update

from fbsync.database.added_fields import AddedFields
from fbsync.database.delivery_log import DeliveryLog, Wanted
from fbsync.database.engine import Database
from fbsync.database.forgetting import Forgotten, forget_pages
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.missed_webhooks import MissedWebhookLog
from fbsync.database.parked import parked_pages
from fbsync.database.schema import deliveries, metadata, moving_versions, pages
from fbsync.database.vault import Vault
from fbsync.errors import LeaseLost, PageGone
from fbsync.hallway.refresh import Outcome, Reading, Refresher
from fbsync.mirror import Mirror
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken
from fbsync.ports import LastStored
from fbsync.store.directory import DirectoryStore
from fbsync.sync.difference import Difference
from fbsync.sync.sync import Poll
from fbsync.webhook import VerifiedBody, read_delivery
from tests.servers import wait_until

ONE, TWO = PageId("200000000000001"), PageId("200000000000002")
ADA, BO = UserToken("7", "Ada", "EAAada"), UserToken("8", "Bo", "EAAbo")
NOW = datetime(2026, 11, 24, tzinfo=UTC)


class World:
    """A database, a store, and what Facebook says of each page."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.inbox = DatabaseInbox(database)
        self.vault = Vault(database, [Fernet.generate_key().decode()])
        self.store = DirectoryStore(folder, "facebook")
        self.names: dict[PageId, str] = {}
        self.readings = 0
        self.refresher = Refresher(self.inbox, self.store, self.read_pages)

    def read_pages(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        return {page: self.read_page(page) for page in page_ids}

    def read_page(self, page: PageId) -> Reading:
        if page not in self.names:
            return PageGone("The page does not exist.")
        self.readings += 1  # each at another time, so that no two versions are equal
        at = NOW + timedelta(seconds=self.readings)
        return PageSnapshot(page, {"id": page, "name": self.names[page]}, at, "v26.0")

    def sync(self) -> list[str]:
        """As `fbsync sync`, where the list has every page that is there: the kinds of outcomes."""
        found: list[Outcome | Difference] = []
        Poll(self.inbox, self.refresher, found.append).run(
            [[page for page in map(self.read_page, self.names) if isinstance(page, PageSnapshot)]],
            [*self.vault.page_ids()],
        )
        return [one.kind for one in found if isinstance(one, Outcome)]

    def mirror(self, page: PageId, *names: str) -> None:
        """Logged in and read once for each name."""
        self.vault.save(ADA, [PageAccess(page, names[0], "EAA1")])
        for name in names:
            self.names[page] = name
            assert self.sync() == ["stored"]

    def take_away(self, page: PageId) -> None:
        """The page is gone, and a sync has seen it."""
        del self.names[page]
        assert "parked" in self.sync()

    def hear(self, page: PageId, value: str = "") -> None:
        change = f'{{"field": "name", "value": "{value}"}}'
        entry = f'{{"id": "{page}", "time": 1, "changes": [{change}]}}'
        body = f'{{"object": "page", "entry": [{entry}]}}'.encode()
        self.inbox.record([read_delivery(VerifiedBody(body), NOW)])

    def states(self) -> list[str]:
        return [one.state for one in DeliveryLog(self.database).find(Wanted())]

    def rows(self) -> str:
        """Everything in all tables but the deliveries' own."""
        with self.database.read() as connection:
            tables = [table for table in metadata.sorted_tables if table is not deliveries]
            return repr([connection.execute(select(table)).all() for table in tables])


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, tmp_path / "store")


def numbers(world: World, page: PageId) -> list[int]:
    return sorted(version.number for version in Mirror(world.store).history(page))


class TestForgetting:
    def test_nothing_of_the_page_is_left_but_its_deliveries(self, world: World) -> None:
        world.mirror(ONE, "Bakery", "New Bakery")
        world.vault.save(BO, [PageAccess(ONE, "Bakery", "EAA2")])
        AddedFields(world.database).note({ONE: ["name"]})
        MissedWebhookLog(world.database).note(ONE, 2, ["name"])
        moving = {"page_id": ONE, "number": 1, "etag": "e", "document": b""}
        with world.database.write() as connection:
            connection.execute(insert(moving_versions).values(moving))
        world.hear(ONE)
        world.take_away(ONE)
        assert ONE in world.rows()
        assert forget_pages(world.database, [ONE]) == [Forgotten(ONE, "Bakery", 3, None)]
        assert ONE not in world.rows()
        assert world.states() == ["handled"]

    def test_it_needs_no_attention_any_more(self, world: World) -> None:
        world.mirror(ONE, "Bakery")
        world.take_away(ONE)
        assert world.inbox.status().parked_managed == 1
        forget_pages(world.database, [ONE])
        assert (parked_pages(world.database), world.inbox.status().parked_managed) == ([], 0)
        assert world.sync() == []

    def test_other_pages_stay_as_they_are(self, world: World) -> None:
        world.vault.save(ADA, [PageAccess(page, page, "EAA") for page in (ONE, TWO)])
        world.names = {ONE: "Bakery", TWO: "Butcher"}
        assert world.sync() == ["stored", "stored"]
        world.hear(TWO)
        world.take_away(ONE)
        forget_pages(world.database, [ONE])
        assert world.vault.page_ids() == [TWO]
        assert world.inbox.mirrored() == {TWO}
        assert world.inbox.document(TWO, 1) is not None
        world.hear(TWO, "again")
        assert world.states() == ["waiting", "handled"]

    def test_what_is_in_the_store_stays(self, world: World) -> None:
        world.mirror(ONE, "Bakery", "New Bakery")
        world.take_away(ONE)
        before = {found.key: world.store.get(found.key) for found in world.store.list("")}
        forget_pages(world.database, [ONE])
        assert {found.key: world.store.get(found.key) for found in world.store.list("")} == before
        assert numbers(world, ONE) == [1, 2, 3]

    def test_a_page_without_a_token_is_named_by_its_copy(self, world: World) -> None:
        world.inbox.mark([ONE], "webhook")
        (claim,) = world.inbox.claim(1)
        world.inbox.park(claim, "No token.", LastStored(4, "d", {"name": "Bakery"}))
        assert forget_pages(world.database, [ONE]) == [Forgotten(ONE, "Bakery", 4, None)]

    def test_an_id_that_only_an_event_named_is_forgotten_too(self, world: World) -> None:
        world.hear(ONE)
        assert [outcome.kind for outcome in world.refresher.refresh()] == ["parked"]
        assert forget_pages(world.database, [ONE]) == [Forgotten(ONE, "", 0, None)]
        assert ONE not in world.rows()


class TestRefusal:
    def test_a_page_that_is_not_set_aside_is_kept(self, world: World) -> None:
        world.mirror(ONE, "Bakery")
        before = world.rows()
        (found,) = forget_pages(world.database, [ONE])
        assert found == Forgotten(ONE, "Bakery", 1, "it is not set aside")
        assert world.rows() == before

    def test_a_page_that_was_never_read_is_kept(self, world: World) -> None:
        world.vault.save(ADA, [PageAccess(ONE, "Bakery", "EAA1")])
        (found,) = forget_pages(world.database, [ONE])
        assert found == Forgotten(ONE, "Bakery", 0, "it is not set aside")
        assert world.vault.page_ids() == [ONE]

    def test_an_unknown_one_is_told(self, world: World) -> None:
        (found,) = forget_pages(world.database, [ONE])
        assert found == Forgotten(ONE, "", 0, "nothing is known of it")

    def test_one_that_is_refused_keeps_no_other(self, world: World) -> None:
        world.mirror(ONE, "Bakery")
        world.take_away(ONE)
        found = forget_pages(world.database, [TWO, ONE, ONE])
        assert [(one.page_id, one.refusal is None) for one in found] == [(ONE, True), (TWO, False)]

    def test_one_that_is_coming_back_just_now_is_kept(self, world: World) -> None:
        world.mirror(ONE, "Bakery")
        world.take_away(ONE)
        found = list[Forgotten]()
        thread = threading.Thread(target=lambda: found.extend(forget_pages(world.database, [ONE])))
        with world.database.write() as connection:
            connection.execute(update(pages).values(parked_at=None))
            thread.start()
            if not world.database.is_sqlite:  # SQLite lets nobody in who would write
                waiting = text("select count(*) from pg_locks where not granted")
                wait_until(lambda: connection.execute(waiting).scalar_one() > 0, "the lock")
        thread.join()
        assert found[0].refusal == "it is not set aside"
        assert world.inbox.mirrored() == {ONE}


class TestReturn:
    """A list has the page again, after all."""

    def test_it_is_a_first_copy_that_adopts_the_history_in_the_store(self, world: World) -> None:
        world.mirror(ONE, "Bakery", "New Bakery")
        world.take_away(ONE)
        forget_pages(world.database, [ONE])
        world.names[ONE] = "Newest Bakery"
        assert world.sync() == ["stored"]
        # The third says that the page was gone.
        assert numbers(world, ONE) == [1, 2, 3, 4]
        last = world.inbox.pages([ONE])[ONE].last
        assert last is not None
        assert (last.number, last.fields["name"]) == (4, "Newest Bakery")
        assert all(world.inbox.document(ONE, number) for number in (1, 2, 3, 4))
        assert world.sync() == ["unchanged"]

    def test_where_it_is_as_it_was_it_has_a_version_after_the_one_that_says_it_was_gone(
        self, world: World
    ) -> None:
        world.mirror(ONE, "Bakery")
        world.take_away(ONE)
        forget_pages(world.database, [ONE])
        world.names[ONE] = "Bakery"
        world.refresher = Refresher(world.inbox, world.store, world.read_pages)
        assert world.sync() == ["stored"]
        assert numbers(world, ONE) == [1, 2, 3]

    def test_its_old_events_do_not_wait_again(self, world: World) -> None:
        world.mirror(ONE, "Bakery")
        for number in range(5):
            world.hear(ONE, str(number))
        world.take_away(ONE)
        forget_pages(world.database, [ONE])
        world.names[ONE] = "Bakery"
        world.sync()
        assert world.states() == ["handled"] * 5
        world.hear(ONE, "new")
        assert world.states() == ["waiting"] + ["handled"] * 5

    def test_a_worker_that_has_it_in_hand_does_not_bring_it_back(self, world: World) -> None:
        world.mirror(ONE, "Bakery")
        world.take_away(ONE)
        (held,) = world.inbox.hold([ONE])
        forget_pages(world.database, [ONE])
        with pytest.raises(LeaseLost):
            world.inbox.finish(held, LastStored(2, "d", {"name": "Late"}))
        assert world.inbox.renew(held.lease) == frozenset()
        assert ONE not in world.rows()
