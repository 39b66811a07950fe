"""Pages that are gone for good: the database forgets them, the store keeps what it has."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from fbsync.database.engine import Database
from fbsync.database.marks import lock_pages
from fbsync.database.schema import (
    added_fields,
    delivery_pages,
    missed_webhooks,
    moving_versions,
    page_accesses,
    pages,
    stored_versions,
)
from fbsync.page import PageId

_OF_A_PAGE = (stored_versions, moving_versions, added_fields, missed_webhooks, page_accesses, pages)

_UNKNOWN = "nothing is known of it"
_NOT_PARKED = "it is not set aside"


@dataclass(frozen=True)
class Forgotten:
    """One page. `versions` is the number of its newest version, which stays in the store.

    `refusal` says why the page was not forgotten; None where it was.
    """

    page_id: PageId
    name: str
    versions: int
    refusal: str | None


def forget_pages(database: Database, page_ids: Collection[PageId]) -> list[Forgotten]:
    """Forget those of these pages that are parked, each in a transaction of its own.

    What goes is the page's row, everybody's access to it, and the versions known. Deliveries that
    name it stay, and wait for it no more. A worker that has it in hand finds its lease lost; what
    it wrote by then is adopted if the page ever comes back. Raises DatabaseUnavailable.
    """
    return [_forget(database, page) for page in sorted(set(page_ids))]


def _forget(database: Database, page: PageId) -> Forgotten:
    with database.write() as connection:
        # In the order in which a login, a departure and a finish take their rows.
        names = _lock_accesses(connection, page)
        lock_pages(connection, pages.c.page_id == page)
        row = connection.execute(select(pages).where(pages.c.page_id == page)).one_or_none()
        refusal = _refusal(row, is_known=row is not None or bool(names))
        if refusal is None:
            _drop(connection, page)
    return Forgotten(page, _name(names, row), row.stored_number if row else 0, refusal)


def _lock_accesses(connection: Connection, page: PageId) -> list[str]:
    """The names that the accesses give the page."""
    query = (
        select(page_accesses.c.name)
        .where(page_accesses.c.page_id == page)
        .order_by(page_accesses.c.user_id)
        .with_for_update()
    )
    return list(connection.execute(query).scalars())


def _refusal(row: Any, *, is_known: bool) -> str | None:
    if not is_known:
        return _UNKNOWN
    return _NOT_PARKED if row is None or row.parked_at is None else None


def _name(names: list[str], row: Any) -> str:
    if names:
        return names[0]
    fields = json.loads(row.stored_fields or "{}") if row else {}
    return str(fields.get("name", ""))


def _drop(connection: Connection, page: PageId) -> None:
    # A page that comes back counts its marks from 0: an event of before would wait for ever.
    # Links that are locked belong to deliveries that are being deleted, and go with them.
    free = select(delivery_pages.c.delivery_id).where(delivery_pages.c.page_id == page)
    links = delivery_pages.c.delivery_id.in_(free.with_for_update(skip_locked=True))
    connection.execute(delete(delivery_pages).where(delivery_pages.c.page_id == page, links))
    for table in _OF_A_PAGE:
        connection.execute(delete(table).where(table.c.page_id == page))
