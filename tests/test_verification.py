"""`sync --verify` on the whole of a store."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete

from fbsync.database.believed_objects import BelievedObjects
from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import stored_versions
from fbsync.database.stored_versions import StoredVersions
from fbsync.drift import Drift, Problem
from fbsync.errors import DatabaseUnavailable, PageGone
from fbsync.hallway.refresh import CLAIM_LIMIT, Refresher
from fbsync.page import PageId, canonical_json
from fbsync.ports import ObjectStore, StoredObject, history_key, page_key
from fbsync.store.directory import DirectoryStore
from fbsync.store.spaces import SpacesStore
from fbsync.verification.repair import Repair
from fbsync.verification.verification import Verification
from tests.buckets import BUCKET, bare_client, keys_in, make_bucket, spaces
from tests.drifting import contents, damage, mirror, repair_of, told, verify
from tests.hallway import ONE, THREE, TWO, Facebook, FailingInbox, Store, World
from tests.servers import S3Server

PROBLEMS: tuple[Problem, ...] = ("missing", "altered", "truncated")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


def test_a_store_that_is_as_the_database_says_shows_no_drift(world: World) -> None:
    mirror(world, ONE, TWO, versions=2)
    assert verify(world) == []


def test_an_empty_store_of_an_empty_database_is_in_order(world: World) -> None:
    assert verify(world) == []


@pytest.mark.parametrize("key", [page_key(ONE), history_key(ONE, 1), history_key(ONE, 2)])
@pytest.mark.parametrize("problem", ["altered", "truncated"])
def test_each_kind_of_object_is_named_and_repaired(
    world: World, key: str, problem: Problem
) -> None:
    mirror(world, ONE, versions=2)
    whole = contents(world.store)
    damage(world.store, key, problem)
    assert told(verify(world)) == [(key, problem, "repaired")]
    assert contents(world.store) == whole
    assert verify(world) == []


def test_a_whole_store_that_is_gone_comes_back(world: World, tmp_path: Path) -> None:
    pages = [PageId(str(number)) for number in range(1, 2 * CLAIM_LIMIT + 2)]
    mirror(world, *pages)
    whole = contents(world.store)
    for path in sorted((tmp_path / "store").rglob("*.json")):
        path.unlink()
    found = verify(world)
    assert told(found) == [(key, "missing", "repaired") for key in sorted(whole)]
    assert contents(world.store) == whole


def test_what_is_not_ours_is_named_and_never_touched(world: World, tmp_path: Path) -> None:
    mirror(world, ONE)
    foreign = ["1/history/000009.json", "1/notes.txt", "1/odd\\name", "7/page_data.json"]
    folder = tmp_path / "store" / "facebook"
    (folder / "7").mkdir()
    for key in (*foreign, "readme.txt"):
        (folder / key).write_bytes(b"somebody's")
    assert told(verify(world)) == [(key, "unknown", "left alone") for key in foreign]
    assert all((folder / key).read_bytes() == b"somebody's" for key in foreign)


def test_only_the_wanted_pages_are_looked_at(world: World) -> None:
    mirror(world, ONE, TWO, THREE, PageId("11"))
    for page in (ONE, TWO, PageId("11")):
        damage(world.store, page_key(page), "altered")
    assert told(verify(world, wanted=[ONE, THREE, PageId("9")])) == [
        (page_key(ONE), "altered", "repaired")
    ]


def test_a_dry_run_names_and_changes_nothing(world: World) -> None:
    mirror(world, ONE, TWO)
    damage(world.store, page_key(ONE), "truncated")
    before = contents(world.store)
    for _ in range(2):
        assert told(verify(world, dry_run=True)) == [(page_key(ONE), "truncated", "named")]
    assert contents(world.store) == before


class SlowListing(Store):
    """Others act after it has seen every object, and before it tells of the first."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        seen = list(super().list(prefix))
        self.meanwhile()
        yield from seen


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_workers_write_after_the_listing_is_no_drift(
    world: World, tmp_path: Path, dry_run: bool
) -> None:
    pages = [PageId(str(number)) for number in range(1, 31)]
    mirror(world, *pages)
    store = SlowListing(tmp_path / "store")
    store.meanwhile = lambda: mirror(world, *pages, versions=2)
    assert verify(world, store=store, dry_run=dry_run) == []
    assert world.document(page_key(ONE)) == world.facebook.pages[ONE]


