"""The limits of the Graph API as far as they are used up, shared by all processes.

Each process notes what the answers' headers say and looks before it calls, so that a poll slows
down for a listener on the same database, and nobody calls while calls are refused.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import case, or_

from fbsync.database.engine import Database
from fbsync.database.schema import rate_limits
from fbsync.errors import RateLimited
from fbsync.graph.budget import APP_LIMIT, Limit
from fbsync.graph.pace import WINDOW_SECONDS, Lane, closed_seconds, pause_seconds, percent_now

_NOTED_FROM = 50
"""Percent below which a limit is far away and not worth a row."""

_CLOCKS_DIFFER_SECONDS = 600.0
"""At most, by chance. What was seen later than that from now was by a clock since set back."""

_NAMED = "select name, percent, seen_at, refused_until from rate_limits where name in ({})"


class _Row(NamedTuple):
    """Of the table, with times in seconds since 1970."""

    name: str
    percent: int
    seen_at: float
    refused_until: float


class RateBudget:
    """graph.usage.Budget on the database, for one lane. Methods raise DatabaseUnavailable.

    `now` gives seconds since 1970, `sleep` is given each pause; tests replace both. `say` is told
    when calls begin to wait, once an hour at most.
    """

    def __init__(
        self,
        database: Database,
        lane: Lane,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._database = database
        self._lane = lane
        self._now = now
        self._sleep = sleep
        self._say = say
        self._said_at: float | None = None
        self._noted: set[str] = set()

    def begin(self, limits: Collection[str]) -> Mapping[str, RateLimited]:
        """Wait for one's turn. Which of these limits take no call now, and why.

        Raises RateLimited where the app's own limit takes none.
        """
        latest = self._now() + _CLOCKS_DIFFER_SECONDS
        rows = [row for row in self._rows([APP_LIMIT, *limits]) if row.seen_at <= latest]
        self._noted |= {row.name for row in rows}
        closed = {row.name: error for row in rows if (error := self._closed(row))}
        if APP_LIMIT in closed:
            raise closed[APP_LIMIT]
        left = [row for row in rows if row.name not in closed]
        fullest = max(left, key=self._percent, default=None)
        if fullest is not None and (pause := self._pause(fullest)) > 0:
            self._tell(fullest)
            self._sleep(pause)
        return closed

    def note(self, seen: Mapping[str, Limit]) -> None:
        """Remember what the last answers said of these limits."""
        rows = [
            {
                "name": name,
                "percent": limit.percent,
                "seen_at": self._now(),
                "refused_until": limit.until.timestamp() if limit.until else 0.0,
            }
            for name, limit in sorted(seen.items())
            if limit.until or limit.percent >= _NOTED_FROM or name in self._noted
        ]
        if not rows:
            return
        insert = self._database.insert(rate_limits)
        new, old = insert.excluded.refused_until, rate_limits.c.refused_until
        is_ahead = rate_limits.c.seen_at > insert.excluded.seen_at + _CLOCKS_DIFFER_SECONDS
        changed = {
            "percent": insert.excluded.percent,
            "seen_at": insert.excluded.seen_at,
            # An answer that was on its way meanwhile does not end a refusal.
            "refused_until": case((or_(new > old, is_ahead), new), else_=old),
        }
        upsert = insert.on_conflict_do_update(index_elements=["name"], set_=changed)
        with self._database.write() as connection:
            connection.execute(upsert, rows)

    def _rows(self, names: Sequence[str]) -> list[_Row]:
        """Those of these limits that are noted. It is asked before each request."""
        places = ", ".join([self._database.place] * len(names))
        return [_Row(*row) for row in self._database.read_at_once(_NAMED.format(places), names)]

    def _percent(self, row: _Row) -> float:
        return percent_now(row.percent, self._now() - row.seen_at)

    def _pause(self, row: _Row) -> float:
        return pause_seconds(self._percent(row), self._lane)

    def _tell(self, row: _Row) -> None:
        now = self._now()
        if self._said_at is not None and now < self._said_at + WINDOW_SECONDS:
            return
        self._said_at = now
        whose = "the app" if row.name == APP_LIMIT else row.name
        self._say(
            f"Facebook's limit for {whose} is used to {self._percent(row):.0f} %:"
            " fbsync goes slower."
        )

    def _closed(self, row: _Row) -> RateLimited | None:
        of_app = row.name == APP_LIMIT
        whose = "the app's" if of_app else f"the {row.name}'s"
        if row.refused_until > self._now():
            until = datetime.fromtimestamp(row.refused_until, UTC)
            told = f"{until:%Y-%m-%d %H:%M:%S} UTC"
            return RateLimited(
                f"Facebook refuses calls within {whose} limit until {told}.\n"
                "Run it again after that; until then fbsync sends no such calls, as they count.",
                retry_at=until,
                of_app=of_app,
            )
        opens_at = row.seen_at + closed_seconds(row.percent, self._lane)
        # A page's and a person's limits only slow us down: their end is told by a refusal.
        if not of_app or opens_at <= self._now():
            return None
        until = datetime.fromtimestamp(opens_at, UTC)
        return RateLimited(
            f"{row.percent} % of the app's limit of Graph API calls is used up; the rest is for"
            f" events.\nTry again at {until:%H:%M:%S} UTC.",
            retry_at=until,
            of_app=True,
        )
