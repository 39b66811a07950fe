"""Tokens at rest, encrypted with Fernet keys; several keys allow rotation, the newest first."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from fbsync.database.engine import Database
from fbsync.database.lifetimes import lifetimes, moment
from fbsync.database.poll_statements import FINGERPRINTS, pairs
from fbsync.database.schema import page_accesses, user_tokens
from fbsync.database.token_seal import TokenSeal, opened
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
        self._seal = TokenSeal(keys)
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
            if stored is None or self._seal.open(stored.token) != user.token:
                return False
            rows = self._page_rows(user.user_id, stored.logged_in_at, accesses)
            connection.execute(_upsert(self._database, page_accesses), rows)
        return True

    def not_stored(self, user_id: str, accesses: Sequence[PageAccess]) -> list[PageAccess]:
        """Those of these accesses of one person (at most some hundred) that are not stored so.

        Also those that were encrypted with a key that is no longer the newest. No token is opened.
        """
        ids = [access.page_id for access in accesses]
        known = pairs(self._database, FINGERPRINTS, ids, user_id)
        return [
            access
            for access in accesses
            if known.get(access.page_id) != self._seal.fingerprint(access)
        ]

    def users(
        self, refused: Callable[[str, TokenRefused], None] = lambda name, error: None
    ) -> list[UserToken]:
        """Everybody who logged in, with their tokens.

        `refused` is told the name of each person whose token was encrypted with a key that is not
        among ours. Raises TokenRefused where everybody's was.
        """
        with self._database.read() as connection:
            rows = connection.execute(select(user_tokens).order_by(user_tokens.c.user_id)).all()
        found, sealed = opened(rows, self._user)
        if sealed and not found:
            raise sealed[0][1]
        for row, why in sealed:
            refused(row.name, why)
        return found

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
        self,
        page_ids: Collection[PageId] | None = None,
        user_id: str | None = None,
        refused: Callable[[PageId, TokenRefused], None] = lambda page, error: None,
    ) -> dict[PageId, PageAccess]:
        """The stored accesses to these pages (at most some hundred), or to all; others left out.

        Where several people opened a page, the best one, and `refused`, see `ranked_accesses`. With
        `user_id`, that person's own.
        """
        ranked = self._opened(self._ranked(page_ids, user_id), refused)
        return {page: best for page, (best, *_) in ranked.items()}

    def ranked_accesses(
        self,
        page_ids: Collection[PageId],
        refused: Callable[[PageId, TokenRefused], None] = lambda page, error: None,
    ) -> dict[PageId, list[PageAccess]]:
        """Everybody's access to each of these pages (at most some hundred), the best one first.

        One that allows webhooks is better than one that does not, then that of the newer login.
        What was encrypted with a key that is not among ours is left out; `refused` is told of each
        page that has nothing else. Raises TokenRefused where everybody's login is so: then the key
        is wrong, which says nothing of a page.
        """
        return self._opened(self._ranked(page_ids), refused)

    def owners(self, page_ids: Collection[PageId] | None = None) -> dict[PageId, str]:
        """The id of the person whose login gave each page's access, see `accesses`."""
        owners = {}
        for page, rows in self._ranked(page_ids).items():
            found, _ = opened(rows, lambda row: (self._access(row), row.user_id))
            if found:
                _, owners[page] = found[0]
        return owners

    def page_ids(self, user_id: str | None = None) -> list[PageId]:
        """The pages that have a token; with `user_id` those that this person opened."""
        query = select(page_accesses.c.page_id).distinct().order_by(page_accesses.c.page_id)
        if user_id is not None:
            query = query.where(page_accesses.c.user_id == user_id)
        with self._database.read() as connection:
            return list(connection.scalars(query).all())  # row by row takes twice the time

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

    def _opened(
        self,
        ranked: Mapping[PageId, Sequence[Any]],
        refused: Callable[[PageId, TokenRefused], None],
    ) -> dict[PageId, list[PageAccess]]:
        """See `ranked_accesses`."""
        read = {page: opened(rows, self._access) for page, rows in ranked.items()}
        lost = {page: sealed[0][1] for page, (found, sealed) in read.items() if not found}
        if lost:
            self.users()  # which raises where none can be opened
        for page, why in lost.items():
            refused(page, why)
        return {page: found for page, (found, _) in read.items() if found}

    def _access(self, row: Any) -> PageAccess:
        return _access(row, self._seal.open(row.token))

    def _user(self, row: Any) -> UserToken:
        return UserToken(
            user_id=row.user_id,
            name=row.name,
            token=self._seal.open(row.token),
            expires_at=moment(row.expires_at),
            data_access_expires_at=moment(row.data_access_expires_at),
            scopes=tuple(json.loads(row.scopes or "[]")),
        )

    def _user_row(self, user: UserToken, now: float) -> dict[str, Any]:
        return {
            "user_id": user.user_id,
            "name": user.name,
            "token": self._seal.seal(user.token),
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
                "token": self._seal.seal(access.token),
                "tasks": json.dumps(access.tasks),
                "fingerprint": self._seal.fingerprint(access),
            }
            for access in sorted(accesses, key=lambda access: access.page_id)
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
