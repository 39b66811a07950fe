"""The parts that run beside a server or alone, each with a thread of its own while entered."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fbsync.errors import FbsyncError
from fbsync.page_overview import Expected, Overview, survey
from fbsync.ports import ObjectStore
from fbsync.refresh import Outcome
from fbsync.shutdown import Shutdown
from fbsync.subscription_watch import SubscriptionWatch
from fbsync.wiring import Access
from fbsync.worker import Worker


def mirroring(
    access: Access,
    store: ObjectStore,
    report: Callable[[Outcome | FbsyncError], None],
    shutdown: Shutdown,
) -> Worker:
    """The worker that mirrors marked pages into this store."""
    return Worker(access.refresher(store), report, shutdown)


def subscription_watch(
    access: Access, fields: Sequence[str], address: str, warn: Callable[[str], None]
) -> SubscriptionWatch:
    """The daily look at both levels of the webhooks; "" for an address that is not known.

    Where nobody has logged in yet, there is nothing to look at.
    """
    expected = Expected(frozenset(fields), address)

    def look() -> Overview | None:
        if not access.vault.page_ids():
            return None
        now = datetime.now(UTC)
        return survey(access.vault, access.inbox, access.subscriptions, expected, None, now)

    return SubscriptionWatch(look, address, warn)
