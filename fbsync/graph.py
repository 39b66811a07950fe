"""The Graph API in our words: log in, list pages, read pages.

Every method raises GraphUnavailable, RateLimited and the PermanentFailures of graph_errors.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fbsync.errors import FieldRefused, GraphUnavailable, PermanentFailure, TemporaryFailure
from fbsync.graph_answer import Answer
from fbsync.graph_call import GraphConnection, Read
from fbsync.graph_usage import page_limit, person_limit
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken, page_id
from fbsync.page_fields import PageFields

ACCOUNTS_PAGE_SIZE = 100


@dataclass(frozen=True)
class Account:
    """One item of /me/accounts: the page as it is, and the right to read it if one came along."""

    snapshot: PageSnapshot
    access: PageAccess | None


class Graph:
    """The Graph API for one app. A page field that it refuses is left out."""

    def __init__(self, connection: GraphConnection, page_fields: PageFields) -> None:
        self._connection = connection
        self._page_fields = page_fields

    def log_in(self, code: str, redirect_uri: str) -> UserToken:
        """Exchange a login code for a long-lived user token (Meta, "Long-lived tokens").

        `redirect_uri` must be the very one that the dialog got.
        """
        short = self._exchange({"code": code, "redirect_uri": redirect_uri})
        long = self._exchange(
            {"grant_type": "fb_exchange_token", "fb_exchange_token": _text(short, "access_token")}
        )
        token = _text(long, "access_token")
        me = self._connection.read(Read("me", token, {"fields": "id,name"})).data
        lifetime = long.get("expires_in")
        expires_at = None
        if isinstance(lifetime, int) and lifetime > 0:
            expires_at = _now() + timedelta(seconds=lifetime)
        return UserToken(_text(me, "id"), _name(me), token, expires_at)

    def revoke(self, user: UserToken) -> None:
        """Take all permissions back, as if the person removed the app: the token ends (Meta,
        "Permissions").

        Raises TokenRefused where it had ended before.
        """
        answer = self._connection.delete("me/permissions", user.token)
        if answer.data.get("success") is not True:
            raise GraphUnavailable("Facebook did not revoke the permissions.\nTry again later.")

    def accounts(self, user: UserToken) -> Iterator[list[Account]]:
        """The pages that a person manages, up to 100 at a time, from /me/accounts.

        A part may be short or empty and still have a next one; only the absence of `next` ends the
        list. The next part is asked for by its cursor, as `next` itself holds the token (Meta,
        "Paginated results").
        """
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
            paging = _mapping(answer.data.get("paging"))
            after = _mapping(paging.get("cursors")).get("after")
            if "next" not in paging:
                return
            if not isinstance(after, str) or after == params.get("after"):
                raise GraphUnavailable("Facebook's list of pages does not go on.\nTry again later.")
            params = {**params, "after": after}

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

    def _exchange(self, params: Mapping[str, str]) -> dict[str, Any]:
        app_id, _, app_secret = self._connection.app_token.partition("|")
        form = {"client_id": app_id, "client_secret": app_secret, **params}
        # A code is good for one exchange, so a second try would only hide the first one's failure.
        return self._connection.post("oauth/access_token", form, None, once="code" in params).data

    def _account(self, item: Mapping[str, Any], version: str) -> Account:
        page = _checked_page_id(item)
        token = item.get("access_token")
        access = None
        if isinstance(token, str) and token:
            tasks = item.get("tasks")
            access = PageAccess(
                page_id=page,
                name=_name(item),
                token=token,
                tasks=tuple(str(task) for task in tasks) if isinstance(tasks, list) else (),
            )
        return Account(self._page_fields.snapshot(page, item, version), access)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(data: Mapping[str, Any]) -> str:
    return str(data.get("name", "")).replace("\0", "")  # which PostgreSQL does not store


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if isinstance(value, str) and value:
        return value
    raise GraphUnavailable(f"Facebook's answer holds no {name}.\nTry again later.")


def _checked_page_id(item: Mapping[str, Any]) -> PageId:
    try:
        return page_id(item.get("id"))
    except ValueError:
        raise GraphUnavailable("Facebook listed a page without a usable id.") from None


def _now() -> datetime:
    return datetime.now(UTC)
