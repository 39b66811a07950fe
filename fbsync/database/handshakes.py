"""The handshakes that the listener saw, kept for `fbsync subscribe`, which explains failed ones.

Nothing of the request is kept, only when it came and how it ended.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select

from fbsync.database.engine import Database
from fbsync.database.schema import handshakes
from fbsync.webhook import HandshakeResult

KEPT = 25
"""How many of each result: forged ones must not push out those that were answered."""


@dataclass(frozen=True)
class Handshake:
    """One handshake: when it came, and whether it was answered or why it was refused."""

    seen_at: datetime
    result: HandshakeResult


class Handshakes:
    """The table. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, batch: Collection[Handshake]) -> None:
        """Add these, oldest first, and drop what is beyond KEPT."""
        if not batch:
            return
        rows = [{"seen_at": one.seen_at.timestamp(), "result": one.result} for one in batch]
        with self._database.write() as connection:
            connection.execute(handshakes.insert(), rows)
            for result in {one.result for one in batch}:
                same = handshakes.c.result == result
                newest = select(handshakes.c.id).where(same).order_by(handshakes.c.id.desc())
                kept = connection.execute(newest.limit(KEPT)).scalars().all()
                connection.execute(delete(handshakes).where(same, handshakes.c.id < kept[-1]))

    def last(self) -> int:
        """The number of the newest; the next ones have higher numbers, whoever's clock is wrong."""
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(handshakes.c.id))).scalar_one()
        return int(newest or 0)

    def since(self, number: int) -> list[Handshake]:
        """Those with a higher number, oldest first."""
        query = select(handshakes).where(handshakes.c.id > number).order_by(handshakes.c.id)
        with self._database.read() as connection:
            return [
                Handshake(datetime.fromtimestamp(row.seen_at, UTC), row.result)
                for row in connection.execute(query)
            ]
