"""People who leave: their tokens go, the pages reached with them are parked, and it is recorded.

They leave by removing the app or by asking for the deletion of their data, both told by Meta, or by
`fbsync logout`. What is recorded names nobody: it holds a keyed digest in the place of the id.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, literal, select

from fbsync.database.engine import Database
from fbsync.database.marks import forget
from fbsync.database.schema import (
    deliveries,
    departures,
    page_accesses,
    pages,
    rate_limits,
    user_tokens,
)
from fbsync.graph.budget import person_limit
from fbsync.page import PageId
from fbsync.signed_request import SignedRequest

Kind = Literal["deauthorize", "deletion", "logout"]

_CHUNK = 500  # deliveries deleted by one statement

_HOW: dict[Kind, str] = {
    "deauthorize": "removed the app",
    "deletion": "asked for the deletion of their data",
    "logout": "logged out (fbsync logout)",
}


@dataclass(frozen=True)
class Departure:
    """One person's leaving, and what was deleted for it.

    `outdated` is one that the person asked for before the newest login: then nothing was. `is_new`
    is False where the same was done before and is only told again.
    """

    kind: Kind
    code: str
    asked_at: datetime
    done_at: datetime
    outdated: bool
    logins: int = 0
    page_tokens: int = 0
    events: int = 0
    is_new: bool = True


class Departures:
    """On the database, each departure in one transaction. Methods raise DatabaseUnavailable."""

    def __init__(
        self, database: Database, secret: str, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._key = secret.encode()
        self._now = now

    def deauthorize(self, request: SignedRequest) -> Departure:
        """The person removed the app: the tokens are dead, so they go."""
        return self._leave("deauthorize", request.user_id, request.issued_at)

    def delete_data(self, request: SignedRequest) -> Departure:
        """The person wants everything deleted that is theirs; `code` leads to its status.

        Mirrored pages are public facts of a business, so they stay.
        """
        return self._leave("deletion", request.user_id, request.issued_at)

    def log_out(self, user_id: str) -> Departure:
        """The operator wipes a person's tokens."""
        return self._leave("logout", user_id, datetime.fromtimestamp(self._now(), UTC))

    def find_deletion(self, code: str) -> Departure | None:
        """The deletion with this code."""
        query = select(departures).where(departures.c.code == code, departures.c.kind == "deletion")
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _departure(row)

    def pages_left(self) -> list[PageId]:
        """The pages that are mirrored, and parked without any token since somebody left."""
        ours = page_accesses.c.page_id == pages.c.page_id
        has_token = select(page_accesses.c.page_id).where(ours)
        query = select(pages.c.page_id).where(
            pages.c.parked_at.is_not(None), pages.c.stored_number > 0, ~has_token.exists()
        )
        with self._database.read() as connection:
            return [PageId(page) for page in connection.scalars(query)]

    def _leave(self, kind: Kind, user_id: str, asked_at: datetime) -> Departure:
        departure = Departure(
            kind, secrets.token_hex(16), asked_at, datetime.fromtimestamp(self._now(), UTC), False
        )
        with self._database.write() as connection:
            if _logged_in_after(connection, user_id, asked_at):
                departure = replace(departure, outdated=True)
            else:
                departure = self._drop(connection, departure, user_id)
            person = self._digest(user_id)
            known = _newest(connection, kind, person)
            if known is not None and _says_the_same(known, departure):
                return known
            connection.execute(departures.insert().values(person=person, **_row(departure)))
        return departure

    def _drop(self, connection: Connection, departure: Departure, user_id: str) -> Departure:
        """Delete what is the person's, and park the pages that nobody else's token is kept for."""
        logins = connection.execute(delete(user_tokens).where(user_tokens.c.user_id == user_id))
        page_ids, shared = _pages_of(connection, user_id)
        connection.execute(delete(page_accesses).where(page_accesses.c.user_id == user_id))
        limit = person_limit(user_id)
        connection.execute(delete(rate_limits).where(rate_limits.c.name == limit))
        self._park(connection, page_ids - shared, departure)
        events = 0
        if departure.kind == "deletion":
            events = self._drop_events(connection, user_id)
        return replace(departure, logins=logins.rowcount, page_tokens=len(page_ids), events=events)

    def _park(self, connection: Connection, page_ids: set[str], departure: Departure) -> None:
        if not page_ids:
            return
        reason = (
            f"The person behind this page's token {_HOW[departure.kind]} on"
            f" {departure.asked_at:%Y-%m-%d}.\nAn admin of the page must run: fbsync login"
        )
        parked = {"parked_at": self._now(), "reason": reason}
        insert = self._database.insert(pages)
        park = insert.on_conflict_do_update(index_elements=[pages.c.page_id], set_=parked)
        # Always in the same order: two PostgreSQL transactions must not wait for each other.
        rows = [{"page_id": page, "noticed_by": "sync", **parked} for page in sorted(page_ids)]
        connection.execute(park, rows)

    def _drop_events(self, connection: Connection, user_id: str) -> int:
        """Delete kept deliveries that name the person; their pages' marks stay."""
        name = f'"{user_id}"'.encode()
        body = deliveries.c.body
        at = (
            func.instr(body, name)
            if self._database.is_sqlite
            else func.position(literal(name).op("in")(body))
        )
        found = connection.execute(select(deliveries.c.id).where(at > 0)).scalars().all()
        for start in range(0, len(found), _CHUNK):
            forget(connection, found[start : start + _CHUNK])
        return len(found)

    def _digest(self, user_id: str) -> str:
        return hmac.new(self._key, f"fbsync person {user_id}".encode(), hashlib.sha256).hexdigest()


