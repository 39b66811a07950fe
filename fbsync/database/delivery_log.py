"""The deliveries that are kept, for the operator: find, look at, count, replay.

Whole tables are walked in steps, each a short transaction of its own: on SQLite a long reader
would hold up the commits that Meta waits for.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, exists, func, select
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.delivery_state import CONDITIONS, DeliveryState, state
from fbsync.database.engine import Database
from fbsync.database.schema import deliveries, delivery_pages, pages
from fbsync.errors import FbsyncError
from fbsync.page import PageId
from fbsync.webhook import ID_CHARACTERS, VerifiedBody

MIN_PREFIX = 6
"""Characters of an id that are enough to ask for it."""

STEP = 2000
"""Deliveries looked at in one transaction."""

_CLOCKS_DIFFER = timedelta(hours=1)
"""Row numbers grow with the time of receipt, but for this much between machines."""

_NAMED = 5  # of the deliveries that share a prefix


@dataclass(frozen=True)
class KeptDelivery:
    """One delivery as it is kept, without its body. `number` is its row's."""

    number: int
    digest: str
    received_at: datetime
    page_ids: tuple[PageId, ...]
    copies: int
    state: DeliveryState
    fault: str | None

    @property
    def id(self) -> str:
        """As `webhook.Delivery.id`."""
        return self.digest[:ID_CHARACTERS]


@dataclass(frozen=True)
class PageStand:
    """Where one page of a delivery stands: read up to `done`, and the delivery waits for `mark`."""

    page_id: PageId
    mark: int
    done: int
    parked: bool
    reason: str | None

    @property
    def is_done(self) -> bool:
        """Whether the page was read since the delivery came."""
        return self.done >= self.mark


@dataclass(frozen=True)
class Wanted:
    """Which deliveries: all of these conditions together; None for any."""

    state: DeliveryState | None = None
    page: PageId | None = None
    since: datetime | None = None
    until: datetime | None = None


class DeliveryLog:
    """On the database. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: Wanted) -> Iterator[KeptDelivery]:
        """The deliveries, newest first, as they stand when each is reached.

        Those that come meanwhile are left out. Memory stays flat however many there are.
        """
        below: int | None = None
        while True:
            with self._database.read() as connection:
                step = _step(connection, below)
                if step is None:
                    return
                rows = connection.execute(_matching(step, wanted)).all()
            yield from map(_kept, rows)
            if wanted.since and step.newest < wanted.since - _CLOCKS_DIFFER:
                return
            below = step.first

    def one(self, prefix: str) -> KeptDelivery:
        """The delivery whose digest begins so. Raises FbsyncError where it is none, or several."""
        digest = deliveries.c.digest
        # A range, as the index serves it: no digit of a digest comes after f.
        alike = (digest >= prefix) & (digest < f"{prefix}g")
        with self._database.read() as connection:
            rows = connection.execute(_columns().where(alike).order_by(digest).limit(_NAMED + 1))
            found = [_kept(row) for row in rows]
        if not found:
            raise FbsyncError(
                f"No event {prefix} is kept: it never came, or was pruned.\n"
                "For those that are kept: fbsync events"
            )
        if len(found) > 1:
            ids = ", ".join(one.id for one in found[:_NAMED])
            more = " and more" if len(found) > _NAMED else ""
            raise FbsyncError(f"Several events begin with {prefix}: {ids}{more}.\nGive more of it.")
        return found[0]

    def body(self, number: int) -> VerifiedBody | None:
        """The raw bytes of a delivery; None where it is gone by now."""
        query = select(deliveries.c.body).where(deliveries.c.id == number)
        with self._database.read() as connection:
            body = connection.execute(query).scalar_one_or_none()
        return None if body is None else VerifiedBody(bytes(body))

    def stands(self, number: int) -> list[PageStand]:
        """Where each page of a delivery stands."""
        query = (
            select(delivery_pages, pages.c.done, pages.c.parked_at, pages.c.reason)
            .join(pages, pages.c.page_id == delivery_pages.c.page_id)
            .where(delivery_pages.c.delivery_id == number)
            .order_by(delivery_pages.c.page_id)
        )
        with self._database.read() as connection:
            return [
                PageStand(
                    PageId(row.page_id), row.mark, row.done, row.parked_at is not None, row.reason
                )
                for row in connection.execute(query)
            ]

    def count_dead(self, since: datetime | None = None) -> int:
        """How many dead letters are kept, or of those how many were received since."""
        query = select(func.count()).where(CONDITIONS["dead"])
        if since is not None:
            query = query.where(deliveries.c.received_at >= since.timestamp())
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())


@dataclass(frozen=True)
class _Step:
    first: int
    last: int
    newest: datetime


def _step(connection: Connection, below: int | None) -> _Step | None:
    """The newest STEP deliveries below a row number; None where there are no more."""
    part = select(deliveries.c.id, deliveries.c.received_at).order_by(deliveries.c.id.desc())
    if below is not None:
        part = part.where(deliveries.c.id < below)
    rows = part.limit(STEP).subquery()
    bounds = select(func.min(rows.c.id), func.max(rows.c.id), func.max(rows.c.received_at))
    first, last, newest = connection.execute(bounds).one()
    return None if first is None else _Step(first, last, datetime.fromtimestamp(newest, UTC))


def _matching(step: _Step, wanted: Wanted) -> Any:
    query = _columns().where(deliveries.c.id.between(step.first, step.last))
    return query.where(*_conditions(wanted)).order_by(deliveries.c.id.desc())


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.state is not None:
        yield CONDITIONS[wanted.state]
    if wanted.page is not None:
        yield exists().where(
            delivery_pages.c.delivery_id == deliveries.c.id,
            delivery_pages.c.page_id == wanted.page,
        )
    if wanted.since is not None:
        yield deliveries.c.received_at >= wanted.since.timestamp()
    if wanted.until is not None:
        yield deliveries.c.received_at < wanted.until.timestamp()


def _columns() -> Any:
    """All but the body, which may be large."""
    kept = [column for column in deliveries.columns if column is not deliveries.c.body]
    return select(*kept, state.label("state"))


def _kept(row: Any) -> KeptDelivery:
    return KeptDelivery(
        number=row.id,
        digest=row.digest,
        received_at=datetime.fromtimestamp(row.received_at, UTC),
        page_ids=tuple(PageId(page) for page in json.loads(row.page_ids)),
        copies=row.copies,
        state=row.state,
        fault=row.fault,
    )
