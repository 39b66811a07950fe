"""A mirrored world whose store somebody else changes behind our back."""

from collections.abc import Collection

from fbsync.database.believed_objects import BelievedObjects
from fbsync.drift import Drift, Problem, Suspicion, page_of
from fbsync.page import PageId
from fbsync.ports import ObjectStore
from fbsync.verification.repair import Repair
from fbsync.verification.verification import Verification
from tests.hallway import World


def mirror(world: World, *pages: PageId, versions: int = 1) -> None:
    """Store so many versions of each page."""
    for number in range(1, versions + 1):
        for page in pages:
            world.see(page, name=f"Page {page}", about=f"As of version {number}")
        while world.refresh():
            pass


def repair_of(world: World, *, dry_run: bool = False, store: ObjectStore | None = None) -> Repair:
    return Repair(world.inbox, store or world.store, world.inbox.document, dry_run=dry_run)


def verify(
    world: World,
    *,
    wanted: Collection[PageId] | None = None,
    dry_run: bool = False,
    store: ObjectStore | None = None,
) -> list[Drift]:
    """One run, and what it reported."""
    found: list[Drift] = []
    repair = repair_of(world, dry_run=dry_run, store=store)
    believed = BelievedObjects(world.database)
    Verification(store or world.store, believed, repair, found.append, wanted=wanted).run()
    return found


def told(drifts: Collection[Drift]) -> list[tuple[str, str, str]]:
    """Each object's key, problem and remedy, in the order of the reports."""
    return [(drift.key, drift.problem, drift.remedy) for drift in drifts]


def suspicion(key: str, problem: Problem = "altered") -> Suspicion:
    page = page_of(key)
    assert page
    return Suspicion(page, key, problem)


def contents(store: ObjectStore) -> dict[str, bytes | None]:
    """Every object's bytes, by key."""
    return {found.key: store.get(found.key) for found in store.list("")}


def damage(store: ObjectStore, key: str, problem: Problem) -> None:
    """What somebody might do with the store's own tools; nothing is missing afterwards."""
    body = store.get(key)
    assert body
    store.put(key, body[:-5] if problem == "truncated" else body.swapcase())
