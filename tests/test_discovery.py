"""Where the pages of a login are found, and why some are not; on the sandbox."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
import respx

from fbsync.errors import GraphUnavailable
from fbsync.graph.accounts import Accounts
from fbsync.graph.call import GraphConnection
from fbsync.graph.oauth import OAuth, Session, TokenFacts
from fbsync.graph.permissions import Permissions
from fbsync.login.discovery import (
    GONE,
    IN_PORTFOLIO,
    NO_LIST,
    NO_PAGES,
    NO_TASK,
    NOT_CHOSEN,
    Discovery,
    discover,
)
from fbsync.page import PageId, UserToken
from fbsync.sandbox.world import Fault, Standing, World
from tests import servers
from tests.graph_wire import APP, URL, item
from tests.instant import NO_PATIENCE
from tests.servers import REDIRECT, SCOPES, Sandbox

ONE, TWO, THREE = (PageId(f"20000000000000{n}") for n in (1, 2, 3))
ALL = [ONE, TWO, THREE]
WITH_BUSINESS = f"{SCOPES},business_management"
DOWN = {"message": "Service temporarily unavailable", "code": 2}
REFUSED = {"message": "(#10) Application does not have permission for this action", "code": 10}


@dataclass(frozen=True)
class Person:
    """Somebody whose login is looked at."""

    sandbox: Sandbox
    oauth: OAuth
    accounts: Accounts

    @property
    def world(self) -> World:
        return self.sandbox.world

    def discover(
        self,
        scopes: str = SCOPES,
        known: Mapping[PageId, str] | None = None,
        chosen: list[PageId] | None = None,
        fault: Fault | None = None,
    ) -> Discovery:
        form: dict[str, str | list[str]] = {}
        if chosen is not None:
            form = {"shown": "1", "grant": scopes.split(","), "page": list(chosen)}
        session = self.oauth.log_in(self.sandbox.code(scopes, **form), REDIRECT)
        if fault:
            self.world.faults.append(fault)
        return discover(self.accounts, session, known or {})

    def paths(self) -> list[object]:
        return [item["path"] for call in self.world.calls for item in call.get("batch", [])]


@pytest.fixture
def person(sandbox: Sandbox) -> Iterator[Person]:
    with connected(sandbox) as connection:
        yield Person(sandbox, OAuth(connection), Accounts(connection))


def connected(sandbox: Sandbox) -> GraphConnection:
    return GraphConnection(
        url=sandbox.url,
        version="v26.0",
        app_id=sandbox.world.app_id,
        app_secret=sandbox.world.app_secret,
        patience=NO_PATIENCE,
    )


def pages(found: Discovery) -> list[PageId]:
    return [access.page_id for access in found.accesses]


def reasons(found: Discovery) -> dict[PageId, str]:
    return {problem.page_id: problem.reason for problem in found.problems}


class TestFound:
    def test_the_list_is_enough_where_nothing_is_missing(self, person: Person) -> None:
        found = person.discover(chosen=ALL)
        assert (pages(found), found.problems, found.notes) == (ALL, (), ())
        assert "me/businesses" not in person.paths()
        assert not set(person.paths()) & set(ALL)

    def test_pages_of_portfolios_come_with_business_management(self, person: Person) -> None:
        person.world.standings[ONE] = Standing(business="9001", listed=False)
        person.world.standings[TWO] = Standing(business="9001", listed=False, is_client=True)
        found = person.discover(WITH_BUSINESS)
        assert sorted(pages(found)) == ALL
        assert (found.problems, found.notes) == ((), ())

    def test_a_picked_page_that_no_list_names_is_found_by_its_id(self, person: Person) -> None:
        person.world.standings[TWO] = Standing(business="9001")
        found = person.discover(chosen=ALL)
        assert pages(found) == [ONE, THREE, TWO]
        assert (found.problems, found.notes) == ((), ())

    def test_a_page_of_an_earlier_login_that_no_list_names_is_found_too(
        self, person: Person
    ) -> None:
        person.world.standings[TWO] = Standing(listed=False)
        assert sorted(pages(person.discover(known={TWO: "Old name"}))) == ALL

    def test_without_the_list_the_picked_pages_are_found(self, person: Person) -> None:
        found = person.discover("pages_read_engagement", chosen=[ONE, TWO])
        assert (pages(found), found.problems, found.notes) == ([ONE, TWO], (), ())

    def test_thousands_of_pages_need_no_request_each(self) -> None:
        with servers.sandbox(World(page_count=2000)) as sandbox, connected(sandbox) as connection:
            person = Person(sandbox, OAuth(connection), Accounts(connection))
            listed, owned = sandbox.world.page_ids[:1000], sandbox.world.page_ids[1000:1500]
            hidden = sandbox.world.page_ids[1500:]
            sandbox.world.standings |= {page: Standing(business="9001") for page in owned}
            sandbox.world.standings |= {page: Standing(listed=False) for page in hidden}
            before = len(sandbox.world.calls)
            found = person.discover(
                WITH_BUSINESS, chosen=[PageId(page) for page in sandbox.world.page_ids]
            )
            assert len(found.accesses) == len({*listed, *owned, *hidden}) == 2000
            assert found.problems == ()
            # Login 4; the list 15; portfolios 1 + 5 + 1; 500 pages one by one 10.
            assert len(sandbox.world.calls) - before <= 40


class TestReasons:
    def test_a_page_without_a_task(self, person: Person) -> None:
        person.world.standings[ONE] = Standing(tasks=[])
        person.world.standings[TWO] = Standing(tasks=[], business="9001")
        found = person.discover(WITH_BUSINESS)
        assert pages(found) == [THREE]
        assert reasons(found) == {ONE: NO_TASK, TWO: NO_TASK}
        assert found.problems[0].name == "Café Zeitgeist"

    def test_a_page_whose_tasks_allow_no_webhook_is_kept_and_told(self, person: Person) -> None:
        person.world.standings[ONE] = Standing(tasks=["ANALYZE", "ADVERTISE"])
        person.world.standings[TWO] = Standing(tasks=["PROFILE_PLUS_MODERATE"])
        person.world.standings[THREE] = Standing(tasks=["PROFILE_PLUS_FULL_CONTROL"])
        found = person.discover()
        assert pages(found) == ALL
        ((page, reason),) = reasons(found).items()
        assert page == ONE
        assert "(ADVERTISE, ANALYZE)" in reason
        assert "CREATE_CONTENT, MANAGE or MODERATE" in reason

    def test_a_picked_page_that_cannot_be_seen(self, person: Person) -> None:
        person.world.remove(TWO)
        assert reasons(person.discover(chosen=ALL)) == {TWO: IN_PORTFOLIO}
        assert reasons(person.discover(WITH_BUSINESS, chosen=ALL)) == {TWO: GONE}

    def test_a_page_known_from_before_that_was_not_picked_now(self, person: Person) -> None:
        found = person.discover(known={ONE: "One", TWO: "Two"}, chosen=[ONE])
        assert pages(found) == [ONE]
        (problem,) = found.problems
        assert (problem.page_id, problem.name, problem.reason) == (TWO, "Two", NOT_CHOSEN)

    def test_a_page_that_was_not_picked_is_told_as_such_whatever_facebook_says(
        self, person: Person
    ) -> None:
        found = person.discover(known={TWO: "Two"}, chosen=[ONE], fault=Fault(TWO, 1, 403, REFUSED))
        assert reasons(found) == {TWO: NOT_CHOSEN}
        found = person.discover(known={TWO: "Two"}, chosen=[ONE], fault=Fault(TWO, 9, 400, DOWN))
        assert "try again" in reasons(found)[TWO]

    def test_a_page_known_from_before_that_is_gone_where_all_are_open(self, person: Person) -> None:
        person.world.remove(TWO)
        assert reasons(person.discover(WITH_BUSINESS, known={TWO: "Two"})) == {TWO: GONE}

    def test_a_page_that_lacks_a_permission(self, person: Person) -> None:
        person.world.standings[TWO] = Standing(listed=False)
        found = person.discover(chosen=ALL, fault=Fault(TWO, 1, 403, REFUSED))
        assert pages(found) == [ONE, THREE]
        assert "(#10)" in reasons(found)[TWO]
        assert "fbsync login" in reasons(found)[TWO]

    def test_a_page_that_was_not_answered_for_in_time(self, person: Person) -> None:
        person.world.standings[TWO] = Standing(listed=False)
        found = person.discover(chosen=ALL, fault=Fault(TWO, 9, 400, DOWN))
        assert pages(found) == [ONE, THREE]
        assert "try again" in reasons(found)[TWO]

    @pytest.mark.parametrize(
        ("scopes", "note"), [("pages_manage_metadata", NO_LIST), (SCOPES, NO_PAGES)]
    )
    def test_no_page_at_all_is_explained(self, person: Person, scopes: str, note: str) -> None:
        for page in ALL:
            person.world.remove(page)
        found = person.discover(scopes)
        assert (found.accesses, found.problems, found.notes) == ((), (), (note,))


class TestFailure:
    """What was found before stays found."""

    @pytest.mark.parametrize(
        ("path", "error", "note"),
        [
            ("me/businesses", DOWN, "The list of your business portfolios"),
            ("me/businesses", REFUSED, "The list of your business portfolios"),
            ("9001/owned_pages", DOWN, "business portfolio 9001 and those after it"),
            ("9001/owned_pages", REFUSED, "The list of pages of business portfolio 9001"),
        ],
    )
    def test_portfolios_that_cannot_be_read(
        self, person: Person, path: str, error: dict[str, object], note: str
    ) -> None:
        person.world.standings[ONE] = Standing(business="9001", listed=False)
        person.world.standings[TWO] = Standing(business="9002", listed=False)
        found = person.discover(WITH_BUSINESS, fault=Fault(path, 9, 400, error))
        assert THREE in pages(found)
        (told,) = found.notes
        assert note in told
        refused_one = error is REFUSED and path == "9001/owned_pages"
        assert (TWO in pages(found)) is refused_one

    def test_a_token_that_cannot_be_inspected(self, person: Person) -> None:
        person.world.faults.append(Fault("debug_token", 2, 400, REFUSED))
        found = person.discover()
        assert pages(found) == ALL
        (note,) = found.notes
        assert "chosen in the dialog" in note

    def test_pages_that_cannot_be_read_one_by_one(self) -> None:
        facts = TokenFacts("USER", frozenset(), None, None, frozenset({TWO}))
        session = Session(UserToken("7", "Sam", "EAAuser"), Permissions(frozenset()), facts)
        listed = [{"id": ONE, "name": "One", "access_token": "EAAone"}]
        answers = [
            httpx.Response(200, json=[item({"data": listed})]),
            httpx.Response(502, text="<html>Bad gateway</html>"),
        ]
        connection = GraphConnection(
            url=URL, version="v26.0", app_id=APP, app_secret="secret", patience=NO_PATIENCE
        )
        with connection, respx.mock(base_url=URL) as router:
            router.post("/v26.0/").mock(side_effect=answers)
            found = discover(Accounts(connection), session, {THREE: "Three"})
        assert pages(found) == [ONE]
        assert found.notes[0].startswith("Some of 2 pages, one by one, could not be read: Facebook")

    def test_entries_without_a_usable_id_are_counted_and_the_others_found(
        self, person: Person
    ) -> None:
        entries = [{"id": ONE}, {"name": "Two"}, {"id": "../up"}]
        plain = json.dumps({"data": entries})
        found = person.discover(fault=Fault("me/accounts", 1, 200, None, name="odd", plain=plain))
        assert pages(found) == [ONE]
        (note,) = found.notes
        assert note.startswith("2 entries of the lists of your pages could not be read")

    def test_a_list_without_any_usable_id_does_not_say_that_there_is_no_page(
        self, person: Person
    ) -> None:
        plain = json.dumps({"data": [{"name": "Two"}]})
        found = person.discover(fault=Fault("me/accounts", 1, 200, None, name="odd", plain=plain))
        (note,) = found.notes
        assert note.startswith("1 entry of")

    def test_a_page_that_is_answered_for_without_an_id_leaves_the_others_alone(
        self, person: Person
    ) -> None:
        person.world.standings |= {page: Standing(listed=False) for page in ALL}
        fault = Fault(TWO, 1, 200, None, name="odd", plain='{"name": "Two"}')
        found = person.discover(chosen=ALL, fault=fault)
        assert pages(found) == [ONE, THREE]
        assert "something else than page" in reasons(found)[TWO]

    def test_a_list_that_breaks_off_ends_the_login(self, person: Person) -> None:
        with pytest.raises(GraphUnavailable):
            person.discover(fault=Fault("me/accounts", 9, 400, DOWN))