def test_a_page_that_is_stored_for_the_first_time_meanwhile_is_no_drift(
    world: World, tmp_path: Path
) -> None:
    mirror(world, TWO)
    store = SlowListing(tmp_path / "store")
    store.meanwhile = lambda: mirror(world, ONE, THREE)
    assert verify(world, store=store) == []


def test_each_object_is_counted_as_it_is_listed(world: World) -> None:
    mirror(world, ONE, TWO, versions=2)
    listed: list[int] = []
    run = Verification(
        world.store,
        BelievedObjects(world.database),
        repair_of(world),
        lambda drift: pytest.fail(drift.key),
    )
    assert run.total() == 6
    run.run(lambda: listed.append(1))
    assert len(listed) == 6


def damage_twenty(store: ObjectStore, delete: Callable[[str], object]) -> dict[str, str]:
    """Delete, alter and truncate one object in fifty; what was done, by key."""
    keys = [found.key for found in store.list("")]
    done: dict[str, str] = {}
    for key, problem in zip(keys[::49], itertools.cycle(PROBLEMS), strict=False):
        if problem == "missing":
            delete(key)
        else:
            damage(store, key, problem)
        done[key] = problem
        if len(done) == 20:
            break
    return done


def mirror_five_hundred(world: World, store: ObjectStore) -> None:
    """A thousand objects."""
    pages = [PageId(str(200_000_000_000_001 + number)) for number in range(500)]
    world.facebook.pages |= {page: {"id": page, "name": "Page"} for page in pages}
    world.inbox.mark(pages, "sync")
    refresher = Refresher(world.inbox, store, world.facebook.read_pages)
    while refresher.refresh():
        pass


def test_twenty_of_a_thousand_files_are_named_and_repaired(world: World, tmp_path: Path) -> None:
    mirror_five_hundred(world, world.store)
    whole = contents(world.store)
    damaged = damage_twenty(
        world.store, lambda key: (tmp_path / "store" / "facebook" / key).unlink()
    )
    found = verify(world)
    assert told(found) == [(key, problem, "repaired") for key, problem in damaged.items()]
    assert (len(whole), len(found), contents(world.store) == whole) == (1000, 20, True)


