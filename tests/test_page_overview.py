"""How each page stands, on the sandbox, with a vault and an inbox on real files."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.vault import Vault
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.page import PageAccess, PageId, UserToken
from fbsync.page_overview import Expected, Overview, PageRow, survey
from fbsync.ports import LastStored
from fbsync.sandbox.world import AppSubscription
from fbsync.webhook import Delivery, VerifiedBody
from fbsync.wording import counted
from tests.ports import free_port
from tests.servers import Sandbox
from tests.test_subscriber import ONE, TWO, connect

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://ours.example/hook"
FIELDS = frozenset({"name", "phone"})
EXPECTED = Expected(FIELDS, URL)


@dataclass
class Operator:
    """Somebody who is logged in, with a page of their own each for two persons."""

    sandbox: Sandbox
    vault: Vault
    inbox: DatabaseInbox
    graph: GraphSubscriptions

    def log_in(self, person: str, page: PageId, ends: datetime | None = None) -> None:
        token = self.sandbox.page_token(self.sandbox.log_in(), page)
        user = UserToken(person, person, "EAA", ends)
        self.vault.save(user, [PageAccess(page, f"Page of {person}", token)])

    def subscribe(self, app: str, page: PageId, fields: str, active: bool = True) -> None:
        world = self.sandbox.world
        world.app_subscriptions["page"] = AppSubscription(
            URL, frozenset(app.split()), include_values=True, active=active
        )
        world.page_subscriptions[page] = frozenset(fields.split())

    def survey(self, *only: PageId, expected: Expected = EXPECTED) -> Overview:
        return survey(self.vault, self.inbox, self.graph, expected, only or None, NOW)

    def row(self, expected: Expected = EXPECTED) -> PageRow:
        (row,) = self.survey(expected=expected).rows
        return row


@pytest.fixture
def operator(sandbox: Sandbox, tmp_path: Path) -> Iterator[Operator]:
    with (
        closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database,
        connect(sandbox) as connection,
    ):
        vault = Vault(database, [Fernet.generate_key().decode()])
        inbox = DatabaseInbox(database, NOW.timestamp)
        yield Operator(sandbox, vault, inbox, GraphSubscriptions(connection))


def test_a_page_in_order_needs_nothing(operator: Operator) -> None:
    ends = NOW + timedelta(days=60)
    operator.log_in("anna", ONE, ends)
    operator.subscribe("name phone feed", ONE, "name phone videos")
    body = VerifiedBody(b"{}")
    operator.inbox.record([Delivery("d", body, (ONE,), NOW)])
    (claim,) = operator.inbox.claim(50)
    operator.inbox.finish(claim, LastStored(1, "d", {"name": "Bakery"}))
    found = operator.survey()
    assert (found.ok, found.failure) == (True, None)
    assert found.rows == (
        PageRow(ONE, "Page of anna", "ok", ends, FIELDS, 1, NOW, NOW, attention=()),
    )


def test_pages_of_several_people_have_each_their_own_login(operator: Operator) -> None:
    operator.log_in("anna", ONE, NOW + timedelta(days=8))
    operator.log_in("ben", TWO, NOW)
    operator.subscribe("name phone", ONE, "name phone")
    operator.subscribe("name phone", TWO, "name phone")
    one, two = operator.survey().rows
    assert (one.token, one.attention) == ("ok", ())
    assert (two.token, two.login_ends) == ("expired", NOW)
    assert "fbsync login" in two.attention[0]
    assert [row.page_id for row in operator.survey(TWO).rows] == [TWO]


def test_a_login_that_ends_within_a_week_needs_attention(operator: Operator) -> None:
    operator.log_in("anna", ONE, NOW + timedelta(days=7))
    operator.subscribe("name phone", ONE, "name phone")
    row = operator.row()
    assert (row.token, row.attention) == ("expires", ("its login ends soon; run fbsync login",))


@pytest.mark.parametrize(
    ("app", "page", "active", "live"),
    [
        ("name", "name phone", True, {"name"}),
        ("name phone", "phone", True, {"phone"}),
        ("name phone", "name phone", False, set()),
        ("name phone", "", True, set()),
    ],
)
def test_a_field_counts_only_where_it_is_on_at_both_levels_of_an_active_subscription(
    operator: Operator, app: str, page: str, active: bool, live: set[str]
) -> None:
    operator.log_in("anna", ONE)
    operator.subscribe(app, ONE, page, active)
    row = operator.row()
    assert row.live == frozenset(live)
    assert f"{counted(2 - len(live), 'webhook field')} off" in row.attention[0]


def test_another_callback_gets_nothing_to_us(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    operator.subscribe("name phone", ONE, "name phone")
    operator.sandbox.world.app_subscriptions["page"].callback_url = "https://other.example/"
    assert operator.row().live == frozenset()


def test_without_an_address_of_ours_no_webhook_is_missed(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    assert operator.row(Expected(FIELDS, "")).attention == ()
    operator.subscribe("name phone", ONE, "name")
    assert operator.row(Expected(FIELDS, "")).live == frozenset({"name"})


def test_a_refused_token_is_told_with_its_reason(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    operator.subscribe("name phone", ONE, "name phone")
    operator.sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": ONE})
    row = operator.row()
    assert (row.token, row.live) == ("refused", None)
    assert "changed their password" in row.attention[0]


def test_a_page_without_a_token_is_named_by_its_last_copy(operator: Operator) -> None:
    operator.inbox.mark([ONE], "webhook")
    (claim,) = operator.inbox.claim(50)
    operator.inbox.finish(claim, LastStored(4, "d", {"name": "Bakery"}))
    row = operator.row()
    assert (row.name, row.token, row.version) == ("Bakery", "none", 4)
    assert "no token is stored" in row.attention[0]


def test_a_page_that_nobody_knows_is_listed_if_it_is_asked_for_and_is_no_good_news(
    operator: Operator,
) -> None:
    found = operator.survey(PageId("99"))
    (row,) = found.rows
    assert (row.page_id, row.name, row.token) == ("99", "", "none")
    assert row.attention == ("nobody who logged in here manages it; check the id",)
    assert not found.ok


def test_an_id_that_only_an_event_named_is_counted_and_needs_nothing(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    operator.subscribe("name phone", ONE, "name phone")
    foreign = PageId("99999999999999999999")
    operator.inbox.record([Delivery("d", VerifiedBody(b"{}"), (foreign,), NOW)])
    (claim,) = operator.inbox.claim(50)
    operator.inbox.park(claim, "No token for this page is stored. Run: fbsync login")
    found = operator.survey()
    assert [row.page_id for row in found.rows] == [ONE]
    assert (found.ok, found.unmanaged) == (True, 1)
    asked = operator.survey(foreign)
    assert [(row.page_id, row.token) for row in asked.rows] == [(foreign, "none")]
    assert "check the id" in asked.rows[0].attention[0]
    assert (asked.ok, asked.unmanaged) == (False, 0)


def test_a_mirrored_page_that_lost_its_token_is_listed_and_needs_attention(
    operator: Operator,
) -> None:
    operator.inbox.mark([ONE], "webhook")
    (claim,) = operator.inbox.claim(50)
    operator.inbox.finish(claim, LastStored(1, "d", {"name": "Bakery"}))
    found = operator.survey()
    assert (found.ok, found.unmanaged) == (False, 0)
    assert [row.page_id for row in found.rows] == [ONE]


def test_a_page_with_a_token_that_was_never_mirrored_is_listed(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    operator.subscribe("name phone", ONE, "name phone")
    operator.inbox.mark([ONE], "sync")
    (claim,) = operator.inbox.claim(50)
    operator.inbox.park(claim, "No right.")
    assert operator.row().attention == ("set aside: No right.",)
    assert operator.survey().unmanaged == 0


def test_a_page_of_two_people_is_one_row_with_the_login_of_the_best_access(
    operator: Operator,
) -> None:
    ends = NOW + timedelta(days=60)
    operator.log_in("anna", ONE, ends)
    analyst = PageAccess(ONE, "Page of ben", "EAAben", ("ANALYZE",))
    operator.vault.save(UserToken("ben", "ben", "EAA", NOW), [analyst])
    operator.subscribe("name phone", ONE, "name phone")
    row = operator.row()
    assert (row.name, row.token, row.login_ends) == ("Page of anna", "ok", ends)


def test_a_page_that_was_set_aside_says_why(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    operator.subscribe("name phone", ONE, "name phone")
    operator.inbox.mark([ONE], "sync")
    (claim,) = operator.inbox.claim(50)
    operator.inbox.park(claim, "No right.\nRun: fbsync login")
    assert operator.row().attention == ("set aside: No right. Run: fbsync login",)


def test_where_facebook_cannot_be_reached_the_rest_is_listed(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    with connect(operator.sandbox, f"http://127.0.0.1:{free_port()}") as down:
        operator.graph = GraphSubscriptions(down)
        found = operator.survey()
    assert not found.ok
    assert "cannot be reached" in str(found.failure)
    (row,) = found.rows
    assert (row.name, row.token, row.live, row.attention) == ("Page of anna", "stored", None, ())


def test_pages_that_could_not_be_read_for_the_moment_are_counted(operator: Operator) -> None:
    operator.log_in("anna", ONE)
    operator.subscribe("name phone", ONE, "name phone")
    fault = {"path": f"{ONE}/subscribed_apps", "error": {"code": 2, "message": "Down."}}
    operator.sandbox.client.post("/_sandbox/faults", json=fault)
    found = operator.survey()
    assert str(found.failure).startswith("1 page could not be read: Facebook says: Down.")
    assert found.rows[0].token == "stored"  # noqa: S105 - no password, but a word of ours


def test_a_hundred_pages_take_three_requests(operator: Operator) -> None:
    token = operator.sandbox.page_token(operator.sandbox.log_in(), ONE)
    many = [PageAccess(PageId(str(number)), "", token) for number in range(1, 101)]
    operator.vault.save(UserToken("anna", "anna", "EAA"), many)
    operator.sandbox.world.calls.clear()
    assert len(operator.survey().rows) == 100
    assert len(operator.sandbox.world.calls) == 3  # the app's, and two for the pages
