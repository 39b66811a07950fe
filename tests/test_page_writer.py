"""What becomes of the objects of one page: tombstones and adopted versions."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fbsync.database.inbox import DatabaseInbox
from fbsync.database.moving_pages import MovingPages
from fbsync.database.store_address import StoreAddress
from fbsync.errors import (
    CallRefused,
    NoAccess,
    PageGone,
    PermanentFailure,
    PermissionMissing,
    StoreUnavailable,
    TokenRefused,
)
from fbsync.field_list import FieldList
from fbsync.hallway.refresh import Refresher
from fbsync.page import PageSnapshot, PageVersion
from fbsync.ports import INACCESSIBLE, history_key, page_key
from fbsync.sync.bring_over import bring_over
from tests.buckets import keys_in, make_bucket, spaces
from tests.drifting import contents
from tests.hallway import FETCHED, ONE, Store, World
from tests.servers import S3Server

PAGE = {"id": "1", "name": "A"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


def versions(world: World) -> list[dict[str, object]]:
    bodies = [world.store.get(key) for key in keys_in(world.store, "1/history/")]
    return [json.loads(body or b"") for body in bodies]


def lose(world: World, failure: PermanentFailure) -> None:
    world.inbox.unpark([ONE])
    world.inbox.mark([ONE], "webhook")
    world.facebook.pages[ONE] = failure
    assert world.refresh_one().kind == "parked"


@pytest.mark.parametrize("kind", [PageGone, NoAccess, TokenRefused, PermissionMissing])
def test_a_lost_page_gets_one_tombstone_and_a_version_when_it_is_back(
    world: World, kind: type[PermanentFailure]
) -> None:
    world.see(ONE, name="A")
    world.refresh()
    for _ in range(2):
        lose(world, kind("It is lost."))
    assert [version.get("inaccessible") for version in versions(world)] == [None, "It is lost."]
    assert world.document(page_key(ONE)) == PAGE
    last = world.inbox.pages()[ONE].last
    assert last is not None
    assert (last.number, last.digest, last.fields) == (2, INACCESSIBLE, PAGE)
    assert world.inbox.document(ONE, 2) == world.store.get(history_key(ONE, 2))

    world.inbox.unpark([ONE])
    world.see(ONE, name="A")
    assert world.refresh_one().kind == "stored"
    back = versions(world)[2]
    assert (back["number"], back["changes"], back["snapshot"]) == (3, [], PAGE)


def test_a_page_without_a_copy_and_a_refused_call_leave_no_tombstone(world: World) -> None:
    world.facebook.pages[ONE] = NoAccess("No token.")
    world.inbox.mark([ONE], "webhook")
    world.refresh()
    assert keys_in(world.store) == []
    world.inbox.unpark([ONE])
    world.see(ONE, name="A")
    world.refresh()
    lose(world, CallRefused("A bad parameter."))
    of_app = TokenRefused("The app's own.")
    of_app.of_app = True
    lose(world, of_app)
    assert len(versions(world)) == 1


def test_a_page_in_doubt_is_as_it_was_last_when_it_is_set_aside_for_whatever_reason(
    world: World, tmp_path: Path
) -> None:
    world.see(ONE, name="A")
    world.refresh()
    address = StoreAddress(world.database)
    address.move_to(world.store.address)
    world.store, former = Store(tmp_path / "new"), world.store
    world.inbox.mark([ONE], "webhook")
    address.move_to(world.store.address)
    # The page is due, so that page_data.json is left to a worker.
    bring_over(MovingPages(world.database), world.store, world.inbox)
    lose(world, CallRefused("A bad parameter."))
    assert contents(world.store) == contents(former)


def test_a_page_is_not_set_aside_before_its_tombstone_is_stored(world: World) -> None:
    def fail() -> None:
        raise StoreUnavailable("The disk is full.")

    world.see(ONE, name="A")
    world.refresh()
    world.store.before_put[len(world.store.puts) + 1] = fail
    world.facebook.pages[ONE] = PageGone("Gone.")
    world.inbox.mark([ONE], "webhook")
    assert world.refresh_one().kind == "put off"
    world.clock.seconds = datetime.now(UTC).timestamp() + 60
    assert world.refresh_one().kind == "parked"
    assert [version["number"] for version in versions(world)] == [1, 2]


def test_a_lost_database_goes_on_where_the_store_left_off(world: World, tmp_path: Path) -> None:
    for name in ("A", "B"):
        world.see(ONE, name=name)
        world.refresh()
    before = versions(world)
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other")
    other.store = world.store
    other.see(ONE, name="B")
    outcome = other.refresh_one()
    assert (outcome.kind, versions(world)) == ("stored", before)
    assert outcome.version is not None
    assert outcome.version.number == 2
    other.see(ONE, name="C")
    other.refresh()
    assert [version["number"] for version in versions(world)] == [1, 2, 3]
    assert other.inbox.document(ONE, 1) == world.store.get(history_key(ONE, 1))
    other.database.close()


def test_bytes_that_are_no_version_put_the_page_off_and_stay(world: World) -> None:
    world.store.put(history_key(ONE, 1), b"somebody's notes")
    world.see(ONE, name="A")
    outcome = world.refresh_one()
    assert outcome.kind == "put off"
    assert "Move that object away" in (outcome.reason or "")
    assert world.store.get(history_key(ONE, 1)) == b"somebody's notes"


def test_every_version_is_known_to_the_database(world: World) -> None:
    for name in ("A", "B"):
        world.see(ONE, name=name)
        world.refresh()
    inbox = DatabaseInbox(world.database)
    for number in (1, 2):
        assert inbox.document(ONE, number) == world.store.get(history_key(ONE, number))


def test_a_late_version_is_adopted_and_followed(world: World) -> None:
    world.see(ONE, name="A")
    world.refresh()
    late = PageSnapshot(ONE, {"id": "1", "name": "Late"}, FETCHED, "v26.0")
    world.store.create(history_key(ONE, 2), PageVersion(ONE, 2, late, (), "sync").document)
    world.see(ONE, name="B")
    outcome = world.refresh_one()
    assert outcome.version is not None
    assert (outcome.version.number, outcome.version.changes[0].before) == (3, "Late")


def test_in_doubt_a_version_that_somebody_altered_is_as_it_was(world: World) -> None:
    world.see(ONE, name="A")
    world.refresh()
    world.see(ONE, name="B")
    world.inbox.claim(50)
    world.clock.let_leases_run_out()  # a worker died
    before = world.store.get(history_key(ONE, 1)) or b""
    world.store.put(history_key(ONE, 1), before.replace(b'"A"', b'"X"'))
    outcome = world.refresh_one()
    assert outcome.drift == (f"{history_key(ONE, 1)} was altered",)
    assert world.store.get(history_key(ONE, 1)) == before
    assert world.inbox.document(ONE, 1) == before
    assert outcome.version is not None
    assert outcome.version.changes[0].before == "A"


def test_a_bucket_keeps_its_versions_as_a_folder_does(world: World, seaweedfs: S3Server) -> None:
    make_bucket(seaweedfs)
    store = spaces(seaweedfs)
    refresher = Refresher(world.inbox, store, world.facebook.read_pages)
    world.see(ONE, name="A")
    refresher.refresh()
    late = PageSnapshot(ONE, {"id": "1", "name": "Late"}, FETCHED, "v26.0")
    document = PageVersion(ONE, 2, late, (), "sync").document
    assert store.create(history_key(ONE, 2), document) is True
    store.put(page_key(ONE), b"{}")
    world.see(ONE, name="B")
    (stored,) = refresher.refresh()
    assert stored.version is not None
    assert (stored.version.number, stored.drift) == (3, (f"{page_key(ONE)} was altered",))
    world.facebook.pages[ONE] = PageGone("Gone.")
    world.inbox.mark([ONE], "webhook")
    assert [outcome.kind for outcome in refresher.refresh()] == ["parked"]
    assert keys_in(store) == [*(history_key(ONE, n) for n in range(1, 5)), page_key(ONE)]
    assert store.get(history_key(ONE, 2)) == document
    assert json.loads(store.get(page_key(ONE)) or b"") == {"id": "1", "name": "B"}


def test_an_adopted_version_tells_what_the_page_was_asked_for(world: World) -> None:
    asked, wider = FieldList.of(["id", "name"]), FieldList.of(["id", "name", "phone"])
    first = PageSnapshot(ONE, PAGE, FETCHED, "v26.0", asked=asked)
    # By a worker that died before its finish.
    world.store.create(history_key(ONE, 1), PageVersion(ONE, 1, first, (), "first").document)
    now = replace(first, fields={**PAGE, "phone": "1"}, asked=wider)
    world.inbox.mark([ONE], "sync")
    Refresher(world.inbox, world.store, lambda pages: {ONE: now}).refresh()
    second = versions(world)[1]
    assert (second["changes"], second["page_fields_added"]) == ([], ["phone"])
    last = world.inbox.pages()[ONE].last
    assert last is not None
    assert last.asked == wider


def test_a_lost_page_is_compared_with_the_list_from_before(world: World) -> None:
    asked, wider = FieldList.of(["id", "name"]), FieldList.of(["id", "name", "phone"])
    now = PageSnapshot(ONE, PAGE, FETCHED, "v26.0", asked=asked)
    readings: list[PageSnapshot | PermanentFailure] = [now, PageGone("It is gone.")]
    readings.append(replace(now, fields={"id": "1", "name": "B", "phone": "1"}, asked=wider))
    for reading in readings:
        world.inbox.mark([ONE], "webhook")
        Refresher(world.inbox, world.store, lambda pages, found=reading: {ONE: found}).refresh()  # type: ignore[misc]  # a default binds it
        world.inbox.unpark([ONE])
    back = versions(world)[2]
    assert back["page_fields_added"] == ["phone"]
    assert back["changes"] == [{"field": "name", "before": "A", "after": "B"}]
