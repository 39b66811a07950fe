"""A batch of deliveries, kept once each, with the marks that they raise on their pages.

On PostgreSQL three statements in a transaction, on SQLite one, which is a transaction by itself
where nobody else writes.
"""

import json
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from fbsync.database.mark_statements import KEEP, RECORD, Row, execute, filled
from fbsync.database.marks import distinct_of, mark_pages_of
from fbsync.webhook import Delivery


def keep(connection: Connection, batch: Sequence[Delivery], now: float) -> None:
    """Keep each body once and raise its pages' marks: by one for each distinct body."""
    execute(connection, KEEP, _rows(batch))
    mark_pages_of(connection, batch, now)


def statements(batch: Sequence[Delivery], now: float) -> list[tuple[str, Row]]:
    """The same on SQLite: texts and values. There is one, unless the batch is very large."""
    more = ((delivery.id, now) for delivery in distinct_of(batch))
    rows = [(*row, *told) for row, told in zip(_rows(batch), more, strict=True)]
    return list(filled(RECORD, rows, "?"))


def _rows(batch: Sequence[Delivery]) -> list[Row]:
    copies = Counter(delivery.digest for delivery in batch)
    return [
        (
            delivery.digest,
            bytes(delivery.body),
            json.dumps(delivery.page_ids),
            delivery.received_at.timestamp(),
            copies[delivery.digest],
            delivery.fault,
        )
        for delivery in distinct_of(batch)
    ]
