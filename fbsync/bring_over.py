"""After the store was moved: what the database knows of its pages is written to the new one.

Its versions, and page_data.json but of pages that a worker is to read: those are written by then.
Everything is created and nothing replaced: what the new place holds already stays as it is.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from fbsync.database.moving_pages import MovingPage, MovingPages
from fbsync.page import PageId
from fbsync.parallel import in_parallel
from fbsync.ports import ObjectStore, history_key, page_key
from fbsync.refresh import CLAIM_LIMIT, UPLOAD_THREADS
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
    wanted: Collection[PageId] | None = None,
    ends: Callable[[], bool] = lambda: False,
) -> Brought:
    """All pages that are still to come, or some of them; some at a time, so that it may end early.

    It may run beside workers: only they write versions with new numbers, and pages that are due a
    read. Raises StoreUnavailable and DatabaseUnavailable; the next run then goes on.
    """
    brought = Brought()
    for page_ids in _parts(moving, wanted):
        if ends():
            break
        if not (pages := moving.read(page_ids)):
            continue
        others = in_parallel(lambda page: _write(store, page), pages, UPLOAD_THREADS)
        left_out = [(p.page_id, n) for p, found in zip(pages, others, strict=True) for n in found]
        if not moving.arrived(store.address, [page.page_id for page in pages], left_out):
            break
        brought.pages += len(pages)
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


def _write(store: ObjectStore, page: MovingPage) -> list[int]:
    """The versions whose keys hold something else."""
    others = [
        number
        for number, body in sorted(page.versions.items())
        if not store.create(history_key(page.page_id, number), body)
    ]
    key = page_key(page.page_id)
    # The look before it is for servers that do not know how to create without replacing.
    if page.page_data is not None and store.head(key) is None:
        store.create(key, page.page_data)
    return others
