"""The inbox: deliveries kept once, page marks, leases. Implements ports.Inbox on the database.

A mark is a counter. `marks > done` means that a read is due; `finish` sets `done` to the marks as
they stood at claim time, so an event that arrives during a read makes the page claimable again.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, case, func, null, select, update
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.claim_statements import due, free, lease_pages
from fbsync.database.engine import Database
from fbsync.database.field_lists import ASKED_FIELDS, FieldLists
from fbsync.database.give_back_statement import give_back
from fbsync.database.inbox_clock import InboxClock
from fbsync.database.inbox_rows import chunks, moment, state_of, storable, stored_values
from fbsync.database.joined_writes import JoinedWrites
from fbsync.database.mark_statements import Row
from fbsync.database.marks import lock_pages, mark_for_second_looks, marks_of, raise_marks
from fbsync.database.parked import managed
from fbsync.database.poll_statements import DIGESTS, pairs
from fbsync.database.recording import keep, statements
from fbsync.database.schema import deliveries, pages
from fbsync.database.stored_versions import StoredVersions, keep_version
from fbsync.errors import LeaseLost
from fbsync.field_list import FieldList
from fbsync.page import NoticedBy, PageId
from fbsync.ports import (
    LEASE_SECONDS,
    LONGEST_PUT_SECONDS,
    Claim,
    InboxStatus,
    LastStored,
    PageState,
    etag_of,
)
from fbsync.webhook import Delivery


class DatabaseInbox:
    """ports.Inbox on SQLite or PostgreSQL. `now` gives seconds since 1970, see InboxClock."""

    def __init__(self, database: Database, now: Callable[[], float] | None = None) -> None:
        self._database = database
        self._writes = JoinedWrites(database)
        self._versions = StoredVersions(database)
        self._lists = FieldLists(database)
        self._clock = InboxClock(database, now)
        self._now = self._clock.here

    def record(self, batch: Sequence[Delivery]) -> None:
        """See ports.Inbox. The whole batch is one transaction, so one fsync serves them all."""
        if not batch:
            return
        now = self._now()
        if not self._database.is_sqlite:
            self._writes.run(lambda connection: keep(connection, batch, now), is_urgent=True)
            return
        made = statements(batch, now)
        alone = partial(self._database.write_at_once, *made[0]) if len(made) == 1 else None
        self._writes.run(lambda connection: _execute(connection, made), alone=alone)

    def mark(self, page_ids: Collection[PageId], noticed_by: NoticedBy) -> dict[PageId, int]:
        """See ports.Inbox."""
        with self._database.write() as connection:
            counts = dict.fromkeys(page_ids, 1)
            raise_marks(connection, counts, noticed_by, self._now())
            return marks_of(connection, page_ids)

    def claim(
        self, limit: int, only: Collection[PageId] | None = None, store: str | None = None
    ) -> list[Claim]:
        """See ports.Inbox. On PostgreSQL, workers skip the rows that another is claiming."""

        def take(connection: Connection) -> list[Claim]:
            now = self._clock.current()
            mark_for_second_looks(connection, now, self._now(), only)
            return lease_pages(connection, due(now, limit, only), now, store)

        return self._writes.run(take)

    def hold(self, page_ids: Collection[PageId], store: str | None = None) -> list[Claim]:
        """See ports.Inbox."""

        def take(connection: Connection) -> list[Claim]:
            now = self._clock.current()
            return lease_pages(connection, free(now, page_ids), now, store)

        return self._writes.run(take)

    def renew(self, lease: str) -> frozenset[PageId]:
        """See ports.Inbox."""

        def prolong(connection: Connection) -> frozenset[PageId]:
            ours = pages.c.lease == lease
            held = lock_pages(connection, ours)
            until = self._clock.current() + LEASE_SECONDS
            connection.execute(update(pages).where(ours).values(leased_until=until))
            return frozenset(held)

        return self._writes.run(prolong)

    def finish(self, claim: Claim, stored: LastStored | None) -> None:
        """See ports.Inbox."""
        values: dict[str, Any] = {"done": claim.marks, "due_at": 0.0, "attempts": 0, "reason": None}
        # For an event that came during the read; otherwise it means nothing.
        values["waiting_since"] = self._now()
        self._give_back(claim, values, stored)

    def retry(self, claim: Claim, at: datetime, reason: str, *, is_written: bool = False) -> None:
        """See ports.Inbox."""
        values: dict[str, Any] = {"due_at": self._clock.at(at), "attempts": claim.attempts + 1}
        values |= {"reason": storable(reason)} | self._suspect(claim, is_written)
        self._give_back(claim, values)

    def release(self, claim: Claim, *, is_written: bool) -> None:
        """See ports.Inbox."""
        self._give_back(claim, self._suspect(claim, is_written))

    def park(self, claim: Claim, reason: str, stored: LastStored | None = None) -> bool:
        """See ports.Inbox. An event since the claim is no reason to go on: it opens no page."""
        is_outdated = func.coalesce(pages.c.unparked, 0) > claim.marks
        parked_at = case((is_outdated, null()), else_=self._now())
        values = {"parked_at": parked_at, "reason": storable(reason)}
        return self._give_back(claim, values, stored)

    def unpark(self, page_ids: Collection[PageId]) -> None:
        """See ports.Inbox."""
        # A read under way may still use what the pages were parked for.
        is_read, again = pages.c.lease.is_not(None), pages.c.marks + 1
        values: dict[str, Any] = {"parked_at": None, "reason": None, "due_at": 0.0, "attempts": 0}
        values["marks"] = case((is_read, again), else_=pages.c.marks)
        values["unparked"] = case((is_read, again), else_=pages.c.unparked)
        with self._database.write() as connection:
            for chunk in chunks(page_ids):
                some = pages.c.page_id.in_(chunk)
                lock_pages(connection, some)
                connection.execute(update(pages).where(some).values(values))

    def document(self, page: PageId, number: int) -> bytes | None:
        """See ports.Inbox."""
        return self._versions.document(page, number)

    def pages(self, page_ids: Collection[PageId] | None = None) -> dict[PageId, PageState]:
        """See ports.Inbox."""
        wanted: list[ColumnElement[bool] | None] = [None]
        if page_ids is not None:
            wanted = [pages.c.page_id.in_(chunk) for chunk in chunks(page_ids)]
        found = {}
        with self._database.read() as connection:
            for condition in wanted:
                query = select(pages, ASKED_FIELDS).order_by(pages.c.page_id)
                query = query if condition is None else query.where(condition)
                for row in connection.execute(query):
                    found[PageId(row.page_id)] = state_of(row)
        return found

    def digests(
        self, page_ids: Collection[PageId], asked: FieldList | None = None
    ) -> dict[PageId, str]:
        """See ports.Inbox."""
        return pairs(self._database, DIGESTS, list(page_ids), asked.key if asked else "")

    def note_asked(self, page_ids: Collection[PageId], asked: FieldList) -> None:
        """See ports.Inbox."""
        self._lists.note(page_ids, asked)

    def mirrored(self) -> frozenset[PageId]:
        """See ports.Inbox."""
        stored = select(pages.c.page_id).where(pages.c.stored_number > 0)
        return frozenset(PageId(row.page_id) for row in self._read(stored))

    def status(self) -> InboxStatus:
        """See ports.Inbox."""
        waiting = (pages.c.marks > pages.c.done) & pages.c.parked_at.is_(None)
        backlog = select(
            func.count(),
            func.count(case((pages.c.leased_until > self._now(), 1))),
            func.coalesce(func.sum(pages.c.marks - pages.c.done), 0),
            func.min(pages.c.waiting_since),
        ).where(waiting)
        counts = select(
            func.count(),
            func.count(pages.c.parked_at),
            func.coalesce(func.sum(pages.c.stored_number), 0),
        ).select_from(pages)
        # Each by itself: with a million rows, a commit on SQLite would wait too long for all three.
        opened = select(func.count()).where(pages.c.parked_at.is_not(None), managed)
        ((kept,),) = self._read(select(func.count()).select_from(deliveries))
        ((total, parked, versions),) = self._read(counts)
        ((parked_managed,),) = self._read(opened)
        ((due, leased, events, since),) = self._read(backlog)
        return InboxStatus(
            *(kept, total, due, leased, parked, int(versions), int(events), moment(since)),
            parked_managed=parked_managed,
        )

    def _read(self, query: Select[Any]) -> Sequence[Any]:
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _suspect(self, claim: Claim, is_written: bool) -> dict[str, Any]:
        """A write that was given up may have come, and may yet: after what is written next."""
        if not is_written:
            return {}
        again_at = self._clock.current() + LONGEST_PUT_SECONDS
        return {"suspect": claim.marks, "look_again_at": again_at}

    def _give_back(
        self, claim: Claim, values: dict[str, Any], stored: LastStored | None = None
    ) -> bool:
        """Whether the page is parked now, if that was wanted. Raises LeaseLost."""
        if stored is not None:
            values = values | stored_values(stored, self._now())
            self._lists.keep(stored.asked)
            if stored.is_unanswered:
                values["look_again_at"] = self._clock.current() + LONGEST_PUT_SECONDS
        page = pages.c.page_id == claim.page_id

        def write(connection: Connection) -> tuple[bool, bool]:
            was_held = give_back(connection, claim, values)
            if was_held and stored is not None:
                for number, body in stored.documents.items():
                    keep_version(connection, claim.page_id, number, etag_of(body), body)
            if not was_held:
                # We may have overwritten what the new holder wrote, or may yet: look now, and then.
                again = {"marks": pages.c.marks + 1, "suspect": pages.c.marks + 1}
                if "look_again_at" in values:
                    again["look_again_at"] = values["look_again_at"]
                connection.execute(update(pages).where(page).values(again))
            if "parked_at" not in values:
                return was_held, False
            parked_at = connection.execute(select(pages.c.parked_at).where(page)).scalar()
            return was_held, parked_at is not None

        was_held, is_parked = self._writes.run(write)
        if not was_held:
            raise LeaseLost(f"Another worker took over page {claim.page_id}; it is read again.")
        return is_parked


def _execute(connection: Connection, made: Sequence[tuple[str, Row]]) -> None:
    for text, values in made:
        connection.exec_driver_sql(text, values)
