"""The first use of another store than last time."""

from collections.abc import Callable

from fbsync.database.store_address import Move, StoreAddress
from fbsync.errors import StoreUnavailable
from fbsync.ports import ObjectStore


def move_to(store: ObjectStore, known: StoreAddress, warn: Callable[[str], None]) -> None:
    """Remember the store, once it can be used: a mistyped folder must not undo what is known.

    Raises StoreUnavailable, DatabaseUnavailable.
    """
    before = known.known()
    if before not in (None, store.address):
        try:
            store.check()
        except StoreUnavailable as error:
            raise StoreUnavailable(f"{error}\nSo far the pages are in {before}.") from None
    if move := known.move_to(store.address):
        warn(_told(move, store.address))


def _told(move: Move, address: str) -> str:
    told = f"The store is another one than last time: it was {move.before}, it is now {address}."
    if move.left_at is None:
        return f"{told}\nThe next fbsync sync writes every page there, with its versions."
    return (
        f"{told}\nIt was {address} before, until {move.left_at:%Y-%m-%d %H:%M} UTC: do two programs"
        " use this database with different settings of the store?\nGive both the same, or each"
        " change makes fbsync sync write everything anew."
    )
