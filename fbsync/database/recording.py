"""A batch of deliveries, kept once each, with the marks that they raise on their pages.

On PostgreSQL three statements in a transaction, on SQLite one, which is a transaction by itself
where nobody else writes.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from fbsync.database.mark_statements import KEEP, RECORD, Row, execute, filled
from fbsync.database.marks import distinct_of, mark_pages_of
from fbsync.webhook import Delivery


def keep(connection: Connection, batch: Sequence[Delivery], now: float) -> None:
    """Keep each body once and raise its pages' marks: by one for each distinct body."""
    copies = _copies(batch)
    execute(connection, KEEP, [_row(delivery, copies) for delivery in distinct_of(batch)])
    mark_pages_of(connection, batch, now)


def statements(batch: Sequence[Delivery], now: float) -> list[tuple[str, Row]]:
    """The same on SQLite: texts and values. There is one, unless the batch is very large."""
    copies = _copies(batch)
    rows = [(*_row(delivery, copies), delivery.id, now) for delivery in distinct_of(batch)]
    return list(filled(RECORD, rows, "?"))


def _copies(batch: Sequence[Delivery]) -> Mapping[str, int]:
    return Counter(delivery.digest for delivery in batch)


def _row(delivery: Delivery, copies: Mapping[str, int]) -> Row:
    return (
        delivery.digest,
        bytes(delivery.body),
        json.dumps(delivery.page_ids),
        delivery.received_at.timestamp(),
        copies[delivery.digest],
        delivery.fault,
    )
