"""The lists of pages of all people who logged in, read with their tokens: what a poll goes by."""

from collections.abc import Callable, Iterator

from fbsync.database.departures import Departures
from fbsync.database.vault import Vault
from fbsync.errors import GRAPH_FAILURES, FbsyncError, GraphUnavailable, NoAccess
from fbsync.graph.pages import GraphPages
from fbsync.page import PageId, PageSnapshot, UserToken
from fbsync.wording import counted


class PageLists:
    """What the people in the vault manage, and what those who left leave behind."""

    def __init__(self, pages: GraphPages, vault: Vault, departures: Departures) -> None:
        self._pages = pages
        self._vault = vault
        self._departures = departures

    def poll(
        self, *, keep_tokens: bool, refused: Callable[[str, FbsyncError], None]
    ) -> Iterator[list[PageSnapshot]]:
        """All pages of all people who logged in, part by part; new page tokens are kept.

        `refused` is told of a person whose list, or an entry of it, cannot be read now, with the
        reason; the others' lists are. Raises NoAccess where nobody has logged in, and what
        concerns everybody: that Facebook cannot be reached, or that every list fails for now.
        """
        users = self._vault.users(refused)
        if not users:
            left = len(self._departures.pages_left())
            pages = f"{left} mirrored pages keep their last copy" if left else "there are no pages"
            raise NoAccess(f"Nobody is logged in, so {pages}.\nRun: fbsync login")
        unavailable = list[tuple[str, GraphUnavailable]]()
        for user in users:
            try:
                yield from self._poll_one(user, keep_tokens=keep_tokens, refused=refused)
            except GRAPH_FAILURES as error:
                if error.of_app:
                    raise
                if isinstance(error, GraphUnavailable):
                    unavailable.append((user.name, error))
                else:
                    refused(user.name, error)
        if len(unavailable) == len(users):
            raise unavailable[0][1]
        for name, failure in unavailable:
            refused(name, failure)

    def _poll_one(
        self, user: UserToken, *, keep_tokens: bool, refused: Callable[[str, FbsyncError], None]
    ) -> Iterator[list[PageSnapshot]]:
        odd: list[FbsyncError] = []
        for part in self._pages.accounts(user, odd.append):
            accesses = [account.access for account in part if account.access]
            if keep_tokens and (new := self._vault.not_stored(user.user_id, accesses)):
                is_logged_in = self._vault.add_pages(user, new)
                if not is_logged_in:
                    return  # and what they list is not ours to read any more
            yield [account.snapshot for account in part]
        if odd:
            entries = counted(len(odd), "entry", "entries")
            refused(user.name, GraphUnavailable(f"{entries} could not be read: {odd[0]}"))

    def known_pages(self) -> list[PageId]:
        """The pages that have a token, and mirrored ones that lost it as somebody left.

        In their order; where somebody leaves just then, some may come twice.
        """
        known = self._vault.page_ids()
        known += self._departures.pages_left()
        known.sort()
        return known
