"""A page with a history of every kind, written to a store as the hallway writes it."""

from datetime import UTC, datetime, timedelta

from fbsync.page import PageId, PageSnapshot, PageVersion, Tombstone, changes_between
from fbsync.ports import ObjectStore, history_key, page_key

PAGE = PageId("200000000000001")
FIRST = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ABOUT = "A small bakery in the old town, open from six in the morning until the bread is gone."
COPIES: tuple[dict[str, object], ...] = (
    {"id": PAGE, "name": "Blue Bottle", "about": ABOUT, "website": "https://one.example/"},
    {"id": PAGE, "name": "Blue Bottle Café", "about": ABOUT, "website": "https://one.example/"},
    {
        "id": PAGE,
        "name": "Blue Bottle Café",
        "about": ABOUT.replace("six", "seven"),
        "location": {"city": "Łódź", "zip": "90-001"},
    },
)
REASON = "The page is gone, or hidden from this login.\nRun: fbsync login"


def snapshot(place: int) -> PageSnapshot:
    return PageSnapshot(PAGE, COPIES[place], FIRST + timedelta(hours=place), "v26.0")


def versions() -> list[PageVersion | Tombstone]:
    """First read, a webhook, a time without access, and a poll that finds the page again."""
    one, two, three = (snapshot(place) for place in range(3))
    changed = [changes_between(None, one.fields), changes_between(one.fields, two.fields)]
    found: list[PageVersion | Tombstone] = [
        PageVersion(PAGE, 1, one, changed[0], "first"),
        PageVersion(PAGE, 2, two, changed[1], "webhook"),
        Tombstone(PAGE, 3, FIRST + timedelta(hours=1, minutes=30), REASON, "sync"),
        PageVersion(PAGE, 4, three, changes_between(two.fields, three.fields), "sync"),
    ]
    return found


def write(store: ObjectStore, up_to: int = 4) -> None:
    """The first `up_to` versions of the page, and the page as it is then."""
    for version in versions()[:up_to]:
        store.create(history_key(PAGE, version.number), version.document)
        if isinstance(version, PageVersion):
            store.put(page_key(PAGE), version.snapshot.document)
