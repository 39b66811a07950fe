"""After the store was moved: what the database knows of its pages is written to the new one.

Its versions, and page_data.json but of pages that a worker is to read: those are written by then.
Everything is created and nothing replaced, but for page_data.json of pages that are set aside. No
worker writes those, and the new place may be an older one that has them as they were then.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from fbsync.database.moving_pages import MovingPage, MovingPages
from fbsync.drift import Suspicion
from fbsync.errors import StoreUnavailable
from fbsync.hallway.refresh import CLAIM_LIMIT, UPLOAD_THREADS
from fbsync.page import PageId
from fbsync.parallel import in_parallel
from fbsync.ports import Inbox, ObjectStore, etag_of, history_key, page_key
from fbsync.verification.repair import Repair
from fbsync.wording import counted


@dataclass
class Brought:
    """How many pages and versions were brought over.

    `others` are versions of which the new place holds other ones.
    """

    pages: int = 0
    versions: int = 0
    others: int = 0

    def __str__(self) -> str:
        told = f"{counted(self.pages, 'page')} with {counted(self.versions, 'version')}"
        if not self.others:
            return f"{told}."
        return (
            f"{told}.\n{counted(self.others, 'version')} had a namesake there with other content,"
            " which stays; so somebody wrote there before."
        )


def bring_over(
    moving: MovingPages,
    store: ObjectStore,
    inbox: Inbox,
    wanted: Collection[PageId] | None = None,
    ends: Callable[[], bool] = lambda: False,
    advance: Callable[[], None] = lambda: None,
) -> Brought:
    """All pages that are still to come, or some of them; some at a time, so that it may end early.

    Each page that came calls `advance`. It may run beside workers: only they write versions with
    new numbers, and pages that are due a read. Raises StoreUnavailable, StoreMoved and
    DatabaseUnavailable; the next run then goes on.
    """
    brought, repair = Brought(), Repair(inbox, store, inbox.document)
    for page_ids in _parts(moving, wanted):
        if ends():
            break
        if not (pages := moving.read(page_ids)):
            continue
        others = in_parallel(partial(_create_versions, moving, store), pages, UPLOAD_THREADS)
        left_out = [(p.page_id, n) for p, found in zip(pages, others, strict=True) for n in found]
        are_older = in_parallel(partial(_create_page, store), pages, UPLOAD_THREADS)
        older = [p.page_id for p, is_older in zip(pages, are_older, strict=True) if is_older]
        _replace(store, repair, older)
        if not moving.arrived(store.identity, [page.page_id for page in pages], left_out):
            break
        brought.pages += len(pages)
        for _ in pages:
            advance()
        brought.versions += sum(len(page.versions) for page in pages) - len(left_out)
        brought.others += len(left_out)
    return brought


def _parts(moving: MovingPages, wanted: Collection[PageId] | None) -> Iterator[Sequence[PageId]]:
    if wanted is not None:
        ordered = sorted(set(wanted))
        for start in range(0, len(ordered), CLAIM_LIMIT):
            yield ordered[start : start + CLAIM_LIMIT]
        return
    last = ""
    while found := moving.after(last, CLAIM_LIMIT):
        yield found
        last = found[-1]


def _create_versions(moving: MovingPages, store: ObjectStore, page: MovingPage) -> list[int]:
    """The versions whose keys hold something else. One at a time is in memory."""
    others = []
    for number in page.versions:
        body = moving.document(page.page_id, number)
        if body is not None and not store.create(history_key(page.page_id, number), body):
            others.append(number)
    return others


def _create_page(store: ObjectStore, page: MovingPage) -> bool:
    """Whether page_data.json is there, and is to be replaced."""
    if page.page_data is None:
        return False
    # The look before it is for servers that do not know how to create without replacing.
    seen = store.head(page_key(page.page_id))
    if seen is None:
        store.create(page_key(page.page_id), page.page_data)
        return False
    return page.is_parked and seen.etag != etag_of(page.page_data)


def _replace(store: ObjectStore, repair: Repair, page_ids: Sequence[PageId]) -> None:
    """Each under its lease, as somebody may open the page just now."""
    suspicions = [Suspicion(page, page_key(page), "altered") for page in page_ids]
    for drift in repair.settle(suspicions) if suspicions else ():
        if drift.remedy == "not repaired":
            raise StoreUnavailable(f"{store.address}/{drift.key} is older. {drift.reason}")
