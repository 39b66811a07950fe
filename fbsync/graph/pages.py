"""The Graph API in our words: list pages, read pages.

Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph.errors.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from fbsync.errors import FieldRefused, GraphUnavailable, PermanentFailure, TemporaryFailure
from fbsync.graph.accounts import (
    MY_PAGES,
    Odd,
    list_parts,
    not_the_page,
    read_listed,
    readable,
)
from fbsync.graph.answer import Answer
from fbsync.graph.budget import page_limit
from fbsync.graph.call import GraphConnection
from fbsync.graph.page_fields import PageFields
from fbsync.graph.read import Read
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken, told_page_id


class Account(NamedTuple):
    """One item of /me/accounts: the page as it is, and the right to read it if one came along."""

    snapshot: PageSnapshot
    access: PageAccess | None


class GraphPages:
    """The pages of one app's people. A page field that the Graph API refuses is left out."""

    def __init__(self, connection: GraphConnection, page_fields: PageFields) -> None:
        self._connection = connection
        self._page_fields = page_fields

    @property
    def left_out(self) -> tuple[str, ...]:
        """The wanted fields that are not asked for, as the Graph API refuses them."""
        return self._page_fields.left_out

    def accounts(self, user: UserToken, odd: Odd) -> Iterator[list[Account]]:
        """The pages that a person manages, up to 100 at a time, from /me/accounts.

        An entry that cannot be read is left out, and `odd` is told why.
        """
        fields = self._page_fields
        parts = list_parts(
            self._connection,
            MY_PAGES,
            user,
            lambda: fields.asked("name", "access_token", "tasks"),
            fields.leave_out,
        )
        for part in parts:
            read = partial(self._account, version=part.version)
            yield list(readable(part.items, read, odd))

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
                found[page] = self._snapshot(page, answer)
            elif isinstance(answer, FieldRefused):
                refused[page] = answer
            elif isinstance(answer, (TemporaryFailure, PermanentFailure)):
                found[page] = answer
        again = []
        for access in accesses:
            if refusal := refused.get(access.page_id):
                try:
                    self._page_fields.leave_out(refusal, asked=fields)
                    again.append(access)
                except FieldRefused:
                    found[access.page_id] = refusal  # nothing that we could leave out
        return found | self.read_pages(again) if again else found

    def _snapshot(self, page: PageId, answer: Answer) -> PageSnapshot | GraphUnavailable:
        """What names no id, or another page's, is not the page: its fields are not cleared."""
        with suppress(ValueError):
            if told_page_id(answer.data.get("id")) == page:
                return self._page_fields.snapshot(page, answer.data, answer.version)
        return not_the_page(page)

    def _account(self, item: Mapping[str, Any], version: str) -> Account:
        listed = read_listed(item)
        return Account(self._page_fields.snapshot(listed.page_id, item, version), listed.access)
