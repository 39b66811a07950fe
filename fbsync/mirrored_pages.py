"""`fbsync history` without a page: which pages a store holds, and their newest versions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from fbsync.console import Console
from fbsync.errors import UnreadableDocument
from fbsync.history_report import brief, noticed_at
from fbsync.mirror import Mirror
from fbsync.page import PageId, PageVersion
from fbsync.parallel import in_parallel
from fbsync.version_document import StoredPage

_THREADS = 8


@dataclass(frozen=True)
class MirroredPage:
    """A page as the store has it. `number` is its newest version's, 0 where it has none.

    `inaccessible` is the reason where that version says that the page is gone or its access lost.
    `damaged` are the documents that were to be read of it and are not as fbsync writes them.
    """

    page_id: PageId
    number: int
    name: str = ""
    noticed_at: datetime | None = None
    inaccessible: str | None = None
    damaged: tuple[UnreadableDocument, ...] = ()


def mirrored_pages(mirror: Mirror, limit: int) -> tuple[list[MirroredPage], bool]:
    """The first `limit` pages by their ids' text, and whether there are more.

    One request each, two for what is inaccessible or damaged, and a listing as far as it is needed.
    Raises NothingMirrored, StoreUnavailable.
    """
    some = list(islice(mirror.newest_numbers(), limit + 1))
    found = in_parallel(lambda one: _look(mirror, *one), some[:limit], _THREADS)
    return found, len(some) > limit


def _look(mirror: Mirror, page: PageId, number: int) -> MirroredPage:
    """The newest version has the name too, unless it is a tombstone."""
    damaged: list[UnreadableDocument] = []
    newest, name = None, ""
    try:
        newest = mirror.version(page, number) if number else None
    except UnreadableDocument as error:
        damaged.append(error)
    at = noticed_at(newest) if newest else None
    if isinstance(newest, PageVersion):
        return MirroredPage(page, number, StoredPage(page, newest.snapshot.fields).name, at)
    try:
        name = copy.name if (copy := mirror.page(page)) else ""
    except UnreadableDocument as error:
        damaged.append(error)
    reason = newest.reason if newest else None
    return MirroredPage(page, number, name, at, reason, tuple(damaged))


def show_mirrored_pages(
    console: Console, pages: list[MirroredPage], *, more: bool, limit: int
) -> None:
    """A row for each; what is damaged gets a line."""
    rows = [
        (
            page.page_id,
            page.name,
            page.number or "",
            f"{page.noticed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if page.noticed_at else "",
            brief(page.inaccessible) if page.inaccessible else "",
        )
        for page in pages
    ]
    console.table(("Page", "Name", "Version", "When (UTC)", "Inaccessible"), rows)
    for page in pages:
        for error in page.damaged:
            console.line("damaged", " ".join(str(error).split()), "red")
    if more:
        console.line("", f"… and more; --limit {10 * limit} shows more of them")
    else:
        console.line("", "To see a page's versions: fbsync history PAGE")


def mirrored_pages_as_json(pages: list[MirroredPage], *, more: bool) -> dict[str, object]:
    """`more`: the limit left pages out. `damaged` has the keys of what cannot be read, and why."""
    return {
        "pages": [
            {
                "page_id": page.page_id,
                "name": page.name,
                "version": page.number or None,
                "noticed_at": at.isoformat(timespec="milliseconds") if at else None,
                "inaccessible": page.inaccessible,
            }
            for page in pages
            for at in [page.noticed_at]
        ],
        "more": more,
        "damaged": [
            {"key": error.key, "reason": str(error)} for page in pages for error in page.damaged
        ],
    }
