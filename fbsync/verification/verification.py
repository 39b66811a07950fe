"""`fbsync sync --verify`: the whole store beside what the database believes, by its listing.

    store.list + database.believed_objects -> drift.compare -> repair.settle

Memory does not grow with the number of objects: both streams are read in parts, and what differs is
settled some pages at a time.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator

from fbsync.database.believed_objects import BelievedObjects
from fbsync.drift import Drift, Suspicion, compare
from fbsync.hallway.refresh import CLAIM_LIMIT
from fbsync.page import PageId
from fbsync.ports import ObjectStore, StoredObject
from fbsync.verification.repair import Repair


class Verification:
    """One run over all pages, or over the `wanted` ones.

    `report` is called once for each object that is not as the database says.
    """

    def __init__(
        self,
        store: ObjectStore,
        believed: BelievedObjects,
        repair: Repair,
        report: Callable[[Drift], None],
        *,
        wanted: Collection[PageId] | None = None,
    ) -> None:
        self._store = store
        self._believed = believed
        self._repair = repair
        self._report = report
        self._folders = [None] if wanted is None else sorted(set(wanted))

    def total(self) -> int:
        """About how many objects will be listed. Raises DatabaseUnavailable."""
        return sum(self._believed.count(page) for page in self._folders)

    def run(self, listed: Callable[[], None] = lambda: None) -> None:
        """`listed` is called once for each object that is there.

        Raises StoreUnavailable where the store cannot be listed, and DatabaseUnavailable.
        """
        for page in self._folders:
            listing = self._store.list(f"{page}/" if page else "")
            suspicions = compare(_telling(listed, listing), self._believed.entries(page))
            for some in _by_pages(suspicions, CLAIM_LIMIT):
                for drift in self._repair.settle(some):
                    self._report(drift)


def _telling(listed: Callable[[], None], listing: Iterable[StoredObject]) -> Iterator[StoredObject]:
    for found in listing:
        listed()
        yield found


def _by_pages(suspicions: Iterable[Suspicion], limit: int) -> Iterator[list[Suspicion]]:
    """The suspicions of so many pages at a time."""
    of_pages = itertools.groupby(suspicions, key=lambda suspicion: suspicion.page_id)
    while some := [s for _, of_page in itertools.islice(of_pages, limit) for s in of_page]:
        yield some