def noted_puts(store: SpacesStore, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each of its puts came to its end at the first try."""
    done: list[bool] = []
    put = store._wire.quick.put

    def noted(key: str, body: bytes, *, is_new: bool = False) -> bool:
        done.append(put(key, body, is_new=is_new))
        return done[-1]

    monkeypatch.setattr(store._wire.quick, "put", noted)
    return done


def test_twenty_of_a_thousand_objects_in_a_bucket_are_named_and_repaired_by_two_listings(
    world: World, seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bucket(seaweedfs)
    store = spaces(seaweedfs, "verified")
    mirror_five_hundred(world, store)
    whole = list(store.list(""))  # their ETags tell their bytes
    with bare_client(seaweedfs) as client:
        damaged = damage_twenty(
            store, lambda key: client.delete_object(Bucket=BUCKET, Key=f"verified/{key}")
        )
    asked: list[str] = []
    events = store._wire.client.meta.events
    events.register("before-send.s3", lambda event_name, **_: asked.append(event_name))
    puts = noted_puts(store, monkeypatch)
    before = store.list_requests
    found = verify(world, store=store)
    assert told(found) == [(key, problem, "repaired") for key, problem in damaged.items()]
    counts = Counter(name.rpartition(".")[2] for name in asked)
    assert counts["ListObjectsV2"] == store.list_requests - before <= 3
    assert puts == [True] * 20
    assert counts.keys() == {"ListObjectsV2", "HeadObject"}
    assert (len(whole), len(found), list(store.list("")) == whole) == (1000, 20, True)


class Busy:
    """A worker of its own that writes newer and newer versions of some pages until it is told."""

    def __init__(self, database_url: str, store: ObjectStore, pages: Sequence[PageId]) -> None:
        self.database = Database(database_url)
        self.facebook = Facebook()
        self.inbox = DatabaseInbox(self.database)
        self._store = store
        self._pages = pages
        self._thread = threading.Thread(target=self._work)
        self._end = threading.Event()
        self.rounds = 0

    def __enter__(self) -> "Busy":
        self.write()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.database.close()

    def write(self) -> None:
        self.rounds += 1
        names = {page: f"Page {page} of round {self.rounds}" for page in self._pages}
        self.facebook.pages |= {page: {"id": page, "name": name} for page, name in names.items()}
        self.inbox.mark(self._pages, "sync")
        refresher = Refresher(self.inbox, self._store, self.facebook.read_pages)
        while refresher.refresh() or self.inbox.status().waiting:
            pass

    def _work(self) -> None:
        while not self._end.is_set():
            self.write()


def test_beside_a_busy_worker_nothing_is_drift_and_nothing_newer_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    pages = [PageId(str(number)) for number in range(1, 9)]
    store = DirectoryStore(tmp_path / "busy", "")
    with Busy(database_url, store, pages) as worker, closing(Database(database_url)) as database:
        inbox, believed = DatabaseInbox(database), BelievedObjects(database)
        found: list[Drift] = []
        repair = Repair(inbox, store, StoredVersions(database).document)
        begun = worker.rounds
        while worker.rounds < begun + 10:
            Verification(store, believed, repair, found.append).run()
            # Somebody damages a page again and again.
            store.put(page_key(ONE), b"damaged")
    assert {drift.key for drift in found} <= {page_key(ONE)}
    with closing(Database(database_url)) as database:
        Verification(
            store,
            BelievedObjects(database),
            Repair(DatabaseInbox(database), store, StoredVersions(database).document),
            found.append,
        ).run()
    for page in pages:
        assert store.get(page_key(page)) == canonical_json(worker.facebook.pages[page])
        keys = keys_in(store, f"{page}/history/")
        assert keys == [history_key(page, n) for n in range(1, worker.rounds + 1)]


def test_what_a_dead_worker_wrote_is_adopted_by_the_next_one(world: World) -> None:
    mirror(world, ONE)
    world.see(ONE, name="Newer", about="As of a version with more words")
    with pytest.raises(DatabaseUnavailable):
        world.refresh(FailingInbox(world))
    world.clock.let_leases_run_out()
    written = contents(world.store)
    assert told(verify(world)) == [
        (history_key(ONE, 2), "unknown", "read again"),
        (page_key(ONE), "altered", "read again"),
    ]
    assert contents(world.store) == written
    world.refresh()
    assert contents(world.store) == written
    assert verify(world) == []


def test_a_page_that_is_gone_is_verified_with_its_tombstone(world: World) -> None:
    mirror(world, ONE)
    world.facebook.pages[ONE] = PageGone("It is gone.")
    world.inbox.mark([ONE], "webhook")
    assert world.refresh_one().kind == "parked"
    whole = contents(world.store)
    assert len(whole) == 3
    for key in whole:
        damage(world.store, key, "altered")
    assert told(verify(world)) == [(key, "altered", "repaired") for key in whole]
    assert contents(world.store) == whole
    assert world.inbox.pages()[ONE].parked


def test_versions_from_before_their_content_was_kept_are_named_where_they_are_missing(
    world: World, tmp_path: Path
) -> None:
    mirror(world, ONE, versions=3)
    with world.database.write() as connection:
        connection.execute(delete(stored_versions))
    assert verify(world) == []
    (tmp_path / "store" / "facebook" / history_key(ONE, 2)).unlink()
    (drift,) = verify(world)
    assert (drift.key, drift.problem, drift.remedy) == (
        history_key(ONE, 2),
        "missing",
        "not repaired",
    )
    assert "backup" in str(drift.reason)
