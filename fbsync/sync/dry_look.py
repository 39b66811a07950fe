"""A look at pages of their own, without any mark, lease or write: for a dry run."""

from collections.abc import Sequence

from fbsync.errors import PermanentFailure
from fbsync.hallway.refresh import Outcome
from fbsync.page import PageId, PageSnapshot
from fbsync.ports import Inbox, ReadPages


def look_at(
    inbox: Inbox, read_pages: ReadPages, page_ids: Sequence[PageId]
) -> tuple[list[PageSnapshot], list[Outcome]]:
    """The pages that can be read, and what would become of the others; for up to 50 pages.

    Those that are set aside are not read. Raises what concerns all pages, and DatabaseUnavailable.
    """
    states = inbox.pages(page_ids)
    parked = [page for page in page_ids if page in states and states[page].parked]
    failed = [Outcome(page, "parked", reason=states[page].reason) for page in parked]
    snapshots = []
    for page, found in read_pages([page for page in page_ids if page not in parked]).items():
        if isinstance(found, PageSnapshot):
            snapshots.append(found)
        elif isinstance(found, PermanentFailure):
            failed.append(Outcome(page, "parked", reason=str(found)))
        else:
            failed.append(Outcome(page, "put off", reason=str(found)))
    return snapshots, failed
