"""When each person's login ends, as it is stored beside the token."""

from datetime import UTC, datetime

from sqlalchemy import select

from fbsync.database.engine import Database
from fbsync.database.schema import user_tokens
from fbsync.expiry import Lifetime


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
                expires_at=moment(row.expires_at),
                data_access_expires_at=moment(row.data_access_expires_at),
                logged_in_at=moment(row.logged_in_at),
            )
            for row in connection.execute(query)
        ]


def moment(seconds: float | None) -> datetime | None:
    """A stored time; None where none is known."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
