"""Waiting events, put into a stage's database as the listener would have recorded them."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice

from bench.events import bodies
from fbsync import webhook
from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox

_BATCH = 5_000


def fill(database_url: str, page_ids: Sequence[str], events: int, first: int = 0) -> None:
    """Record so many deliveries, each about one page, in turn."""
    made = bodies(page_ids, first, events)
    now = datetime.now(UTC)
    with closing(Database(database_url)) as database:
        inbox = DatabaseInbox(database)
        while some := list(islice(made, _BATCH)):
            verified = (webhook.VerifiedBody(body) for body in some)
            inbox.record([webhook.read_delivery(body, now) for body in verified])


def invented_ids(count: int) -> list[str]:
    """Ids of pages that no sandbox has."""
    return [str(500_000_000_000_000 + number) for number in range(count)]
