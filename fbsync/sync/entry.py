"""Before a sync writes to its store: where that is another one, what is known comes along."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager

from fbsync.database.moving_pages import MovingPages
from fbsync.page import PageId
from fbsync.ports import ObjectStore
from fbsync.store.move import check_store, move_to
from fbsync.sync.bring_over import bring_over
from fbsync.wiring import Access
from fbsync.wording import counted

Bringing = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Entered with the number of pages that are to come, it gives what each page that came calls."""


@contextmanager
def _unseen(_total: int) -> Iterator[Callable[[], None]]:
    yield lambda: None


def enter_store(
    access: Access,
    store: ObjectStore,
    wanted: Collection[PageId] | None,
    say: Callable[[str], None],
    *,
    bringing: Bringing = _unseen,
    ends: Callable[[], bool] = lambda: False,
) -> None:
    """After a move, what the database knows of these pages is brought over; None: of all pages.

    An earlier run may have begun with it. Raises StoreUnavailable, StoreMoved, DatabaseUnavailable.
    """
    if access.store_address.known() != store.identity:
        check_store(store, access.store_address)
    else:
        store.check()  # which sends no request: unchanged pages cost none
    move_to(store, access.store_address, access.warn, brings_over=True)
    moving = MovingPages(access.database)
    if not (left := moving.count(wanted)):
        return
    say(f"Bringing over to {store.identity}: {counted(left, 'page')}, with all known versions …")
    with bringing(left) as advance:
        brought = bring_over(moving, store, access.inbox, wanted, ends, advance)
    say(f"Brought over to {store.identity}: {brought}")
