"""The Graph API in our words: list pages, read pages, read and write subscriptions.

Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph_errors.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fbsync.accounts import ACCOUNTS_PAGE_SIZE, limit_of, read_listed
from fbsync.errors import (
    FbsyncError,
    FieldRefused,
    GraphUnavailable,
    PermanentFailure,
    TemporaryFailure,
)
from fbsync.graph_answer import Answer, items, next_cursor
from fbsync.graph_call import MAX_BATCH, GraphConnection, Read
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken
from fbsync.page_fields import PageFields


@dataclass(frozen=True)
class Account:
    """One item of /me/accounts: the page as it is, and the right to read it if one came along."""

    snapshot: PageSnapshot
    access: PageAccess | None


@dataclass(frozen=True)
class AppSubscription:
    """The app's webhook subscription for pages (Meta, "App subscriptions")."""

    callback_url: str
    active: bool
    fields: frozenset[str]


class Graph:
    """The Graph API for one app. A page field that it refuses is left out."""

    def __init__(self, connection: GraphConnection, page_fields: PageFields) -> None:
        self._connection = connection
        self._page_fields = page_fields

    def revoke(self, user: UserToken) -> None:
        """Take all permissions back, as if the person removed the app: the token ends (Meta,
        "Permissions").

        Raises TokenRefused where it had ended before.
        """
        answer = self._connection.delete("me/permissions", user.token)
        if answer.data.get("success") is not True:
            raise GraphUnavailable("Facebook did not revoke the permissions.\nTry again later.")

    def accounts(self, user: UserToken) -> Iterator[list[Account]]:
        """The pages that a person manages, up to 100 at a time, from /me/accounts."""
        params = {"limit": str(ACCOUNTS_PAGE_SIZE)}
        while True:
            params["fields"] = self._page_fields.asked("name", "access_token", "tasks")
            try:
                read = Read("me/accounts", user.token, params, limit_of(user))
                answer = self._connection.read(read)
            except FieldRefused as error:
                self._page_fields.leave_out([error])
                continue
            yield [self._account(item, answer.version) for item in items(answer)]
            after = next_cursor(answer, params.get("after"))
            if after is None:
                return
            params["after"] = after

    def read_pages(
        self, accesses: Collection[PageAccess]
    ) -> dict[PageId, PageSnapshot | TemporaryFailure | PermanentFailure]:
        """Read pages, each with its own token; one request for each 50 of them."""
        fields = self._page_fields.asked()
        reads = {
            access.page_id: Read(access.page_id, access.token, {"fields": fields}, _limit(access))
            for access in accesses
        }
        found: dict[PageId, PageSnapshot | TemporaryFailure | PermanentFailure] = {}
        refused: dict[PageId, FieldRefused] = {}
        for page, answer in self._read_each(reads):
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

    def app_subscription(self) -> AppSubscription | None:
        """The app's subscription to the object `page`, if there is one."""
        read = Read(f"{self._connection.app_id}/subscriptions", self._connection.app_token)
        for item in items(self._connection.read(read)):
            if item.get("object") == "page":
                return AppSubscription(
                    callback_url=str(item.get("callback_url", "")),
                    active=item.get("active") is True,
                    fields=_names(item.get("fields")),
                )
        return None

    def subscribe_app(self, callback_url: str, verify_token: str, fields: Collection[str]) -> None:
        """Set the app's subscription; Meta's handshake reaches the callback during this call.

        All fields are sent and `include_values` stays on, since sources disagree on whether a POST
        adds or replaces. Raises CallbackRefused where the handshake fails.
        """
        params = {
            "object": "page",
            "callback_url": callback_url,
            "verify_token": verify_token,
            "fields": ",".join(sorted(fields)),
            "include_values": "true",
        }
        path = f"{self._connection.app_id}/subscriptions"
        self._connection.post(path, params, self._connection.app_token)

    def page_subscriptions(
        self, accesses: Collection[PageAccess]
    ) -> dict[PageId, frozenset[str] | FbsyncError]:
        """The webhook fields that this app has on at each page; empty where it is not installed."""
        reads = {
            access.page_id: Read(
                f"{access.page_id}/subscribed_apps",
                access.token,
                {"fields": "id,subscribed_fields"},
                _limit(access),
            )
            for access in accesses
        }
        return {
            page: self._own_fields(answer) if isinstance(answer, Answer) else answer
            for page, answer in self._read_each(reads)
        }

    def subscribe_page(self, access: PageAccess, fields: Collection[str]) -> None:
        """Set the fields of one page; send all, old and new (Meta, "Page subscribed apps")."""
        params = {"subscribed_fields": ",".join(sorted(fields))}
        path = f"{access.page_id}/subscribed_apps"
        self._connection.post(path, params, access.token, limit=_limit(access))

    def _read_each(
        self, reads: Mapping[PageId, Read]
    ) -> Iterator[tuple[PageId, Answer | FbsyncError]]:
        pages = list(reads)
        for start in range(0, len(pages), MAX_BATCH):
            part = pages[start : start + MAX_BATCH]
            yield from zip(
                part, self._connection.read_all([reads[page] for page in part]), strict=True
            )

    def _own_fields(self, answer: Answer) -> frozenset[str]:
        for item in items(answer):
            if item.get("id") == self._connection.app_id:
                return _names(item.get("subscribed_fields"))
        return frozenset()

    def _account(self, item: Mapping[str, Any], version: str) -> Account:
        listed = read_listed(item)
        return Account(self._page_fields.snapshot(listed.page_id, item, version), listed.access)


def _limit(access: PageAccess) -> str:
    """Calls with a page's token count against that page's limit (Meta, "Rate limits")."""
    return f"page {access.page_id}"


def _names(fields: object) -> frozenset[str]:
    """Field names, from a list of texts or of {name, version}; both shapes occur."""
    if not isinstance(fields, list):
        return frozenset()
    return frozenset(
        str(field.get("name")) if isinstance(field, dict) else str(field) for field in fields
    )
