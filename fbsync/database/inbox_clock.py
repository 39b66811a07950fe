"""The clock of leases and due times: a database server's own, as machines' clocks differ."""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Float, cast, extract, func, literal
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.engine import Database


class InboxClock:
    """Seconds since 1970. `now`, where given, replaces the database's clock and this machine's."""

    def __init__(self, database: Database, now: Callable[[], float] | None) -> None:
        self._is_servers = now is None and not database.is_sqlite
        self.here = now or time.time

    def current(self) -> ColumnElement[float]:
        """The time in a statement, as it begins: the same for each of its rows."""
        if self._is_servers:
            return cast(extract("epoch", func.statement_timestamp()), Float)
        return literal(self.here(), Float)

    def at(self, moment: datetime) -> ColumnElement[float]:
        """A time that this machine's clock will show."""
        if self._is_servers:
            return self.current() + (moment.timestamp() - self.here())
        return literal(moment.timestamp(), Float)
