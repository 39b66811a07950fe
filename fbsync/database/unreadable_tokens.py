"""Whose stored tokens our keys do not open. Nothing is changed, and no token is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.schema import page_accesses, user_tokens
from fbsync.database.token_seal import TokenSeal
from fbsync.errors import TokenRefused
from fbsync.page import PageId

_PAGES_AT_ONCE = 500  # in a transaction: while one reads, an SQLite writer cannot commit


@dataclass(frozen=True)
class UnreadableTokens:
    """The names of people whose own token cannot be opened, and the pages that have none that can.

    `of_people` and `of_pages` count all that have a stored token.
    """

    people: Sequence[str]
    of_people: int
    pages: Sequence[PageId]
    of_pages: int


def unreadable_tokens(database: Database, keys: Sequence[str]) -> UnreadableTokens:
    """Try each stored token; without a key, none opens. Raises DatabaseUnavailable."""
    seal = TokenSeal(keys) if keys else None
    people = select(user_tokens.c.name, user_tokens.c.token).order_by(user_tokens.c.user_id)
    page_id, token = page_accesses.c.page_id, page_accesses.c.token
    with database.read() as connection:
        users = connection.execute(people).all()
        pages = connection.execute(select(page_id).distinct().order_by(page_id)).scalars().all()
    readable = set[str]()
    for start in range(0, len(pages), _PAGES_AT_ONCE):
        part = select(page_id, token).where(page_id.in_(pages[start : start + _PAGES_AT_ONCE]))
        with database.read() as connection:
            rows = connection.execute(part).all()
        readable.update(row.page_id for row in rows if _opens(seal, row.token))
    return UnreadableTokens(
        people=[user.name for user in users if not _opens(seal, user.token)],
        of_people=len(users),
        pages=[PageId(page) for page in pages if page not in readable],
        of_pages=len(pages),
    )


def _opens(seal: TokenSeal | None, token: str) -> bool:
    if seal is None:
        return False
    try:
        seal.open(token)
    except TokenRefused:
        return False
    return True
