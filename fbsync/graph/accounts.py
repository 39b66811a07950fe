"""Where a person's pages can be found (Meta, "User accounts", "Business owned pages").

Only names and tokens are asked for: a field that some permission is missing for would fail the
whole list. Every method raises GraphUnavailable, RateLimited and the PermanentFailures of
graph.errors. An entry of a list that cannot be read is left out, and `odd` is told why.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from fbsync.errors import FbsyncError, FieldRefused, GraphUnavailable
from fbsync.graph.answer import Answer
from fbsync.graph.budget import person_limit
from fbsync.graph.call import GraphConnection
from fbsync.graph.read import Read
from fbsync.page import PageAccess, PageId, UserToken, told_page_id

ACCOUNTS_PAGE_SIZE = 100
MY_PAGES = "me/accounts"
Odd = Callable[[GraphUnavailable], None]
"""Is told of each entry of a list that cannot be read, with the reason."""

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")
_FIELDS = "id,name,access_token"  # `tasks` is known on /me/accounts alone


class ListedPage(NamedTuple):
    """A page as a list names it, and the right to read it if a token came along."""

    page_id: PageId
    name: str
    access: PageAccess | None


def not_the_page(page: PageId) -> GraphUnavailable:
    """Why an answer that names no id, or another page's, is not taken for this page."""
    return GraphUnavailable(f"Facebook answered something else than page {page}.\nTry again later.")


class Accounts:
    """The lists of pages that a user token leads to."""

    def __init__(self, connection: GraphConnection) -> None:
        self._connection = connection

    def mine(self, user: UserToken, odd: Odd) -> Iterator[ListedPage]:
        """The pages of /me/accounts. Without pages_show_list there are none, and no error."""
        return readable(self._list(MY_PAGES, user, f"{_FIELDS},tasks"), read_listed, odd)

    def businesses(self, user: UserToken) -> list[str]:
        """The ids of the person's business portfolios; needs business_management."""
        found = self._list("me/businesses", user, "id")
        return [str(item["id"]) for item in found if "id" in item]

    def of_business(self, user: UserToken, business: str, odd: Odd) -> Iterator[ListedPage]:
        """The pages that a portfolio owns, then those that it serves as an agency."""
        for edge in ("owned_pages", "client_pages"):
            items = self._list(f"{business}/{edge}", user, _FIELDS)
            yield from readable(items, read_listed, odd)

    def each(
        self, user: UserToken, page_ids: Collection[PageId]
    ) -> Iterator[tuple[PageId, ListedPage | FbsyncError]]:
        """Each of these pages by itself; one request for each 50 of them."""
        limit = person_limit(user.user_id)
        reads = {page: Read(page, user.token, {"fields": _FIELDS}, limit) for page in page_ids}
        for page, found in self._connection.read_each(reads, wait=True):
            yield page, _read_one(page, found) if isinstance(found, Answer) else found

    def _list(self, edge: str, user: UserToken, fields: str) -> Iterator[dict[str, Any]]:
        for part in list_parts(self._connection, edge, user, lambda: fields):
            yield from part.items


def list_parts(
    connection: GraphConnection,
    edge: str,
    user: UserToken,
    fields: Callable[[], str],
    leave_out: Callable[[FieldRefused, str], None] | None = None,
) -> Iterator[Answer]:
    """A person's list to its end, up to ACCOUNTS_PAGE_SIZE items at a time.

    `fields` is asked before each request. Where a field is refused and `leave_out` is there, it is
    told, with what was asked for, and the same part is asked for again; what it raises ends the
    list.
    """
    params = {"limit": str(ACCOUNTS_PAGE_SIZE)}
    used: set[str] = set()
    while True:
        params["fields"] = fields()
        try:
            answer = connection.read(Read(edge, user.token, params, person_limit(user.user_id)))
        except FieldRefused as error:
            if leave_out is None:
                raise
            leave_out(error, params["fields"])
            continue
        yield answer
        after = answer.next_cursor(used)
        if after is None:
            return
        used.add(after)
        params["after"] = after


def readable(items: Iterable[_Item], read: Callable[[_Item], _Found], odd: Odd) -> Iterator[_Found]:
    """What `read` makes of the items; where it raises GraphUnavailable, `odd` is told."""
    for item in items:
        try:
            found = read(item)
        except GraphUnavailable as error:
            odd(error)
        else:
            yield found


def read_listed(item: Mapping[str, Any]) -> ListedPage:
    """One page of an answer. Raises GraphUnavailable where it has no usable id."""
    try:
        page = told_page_id(item.get("id"))
    except ValueError:
        raise GraphUnavailable(
            "Facebook listed a page without a usable id.\nTry again later."
        ) from None
    name = str(item.get("name", "")).replace("\0", "")  # which PostgreSQL does not store
    token, tasks = item.get("access_token"), item.get("tasks")
    if not isinstance(token, str) or not token:
        return ListedPage(page, name, None)
    done = tuple(map(str, tasks)) if isinstance(tasks, list) else ()
    return ListedPage(page, name, PageAccess(page, name, token, done))


def _read_one(page: PageId, answer: Answer) -> ListedPage | GraphUnavailable:
    with suppress(GraphUnavailable):
        listed = read_listed(answer.data)
        if listed.page_id == page:
            return listed
    return not_the_page(page)
