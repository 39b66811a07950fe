"""Both levels of webhook subscriptions in the Graph API: read and written.

Meta, "App subscriptions" and "Page subscribed apps". Every method that writes raises
GraphUnavailable, RateLimited and the PermanentFailures of graph.errors. Sources disagree on whether
a POST adds to the fields or replaces them, so all of them are sent each time.
"""

from collections.abc import Collection

from fbsync.errors import GRAPH_FAILURES, FbsyncError
from fbsync.graph.answer import Answer
from fbsync.graph.budget import page_limit
from fbsync.graph.call import GraphConnection
from fbsync.graph.read import Read
from fbsync.page import PageAccess, PageId
from fbsync.subscription_plan import AppSubscription


class GraphSubscriptions:
    """The subscriptions of one app."""

    def __init__(self, connection: GraphConnection) -> None:
        self._connection = connection
        self._app_edge = f"{connection.app_id}/subscriptions"

    def of_app(self) -> AppSubscription | None:
        """The app's subscription to the object `page`, if there is one. Raises as a write does."""
        for item in self._connection.read(Read(self._app_edge, self._connection.app_token)).items:
            if item.get("object") == "page":
                return AppSubscription(
                    callback_url=str(item.get("callback_url", "")),
                    active=item.get("active") is True,
                    fields=_names(item.get("fields")),
                )
        return None

    def of_pages(
        self, accesses: Collection[PageAccess]
    ) -> dict[PageId, frozenset[str] | FbsyncError]:
        """The fields that this app has on at each page; empty where it is not installed.

        Where Facebook does not answer at all, the pages that were not read by then have that error.
        """
        reads = {
            access.page_id: Read(
                _page_edge(access),
                access.token,
                {"fields": "id,subscribed_fields"},
                page_limit(access.page_id),
            )
            for access in accesses
        }
        found: dict[PageId, frozenset[str] | FbsyncError] = {}
        try:
            for page, answer in self._connection.read_each(reads, wait=True):
                found[page] = self._own_fields(answer) if isinstance(answer, Answer) else answer
        except GRAPH_FAILURES as error:
            found |= {page: error for page in reads if page not in found}
        return found

    def subscribe_app(self, callback_url: str, verify_token: str, fields: Collection[str]) -> None:
        """Set the app's subscription; Meta's handshake reaches the callback during this call.

        `include_values` stays on. Raises CallbackRefused where the handshake fails.
        """
        params = {
            "object": "page",
            "callback_url": callback_url,
            "verify_token": verify_token,
            "fields": ",".join(sorted(fields)),
            "include_values": "true",
        }
        self._connection.post(self._app_edge, params, self._connection.app_token)

    def unsubscribe_app(self, fields: Collection[str]) -> None:
        """Take these fields off the app's subscription; the others stay."""
        params = {"object": "page", "fields": ",".join(sorted(fields))}
        self._connection.delete(self._app_edge, self._connection.app_token, params)

    def subscribe_page(self, access: PageAccess, fields: Collection[str]) -> None:
        """Set the fields of one page."""
        params = {"subscribed_fields": ",".join(sorted(fields))}
        limit = page_limit(access.page_id)
        self._connection.post(_page_edge(access), params, access.token, limit=limit)

    def unsubscribe_page(self, access: PageAccess) -> None:
        """Take the app off the page, with all its fields."""
        limit = page_limit(access.page_id)
        self._connection.delete(_page_edge(access), access.token, limit=limit)

    def _own_fields(self, answer: Answer) -> frozenset[str]:
        for item in answer.items:
            if item.get("id") == self._connection.app_id:
                return _names(item.get("subscribed_fields"))
        return frozenset()


def _page_edge(access: PageAccess) -> str:
    return f"{access.page_id}/subscribed_apps"


def _names(fields: object) -> frozenset[str]:
    """Field names, from a list of texts or of {name, version}; both shapes occur."""
    if not isinstance(fields, list):
        return frozenset()
    return frozenset(
        str(field.get("name")) if isinstance(field, dict) else str(field) for field in fields
    )
