"""Tokens at rest, encrypted with Fernet keys; several keys allow rotation, the newest first."""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import func, select

from fbsync.database.engine import Database
from fbsync.database.poll_statements import FINGERPRINTS, pairs
from fbsync.database.schema import page_accesses, user_tokens
from fbsync.errors import NoAccess, TokenRefused
from fbsync.expiry import Lifetime
from fbsync.page import PageAccess, PageId, UserToken


class Vault:
    """User and page tokens in the database. Methods raise DatabaseUnavailable, and TokenRefused
    where a stored token was encrypted with a key that is not among ours."""

    def __init__(
        self, database: Database, keys: Sequence[str], now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._fingerprint_key = keys[0].encode()
        self._now = now

    def save(self, user: UserToken, accesses: Sequence[PageAccess]) -> None:
        """Keep a new login's token and those of the pages reached with it, in one transaction.

        Pages known before and not among these stay as they are.
        """
        now = self._now()
        with self._database.write() as connection:
            connection.execute(_upsert(self._database, user_tokens), [self._user_row(user, now)])
            if accesses:
                rows = self._page_rows(user.user_id, now, accesses)
                connection.execute(_upsert(self._database, page_accesses), rows)

    def add_pages(self, user: UserToken, accesses: Sequence[PageAccess]) -> bool:
        """Keep tokens of pages that were reached with a stored token.

        False, and nothing is kept, where that token is not stored any more: its holder logged out,
        removed the app or logged in anew since it was read.
        """
        query = select(user_tokens).where(user_tokens.c.user_id == user.user_id)
        with self._database.write() as connection:
            stored = connection.execute(query.with_for_update()).one_or_none()
            if stored is None or self._open(stored.token) != user.token:
                return False
            rows = self._page_rows(user.user_id, stored.logged_in_at, accesses)
            connection.execute(_upsert(self._database, page_accesses), rows)
        return True

    def not_stored(self, user_id: str, accesses: Sequence[PageAccess]) -> list[PageAccess]:
        """Those of these accesses of one person (at most some hundred) that are not stored so.

        Also those that were encrypted with a key that is no longer the newest. No token is opened.
        """
        ids = [access.page_id for access in accesses]
        with self._database.read() as connection:
            known = pairs(connection, FINGERPRINTS, ids, user_id)
        return [
            access for access in accesses if known.get(access.page_id) != self._fingerprint(access)
        ]

    def users(self) -> list[UserToken]:
        """Everybody who logged in, with their tokens."""
        with self._database.read() as connection:
            rows = connection.execute(select(user_tokens).order_by(user_tokens.c.user_id)).all()
        return [self._user(row) for row in rows]

    def user(self, user_id: str) -> UserToken:
        """One of them. Raises NoAccess where the person is not logged in."""
        query = select(user_tokens).where(user_tokens.c.user_id == user_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NoAccess("This person is not logged in (any more).")
        return self._user(row)

    def names(self) -> dict[str, str]:
        """The names of everybody who logged in, by id; readable without the tokens' key."""
        query = select(user_tokens.c.user_id, user_tokens.c.name).order_by(user_tokens.c.user_id)
        with self._database.read() as connection:
            return {row.user_id: row.name for row in connection.execute(query)}

    def lifetimes(self) -> list[Lifetime]:
        """When each person's login ends."""
        return lifetimes(self._database)

    def accesses(
        self, page_ids: Collection[PageId] | None = None, user_id: str | None = None
    ) -> dict[PageId, PageAccess]:
        """The stored accesses to these pages (at most some hundred), or to all; others left out.

        Where several people opened a page, the best one, see `ranked_accesses`. With `user_id`,
        that person's own.
        """
        ranked = self._ranked(page_ids, user_id)
        return {page: _access(rows[0], self._open(rows[0].token)) for page, rows in ranked.items()}

    def ranked_accesses(self, page_ids: Collection[PageId]) -> dict[PageId, list[PageAccess]]:
        """Everybody's access to each of these pages (at most some hundred), the best one first.

        One that allows webhooks is better than one that does not, then that of the newer login.
        """
        return {
            page: [_access(row, self._open(row.token)) for row in rows]
            for page, rows in self._ranked(page_ids).items()
        }

    def owners(self) -> dict[PageId, str]:
        """The id of the person whose login gave each page's best access."""
        return {page: rows[0].user_id for page, rows in self._ranked().items()}

    def page_ids(self, user_id: str | None = None) -> list[PageId]:
        """The pages that have a token; with `user_id` those that this person opened."""
        query = select(page_accesses.c.page_id).distinct().order_by(page_accesses.c.page_id)
        if user_id is not None:
            query = query.where(page_accesses.c.user_id == user_id)
        with self._database.read() as connection:
            return [PageId(row.page_id) for row in connection.execute(query)]

    def names_of_pages(self, user_id: str) -> dict[PageId, str]:
        """The pages that this person opened, each with its name."""
        query = select(page_accesses.c.page_id, page_accesses.c.name)
        query = query.where(page_accesses.c.user_id == user_id)
        with self._database.read() as connection:
            return {PageId(row.page_id): row.name for row in connection.execute(query)}

    def _ranked(
        self, page_ids: Collection[PageId] | None = None, user_id: str | None = None
    ) -> dict[PageId, list[Any]]:
        """The rows of each page, the best first. No token is opened, so no key is needed."""
        newest = func.coalesce(page_accesses.c.logged_in_at, 0.0).desc()
        order = (page_accesses.c.page_id, newest, page_accesses.c.user_id)
        query = select(page_accesses).order_by(*order)
        if page_ids is not None:
            query = query.where(page_accesses.c.page_id.in_(page_ids))
        if user_id is not None:
            query = query.where(page_accesses.c.user_id == user_id)
        found: dict[PageId, list[Any]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                found.setdefault(PageId(row.page_id), []).append(row)
        for rows in found.values():
            if len(rows) > 1:
                rows.sort(key=lambda row: not _access(row, "").allows_webhooks)
        return found

    def _user(self, row: Any) -> UserToken:
        return UserToken(
            user_id=row.user_id,
            name=row.name,
            token=self._open(row.token),
            expires_at=_moment(row.expires_at),
            data_access_expires_at=_moment(row.data_access_expires_at),
            scopes=tuple(json.loads(row.scopes or "[]")),
        )

    def _user_row(self, user: UserToken, now: float) -> dict[str, Any]:
        return {
            "user_id": user.user_id,
            "name": user.name,
            "token": self._seal(user.token),
            "expires_at": _seconds(user.expires_at),
            "data_access_expires_at": _seconds(user.data_access_expires_at),
            "scopes": json.dumps(user.scopes),
            "logged_in_at": now,
        }

    def _page_rows(
        self, user_id: str, logged_in_at: float | None, accesses: Sequence[PageAccess]
    ) -> list[dict[str, Any]]:
        """Always in the same order: two PostgreSQL transactions must not wait for each other."""
        return [
            {
                "page_id": access.page_id,
                "user_id": user_id,
                "logged_in_at": logged_in_at,
                "name": access.name,
                "token": self._seal(access.token),
                "tasks": json.dumps(access.tasks),
                "fingerprint": self._fingerprint(access),
            }
            for access in sorted(accesses, key=lambda access: access.page_id)
        ]

    def _fingerprint(self, access: PageAccess) -> str:
        """Keyed, so that nobody can try tokens on it who has the database alone."""
        told = orjson.dumps((access.name, access.token, access.tasks))
        return hashlib.blake2b(told, key=self._fingerprint_key, digest_size=32).hexdigest()

    def _seal(self, token: str) -> str:
        return self._fernet.encrypt(token.encode()).decode()

    def _open(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise TokenRefused(
                "The stored tokens were encrypted with another key.\n"
                "Set FBSYNC_TOKEN_KEY to that key (several with commas), or run: fbsync login"
            ) from None


def lifetimes(database: Database) -> list[Lifetime]:
    """When each person's login ends. No token is opened for it, so no key is needed.

    Raises DatabaseUnavailable.
    """
    query = select(user_tokens).order_by(user_tokens.c.user_id)
    with database.read() as connection:
        return [
            Lifetime(
                user_id=row.user_id,
                name=row.name,
                expires_at=_moment(row.expires_at),
                data_access_expires_at=_moment(row.data_access_expires_at),
                logged_in_at=_moment(row.logged_in_at),
            )
            for row in connection.execute(query)
        ]


def _upsert(database: Database, table: Any) -> Any:
    insert = database.insert(table)
    key = list(table.primary_key)
    changed = {c.name: insert.excluded[c.name] for c in table.columns if not c.primary_key}
    return insert.on_conflict_do_update(index_elements=key, set_=changed)


def _access(row: Any, token: str) -> PageAccess:
    return PageAccess(PageId(row.page_id), row.name, token, tuple(json.loads(row.tasks)))


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
