"""The first use of another store than last time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fbsync.database.store_address import Move, StoreAddress, is_same_store
from fbsync.errors import StoreUnavailable
from fbsync.ports import ObjectStore
from fbsync.store.keys import PROBE_KEY


def ask(store: ObjectStore) -> None:
    """That it answers, knows us and takes files, as far as one request tells.

    Raises StoreUnavailable.
    """
    store.check()
    next(store.list(PROBE_KEY), None)


def check_store(store: ObjectStore, known: StoreAddress) -> None:
    """As `ask`. The error says where the pages are so far if that is elsewhere."""
    with _beside_the_known(store, known):
        ask(store)


def move_to(
    store: ObjectStore,
    known: StoreAddress,
    warn: Callable[[str], None],
    *,
    brings_over: bool = False,
) -> None:
    """Remember the store, once it can be used: a mistyped folder must not undo what is known.

    `brings_over`: the caller brings the pages over now, and tells it.
    Raises StoreUnavailable, DatabaseUnavailable.
    """
    before = known.known()
    if before is not None and not is_same_store(before, store.identity):
        with _beside_the_known(store, known):
            store.check()
    if move := known.move_to(store.identity):
        warn(_told(move, store.identity, brings_over=brings_over))


@contextmanager
def _beside_the_known(store: ObjectStore, known: StoreAddress) -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        before = known.known()
        if before is None or is_same_store(before, store.identity):
            raise
        raise type(error)(f"{error}\nSo far the pages are in {before}.") from None


def _told(move: Move, store: str, *, brings_over: bool) -> str:
    told = f"The store is another one than last time: it was {move.before}, it is now {store}."
    if move.left_at is None:
        to_do = "Run fbsync sync: it brings every page over, with its versions."
        return told if brings_over else f"{told}\n{to_do}"
    return (
        f"{told}\nIt was {store} before, until {move.left_at:%Y-%m-%d %H:%M} UTC: do two programs"
        " use this database with different settings of the store?\nGive both the same, or each"
        " change makes fbsync sync write everything anew."
    )
