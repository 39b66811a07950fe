"""The lists of pages that a user token leads to, on the sandbox."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fbsync.errors import FbsyncError, GraphUnavailable, PageGone, PermissionMissing
from fbsync.graph.accounts import Accounts, ListedPage, read_listed
from fbsync.graph.call import GraphConnection
from fbsync.page import PageId, UserToken
from fbsync.sandbox.world import TASKS, Standing, World
from tests import servers
from tests.graph_wire import ANNA, Meta, item
from tests.instant import NO_PATIENCE
from tests.servers import SCOPES, Sandbox

ONE, TWO, THREE = (PageId(f"20000000000000{n}") for n in (1, 2, 3))
ALL_SCOPES = f"{SCOPES},business_management"


def unexpected(error: FbsyncError) -> None:
    pytest.fail(str(error))


@dataclass(frozen=True)
class Person:
    """Somebody with 230 pages, and the lists as fbsync reads them."""

    sandbox: Sandbox
    accounts: Accounts

    def log_in(self, scopes: str = SCOPES) -> UserToken:
        return UserToken("7", "Sam", self.sandbox.log_in(scopes))

    def requests(self) -> int:
        return len(self.sandbox.world.calls)


@pytest.fixture
def person() -> Iterator[Person]:
    with servers.sandbox(World(page_count=230)) as sandbox:
        world = sandbox.world
        with GraphConnection(
            url=sandbox.url,
            version="v26.0",
            app_id=world.app_id,
            app_secret=world.app_secret,
            patience=NO_PATIENCE,
        ) as connection:
            yield Person(sandbox, Accounts(connection))


class TestMine:
    def test_all_pages_come_with_their_tokens_and_tasks_a_hundred_a_request(
        self, person: Person
    ) -> None:
        user = person.log_in()
        before = person.requests()
        found = list(person.accounts.mine(user, unexpected))
        assert [page.page_id for page in found] == person.sandbox.world.page_ids
        assert person.requests() - before == 3
        access = found[0].access
        assert access is not None
        assert access.name == found[0].name == "Café Zeitgeist"
        assert access.tasks == tuple(TASKS)
        assert access.token == person.sandbox.page_token(user.token, ONE)

    def test_an_empty_part_is_not_the_end(self, person: Person) -> None:
        person.sandbox.world.switches.empty_accounts_page = True
        assert len(list(person.accounts.mine(person.log_in(), unexpected))) == 230

    def test_a_permission_that_is_missing_for_fields_does_not_spoil_the_list(
        self, person: Person
    ) -> None:
        user = person.log_in("pages_show_list")
        assert len(list(person.accounts.mine(user, unexpected))) == 230

    def test_without_pages_show_list_it_is_empty(self, person: Person) -> None:
        assert list(person.accounts.mine(person.log_in("pages_read_engagement"), unexpected)) == []

    def test_a_page_without_a_task_comes_without_a_token(self, person: Person) -> None:
        person.sandbox.world.standings[ONE] = Standing(tasks=[])
        assert next(iter(person.accounts.mine(person.log_in(), unexpected))).access is None


class TestBusiness:
    def test_owned_and_client_pages_of_a_portfolio_are_listed(self, person: Person) -> None:
        world = person.sandbox.world
        world.standings |= {page: Standing(business="9001") for page in world.page_ids[:150]}
        world.standings[TWO] = Standing(business="9001", is_client=True)
        world.standings[THREE] = Standing(business="9002", tasks=[])
        user = person.log_in(ALL_SCOPES)
        assert person.accounts.businesses(user) == ["9001", "9002"]
        before = person.requests()
        found = [page.page_id for page in person.accounts.of_business(user, "9001", unexpected)]
        assert person.requests() - before == 3
        assert found == [page for page in world.page_ids[:150] if page not in (TWO, THREE)] + [TWO]
        (alone,) = person.accounts.of_business(user, "9002", unexpected)
        assert (alone.page_id, alone.access) == (THREE, None)

    def test_without_business_management_they_are_refused(self, person: Person) -> None:
        person.sandbox.world.standings[ONE] = Standing(business="9001")
        user = person.log_in()
        with pytest.raises(PermissionMissing):
            person.accounts.businesses(user)
        with pytest.raises(PermissionMissing):
            list(person.accounts.of_business(user, "9001", unexpected))


class TestOdd:
    """An answer without a usable id: that page cannot be kept, the others can."""

    @pytest.fixture
    def accounts(self, connection: GraphConnection) -> Accounts:
        return Accounts(connection)

    def test_the_other_entries_of_a_list_are_there_and_it_is_told(
        self, accounts: Accounts, meta: Meta
    ) -> None:
        told: list[GraphUnavailable] = []
        meta.answer_reads([item({"data": [{"id": "1"}, {"name": "Café"}, {"id": "3"}]})])
        pages = [page.page_id for page in accounts.mine(ANNA, told.append)]
        assert (pages, len(told)) == ([PageId("1"), PageId("3")], 1)

    def test_the_other_entries_of_a_portfolio_are_there_and_it_is_told(
        self, accounts: Accounts, meta: Meta
    ) -> None:
        told: list[GraphUnavailable] = []
        owned, served = ([item({"data": [{}, {"id": number}]})] for number in ("1", "2"))
        meta.answer_reads(owned, served)
        pages = [page.page_id for page in accounts.of_business(ANNA, "9001", told.append)]
        assert (pages, len(told)) == ([PageId("1"), PageId("2")], 2)

    @pytest.mark.parametrize("answer", [{"name": "Café"}, {"id": "../up"}, {"id": "3"}])
    def test_one_page_of_several_fails_alone(
        self, accounts: Accounts, meta: Meta, answer: dict[str, str]
    ) -> None:
        meta.read_each(lambda node: answer if node == "2" else {"id": node})
        found = dict(accounts.each(ANNA, [PageId("1"), PageId("2"), PageId("3")]))
        assert isinstance(found[PageId("1")], ListedPage)
        assert isinstance(found[PageId("3")], ListedPage)
        why = found[PageId("2")]
        assert isinstance(why, GraphUnavailable)
        assert "something else than page 2" in str(why)


class TestEach:
    def test_each_page_is_read_by_itself_fifty_in_a_request(self, person: Person) -> None:
        user = person.log_in()
        wanted = [*map(PageId, person.sandbox.world.page_ids[:119]), PageId("7")]
        before = person.requests()
        found = dict(person.accounts.each(user, wanted))
        assert person.requests() - before == 3
        assert list(found) == wanted
        assert isinstance(found[PageId("7")], PageGone)
        one = found[ONE]
        assert isinstance(one, ListedPage)
        assert one.access is not None
        assert one.access.token == person.sandbox.page_token(user.token, ONE)

    def test_no_page_needs_no_request(self, person: Person) -> None:
        assert list(person.accounts.each(UserToken("7", "Sam", "EAA"), [])) == []
        assert person.requests() == 0


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": True}, {"id": "../up"}, {"id": ""}])
def test_a_page_without_a_usable_id_is_a_failure(item: dict[str, object]) -> None:
    with pytest.raises(GraphUnavailable, match="without a usable id"):
        read_listed(item)


def test_an_id_may_be_a_number() -> None:
    assert read_listed({"id": 1001, "name": "Shop"}) == ListedPage(PageId("1001"), "Shop", None)


def test_odd_parts_of_an_answer_are_left_out() -> None:
    assert read_listed({"id": "1", "access_token": 5}) == ListedPage(PageId("1"), "", None)
    odd = read_listed({"id": "1", "name": "a\0b", "access_token": "EAA", "tasks": "MANAGE"})
    assert odd.name == "ab"
    assert odd.access is not None
    assert odd.access.tasks == ()
