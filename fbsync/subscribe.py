"""`fbsync subscribe`: the two levels of Meta's webhooks, read first, changed where they differ.

The app's subscription names the callback and the fields; each page's `subscribed_apps` names fields
again. Only fields that are on at both levels are delivered (Meta, "Webhooks for Pages").
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from fbsync.errors import FbsyncError, PermanentFailure, TemporaryFailure
from fbsync.graph import Graph
from fbsync.page import PageAccess, PageId
from fbsync.settings import CallbackSettings

_AT_ONCE = 8  # each page is a call of its own, and most of its time is the way to Meta and back
Action = Literal["added", "changed", "kept", "failed"]


@dataclass(frozen=True)
class Level:
    """What became of one subscription: the app's, or a page's (then `page_id` is set)."""

    action: Action
    detail: str
    page_id: PageId | None = None

    @property
    def ok(self) -> bool:
        """Whether the subscription is now as it should be."""
        return self.action != "failed"


def subscribe_app(
    graph: Graph, wanted: CallbackSettings, *, replace_callback: bool = False
) -> Level:
    """Bring the app's subscription to what is wanted. Fields that others added stay.

    A callback that is not ours is somebody's working webhook: it is replaced only on demand.
    """
    try:
        found = graph.app_subscription()
        missing = set(wanted.fields) - (found.fields if found else set())
        if found and found.callback_url != wanted.address and not replace_callback:
            return Level(
                "failed",
                f"the app already calls {found.callback_url}; to replace it, use"
                " --replace-callback",
            )
        if found and found.callback_url == wanted.address and found.active and not missing:
            return Level("kept", f"{len(wanted.fields)} fields to {wanted.address}")
        fields = {*wanted.fields, *(found.fields if found else ())}
        graph.subscribe_app(wanted.address, wanted.verify_token, fields)
    except (TemporaryFailure, PermanentFailure) as error:
        return Level("failed", str(error))
    return Level("changed" if found else "added", f"{len(fields)} fields to {wanted.address}")


def subscribe_pages(
    graph: Graph, accesses: Collection[PageAccess], fields: Collection[str]
) -> list[Level]:
    """Bring each page's subscription to these fields; one that fails does not stop the others."""
    found = graph.page_subscriptions(accesses)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(
            pool.map(
                lambda access: _subscribe_page(graph, access, found[access.page_id], fields),
                accesses,
            )
        )


def _subscribe_page(
    graph: Graph, access: PageAccess, found: frozenset[str] | FbsyncError, fields: Collection[str]
) -> Level:
    if isinstance(found, FbsyncError):
        return Level("failed", str(found), access.page_id)
    missing = set(fields) - found
    if not missing:
        return Level("kept", f"{len(fields)} fields", access.page_id)
    try:
        graph.subscribe_page(access, found | missing)
    except (TemporaryFailure, PermanentFailure) as error:
        return Level("failed", str(error), access.page_id)
    return Level("changed" if found else "added", f"{len(missing)} fields", access.page_id)
