"""The first use of another store than last time."""

from collections.abc import Callable

from fbsync.database.store_address import StoreAddress
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
    if was := known.move_to(store.address):
        warn(
            f"The store is another one than last time: it was {was}, it is now {store.address}.\n"
            "fbsync sync writes each page anew."
        )
