"""Deliveries done once more, as if they had come just now: their pages are marked and unparked."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select, update

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.marks import mark_pages_of
from fbsync.database.schema import deliveries
from fbsync.page import PageId
from fbsync.webhook import Delivery, VerifiedBody, read_delivery

STEP = 100
"""Deliveries replayed in one transaction."""

PAUSE_SECONDS = 0.1
"""Between two steps, so that the commits that Meta waits for get their turn."""


@dataclass(frozen=True)
class Replayed:
    """What a replay did. `still_dead` are the ids of those that no page could be read from."""

    deliveries: int
    page_ids: frozenset[PageId]
    still_dead: tuple[str, ...]


class Replay:
    """On the database. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._inbox = DatabaseInbox(database, now)
        self._now = now

    def run(self, numbers: Iterable[int]) -> Replayed:
        """Replay the deliveries of these row numbers, step by step. Those that are gone count not.

        A dead letter is read again: pages that are found now are marked, and it is dead no more.
        """
        wanted, found = iter(numbers), Replayed(0, frozenset(), ())
        while step := list(islice(wanted, STEP)):
            part = self._replay(step)
            found = Replayed(
                found.deliveries + part.deliveries,
                found.page_ids | part.page_ids,
                found.still_dead + part.still_dead,
            )
            if len(step) == STEP:
                time.sleep(PAUSE_SECONDS)
        return found

    def _replay(self, numbers: Sequence[int]) -> Replayed:
        with self._database.write() as connection:
            batch = _read(connection, numbers)
            marked = mark_pages_of(connection, batch, self._now(), is_new=False)
        if marked:
            self._inbox.unpark(marked)
        dead = tuple(delivery.id for delivery in batch if delivery.fault is not None)
        return Replayed(len(batch), marked, dead)


def _read(connection: Connection, numbers: Sequence[int]) -> list[Delivery]:
    """The deliveries, locked in the order of `marks.keep`; dead ones are read again."""
    few = [column for column in deliveries.columns if column is not deliveries.c.body]
    query = select(*few).where(deliveries.c.id.in_(numbers)).order_by(deliveries.c.digest)
    rows = connection.execute(query.with_for_update()).all()
    # The newest last: its id is the one that its pages keep.
    return [_delivery(connection, row) for row in sorted(rows, key=lambda row: row.received_at)]


def _delivery(connection: Connection, row: Any) -> Delivery:
    received_at = datetime.fromtimestamp(row.received_at, UTC)
    if row.fault is None:
        pages = tuple(PageId(page) for page in json.loads(row.page_ids))
        # The body, which may be large, is not needed to mark its pages.
        return Delivery(row.digest, VerifiedBody(b""), pages, received_at)
    this = deliveries.c.id == row.id
    body = connection.execute(select(deliveries.c.body).where(this)).scalar_one()
    delivery = read_delivery(VerifiedBody(bytes(body)), received_at)
    values = {"page_ids": json.dumps(delivery.page_ids), "fault": delivery.fault}
    connection.execute(update(deliveries).where(this).values(values))
    return delivery
