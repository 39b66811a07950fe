"""The Graph API in our words: list pages, read pages.

Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph.errors.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fbsync.errors import FieldRefused, PermanentFailure, TemporaryFailure
from fbsync.graph.accounts import ACCOUNTS_PAGE_SIZE, read_listed
from fbsync.graph.answer import Answer
from fbsync.graph.call import GraphConnection, Read
from fbsync.graph.page_fields import PageFields
from fbsync.graph.usage import page_limit, person_limit
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken


@dataclass(frozen=True)
class Account:
    """One item of /me/accounts: the page as it is, and the right to read it if one came along."""

    snapshot: PageSnapshot
    access: PageAccess | None


class GraphPages:
    """The pages of one app's people. A page field that the Graph API refuses is left out."""

    def __init__(self, connection: GraphConnection, page_fields: PageFields) -> None:
        self._connection = connection
        self._page_fields = page_fields

    def accounts(self, user: UserToken) -> Iterator[list[Account]]:
        """The pages that a person manages, up to 100 at a time, from /me/accounts."""
        params = {"limit": str(ACCOUNTS_PAGE_SIZE)}
        while True:
            params["fields"] = self._page_fields.asked("name", "access_token", "tasks")
            try:
                read = Read("me/accounts", user.token, params, person_limit(user.user_id))
                answer = self._connection.read(read)
            except FieldRefused as error:
                self._page_fields.leave_out([error])
                continue
            yield [self._account(item, answer.version) for item in answer.items]
            after = answer.cursor_after(params.get("after"))
            if after is None:
                return
            params["after"] = after

    def read_pages(
        self, accesses: Collection[PageAccess]
    ) -> dict[PageId, PageSnapshot | TemporaryFailure | PermanentFailure]:
        """Read pages, each with its own token; one request for each 50 of them."""
        fields = self._page_fields.asked()
        reads = {
            access.page_id: Read(
                access.page_id, access.token, {"fields": fields}, page_limit(access.page_id)
            )
            for access in accesses
        }
        found: dict[PageId, PageSnapshot | TemporaryFailure | PermanentFailure] = {}
        refused: dict[PageId, FieldRefused] = {}
        for page, answer in self._connection.read_each(reads):
            if isinstance(answer, Answer):
                found[page] = self._page_fields.snapshot(page, answer.data, answer.version)
            elif isinstance(answer, FieldRefused):
                refused[page] = answer
            elif isinstance(answer, (TemporaryFailure, PermanentFailure)):
                found[page] = answer
        if refused:
            self._page_fields.leave_out(refused.values())
            found |= self.read_pages([access for access in accesses if access.page_id in refused])
        return found

    def _account(self, item: Mapping[str, Any], version: str) -> Account:
        listed = read_listed(item)
        return Account(self._page_fields.snapshot(listed.page_id, item, version), listed.access)