def _pages_of(connection: Connection, user_id: str) -> tuple[set[str], set[str]]:
    """The pages that the person opened to us, and those of them that others opened too.

    The rows are locked: of two people who leave at once, one must see the other gone.
    """
    theirs = select(page_accesses.c.page_id).where(page_accesses.c.user_id == user_id)
    query = (
        select(page_accesses.c.page_id, page_accesses.c.user_id)
        .where(page_accesses.c.page_id.in_(theirs))
        .order_by(page_accesses.c.page_id, page_accesses.c.user_id)
        .with_for_update()
    )
    rows = connection.execute(query).all()
    return (
        {row.page_id for row in rows if row.user_id == user_id},
        {row.page_id for row in rows if row.user_id != user_id},
    )


def _logged_in_after(connection: Connection, user_id: str, asked_at: datetime) -> bool:
    """Whether the person logged in again since. Meta tells whole seconds, so ours are cut too."""
    query = select(user_tokens.c.logged_in_at).where(user_tokens.c.user_id == user_id)
    logged_in_at = connection.execute(query.with_for_update()).scalar_one_or_none()
    return logged_in_at is not None and asked_at.timestamp() < int(logged_in_at)


def _says_the_same(known: Departure, departure: Departure) -> bool:
    """Whether a repeated request needs no record of its own."""
    if departure.outdated:
        return departure.asked_at <= known.asked_at
    nothing_dropped = not departure.logins and not departure.page_tokens
    return nothing_dropped and not known.outdated


def _newest(connection: Connection, kind: Kind, person: str) -> Departure | None:
    query = (
        select(departures)
        .where(departures.c.person == person, departures.c.kind == kind)
        .order_by(departures.c.done_at.desc(), departures.c.asked_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _departure(row)


def _departure(row: Any) -> Departure:
    return Departure(
        kind=row.kind,
        code=row.code,
        asked_at=datetime.fromtimestamp(row.asked_at, UTC),
        done_at=datetime.fromtimestamp(row.done_at, UTC),
        outdated=row.outdated,
        logins=row.logins,
        page_tokens=row.page_tokens,
        events=row.events,
        is_new=False,
    )


def _row(departure: Departure) -> dict[str, Any]:
    return {
        "code": departure.code,
        "kind": departure.kind,
        "asked_at": departure.asked_at.timestamp(),
        "done_at": departure.done_at.timestamp(),
        "outdated": departure.outdated,
        "logins": departure.logins,
        "page_tokens": departure.page_tokens,
        "events": departure.events,
    }
