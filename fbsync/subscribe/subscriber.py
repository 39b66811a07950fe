"""`fbsync subscribe`: both levels of Meta's webhooks, read, planned, applied, read again, judged.

    read both levels -> plan -> write what differs -> read what was written -> judge by that

The app's subscription names the callback and the fields; each page's `subscribed_apps` names fields
again. Only fields that are on at both levels are delivered (Meta, "Webhooks for Pages").
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fbsync.database.added_fields import AddedFields
from fbsync.database.engine import Database
from fbsync.database.handshakes import Handshakes
from fbsync.errors import FbsyncError
from fbsync.graph.call import GraphConnection
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.page import PageAccess, PageId
from fbsync.subscribe.app_level import AppLevel
from fbsync.subscribe.page_levels import PageLevels
from fbsync.subscription_plan import Fields, Level, Plan, Wish, delivered

_NONE: Mapping[PageId, FbsyncError] = {}


@dataclass(frozen=True)
class Subscribed:
    """Both levels afterwards. `delivered` are the app's fields that reach our callback."""

    app: Level
    pages: Sequence[Level]
    wanted: Fields
    delivered: Fields

    @property
    def pages_ok(self) -> bool:
        """Whether every page's own level is as it should be."""
        return all(page.ok for page in self.pages)

    @property
    def good_pages(self) -> list[PageId]:
        """Those pages that are as they should be, and so can be reached."""
        return [page.page_id for page in self.pages if page.page_id and page.ok]

    def live(self, page: Level) -> Fields:
        """The wanted fields of which this page's events reach us: those on at both levels."""
        return page.on & self.delivered & self.wanted


class Subscriber:
    """Plans and applies. Methods raise DatabaseUnavailable; what Facebook refuses is a result."""

    def __init__(
        self, graph: GraphSubscriptions, added_fields: AddedFields, handshakes: Handshakes
    ) -> None:
        self._app = AppLevel(graph, added_fields, handshakes)
        self._pages = PageLevels(graph, added_fields)

    @staticmethod
    def on(connection: GraphConnection, database: Database) -> "Subscriber":
        """With what this database remembers of them."""
        subscriptions = GraphSubscriptions(connection)
        return Subscriber(subscriptions, AddedFields(database), Handshakes(database))

    def plan(
        self,
        accesses: Collection[PageAccess],
        wish: Wish,
        unreadable: Mapping[PageId, FbsyncError] = _NONE,
    ) -> Plan:
        """Read both levels and compare them with the wish. Changes nothing.

        `unreadable` are pages that cannot be read, with the reason: they are in the plan so.
        """
        return Plan(self._app.plan(wish), {**self._pages.plan(accesses, wish), **unreadable})

    def apply(
        self, plan: Plan, accesses: Collection[PageAccess], wish: Wish, verify_token: str
    ) -> Subscribed:
        """Do what the plan says. A level that fails does not stop the others."""
        app, found = self._app.apply(plan.app, wish, verify_token)
        pages = self._pages.apply(plan.pages, accesses, wish)
        return Subscribed(app, pages, wish.wanted, delivered(found, wish.address))
