"""The pages' level over a wire that answers as told; with the sandbox see test_subscribe."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import respx

from fbsync.database.added_fields import AddedFields
from fbsync.database.engine import Database, sqlite_url
from fbsync.graph.call import GraphConnection
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.subscribe.page_levels import PageLevels
from fbsync.subscription_plan import FieldPlan, Level, Wish
from tests.graph_wire import APP, ONE, URL, Meta, access, error, item
from tests.instant import NO_PATIENCE

EDGE = "1/subscribed_apps"


class Page:
    """One page, and the end of its wire."""

    def __init__(self, levels: PageLevels, added: AddedFields, meta: Meta) -> None:
        self.levels, self.added, self.meta = levels, added, meta

    def apply(self, plan: FieldPlan) -> Level:
        wish = Wish("https://ours.example/hook", None, remove=bool(plan.remove))
        (level,) = self.levels.apply({ONE: plan}, [access(1)], wish)
        return level

    def reads(self, *answers: str | bool | None) -> None:
        """Batches to come: the fields that are on, True for a DELETE, None for an error."""
        self.meta.answer_reads(*([self._item(answer)] for answer in answers))

    @staticmethod
    def _item(answer: str | bool | None) -> dict[str, object]:
        if answer is None:
            return item(error(190), 400)
        if answer is True:
            return item({"success": True})
        return item({"data": [{"id": APP, "subscribed_fields": str(answer).split()}]})


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with (
        closing(Database(sqlite_url(tmp_path / "f.sqlite3"))) as database,
        respx.mock(base_url=URL) as router,
        GraphConnection(
            url=URL, version="v26.0", app_id=APP, app_secret="s", patience=NO_PATIENCE
        ) as connection,
    ):
        added = AddedFields(database)
        yield Page(PageLevels(GraphSubscriptions(connection), added), added, Meta(router))


def fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


def test_a_field_that_meta_took_and_dropped_in_silence_is_a_failure(page: Page) -> None:
    page.meta.answer_posts(EDGE, {"success": True})
    page.reads("name")
    level = page.apply(FieldPlan(add=fields("name phone")))
    assert (level.action, level.on) == ("failed", fields("name"))
    assert "did not make it: phone" in level.detail
    assert page.added.of_pages() == {ONE: fields("name")}


def test_a_write_whose_answer_was_lost_counts_by_what_is_there(page: Page) -> None:
    page.meta.answer_posts(EDGE, error(2), status=500)
    page.reads("name website")
    level = page.apply(FieldPlan(add=fields("name"), foreign=fields("website")))
    assert (level.ok, level.action) == (True, "changed")
    assert page.added.of_pages() == {ONE: fields("name")}


def test_a_page_that_cannot_be_read_again_is_a_failure(page: Page) -> None:
    page.meta.answer_posts(EDGE, {"success": True})
    page.reads(None)
    assert "fbsync login" in page.apply(FieldPlan(add=fields("name"))).detail


def test_fields_that_were_lost_with_the_app_are_named(page: Page) -> None:
    # The first POST adds, so the app is taken off; then its fields are refused.
    page.meta.answer_posts(EDGE, {"success": True}, error(200))
    page.reads("name phone", True, "")
    plan = FieldPlan(remove=fields("phone"), foreign=fields("name"))
    level = page.apply(plan)
    assert level.action == "failed"
    assert "refused these again: name.\nFacebook says: It failed." in level.detail


def test_a_refused_removal_is_a_failure_and_the_field_stays_ours(page: Page) -> None:
    page.added.note({ONE: {"phone"}})
    page.reads(None, "phone")
    level = page.apply(FieldPlan(remove=fields("phone")))
    assert level.action == "failed"
    assert page.added.of_pages() == {ONE: fields("phone")}


def test_where_the_rest_cannot_be_written_the_app_is_not_taken_off(page: Page) -> None:
    page.meta.answer_posts(EDGE, error(80001), status=400)
    page.reads("name phone")
    plan = FieldPlan(remove=fields("phone"), foreign=fields("name"))
    assert page.apply(plan).action == "failed"
    assert len(page.meta.requests) == 2
