"""A page read by itself: with the stored token that is best, or the next one if it is refused."""

from collections.abc import Sequence

from fbsync.database.vault import Vault
from fbsync.errors import NoAccess, PermanentFailure
from fbsync.graph.pages import GraphPages
from fbsync.hallway.refresh import Reading
from fbsync.page import PageId
from fbsync.ports import Inbox


class PageReads:
    """What the vault's tokens read. `inbox` knows the pages of which there is a copy."""

    def __init__(self, pages: GraphPages, vault: Vault, inbox: Inbox) -> None:
        self._pages = pages
        self._vault = vault
        self._inbox = inbox

    def read(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        """ports.ReadPages: each page with its own stored token, or the next best if it is refused.

        Where all are refused, the reason of the best one is told.
        """
        found: dict[PageId, Reading] = {}
        left = self._vault.ranked_accesses(page_ids, found.__setitem__)
        found |= self._without_token([page for page in page_ids if page not in {*left, *found}])
        while left:
            for page, reading in self._pages.read_pages(
                [best for best, *_ in left.values()]
            ).items():
                if page not in found or not isinstance(reading, PermanentFailure):
                    found[page] = reading
            left = {
                page: others
                for page, (_, *others) in left.items()
                if others and isinstance(found.get(page), PermanentFailure)
            }
        return found

    def _without_token(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        """Why these are not read: a login helps where nobody is logged in, or there is a copy."""
        if not page_ids:
            return {}
        states = self._inbox.pages(page_ids)
        mirrored = {page for page, state in states.items() if state.last}
        nobody = not self._vault.names()
        helps = NoAccess("No token for this page is stored. Run: fbsync login")
        foreign = NoAccess("Nobody who logged in manages this page, and there is no copy of it.")
        return {page: helps if nobody or page in mirrored else foreign for page in page_ids}
