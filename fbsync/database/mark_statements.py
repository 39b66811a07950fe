"""The statements behind marks.py, each for many rows at once, on SQLite and on PostgreSQL.

They are SQL text, as one for each number of rows would be long in the making otherwise. And they
are one statement each: Python's driver for SQLite gives the interpreter's lock away with each step
of a statement, so a statement for each row would wait for the busy event loop row by row.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

MOST_ROWS = 100
"""In one statement. Older builds of SQLite take 999 values."""

Row = tuple[object, ...]

KEEP = """
insert into deliveries (digest, body, page_ids, received_at, copies, fault) values {rows}
on conflict (digest) do update set
    copies = deliveries.copies + excluded.copies,
    page_ids = excluded.page_ids,
    fault = excluded.fault
"""
"""Keep deliveries, or count copies. A dead letter of an older version may be readable by now."""

RAISE = """
insert into pages (
    page_id, marks, noticed_by, waiting_since, event, last_event_at,
    done, suspect, due_at, attempts, leased_until, stored_number
) values {rows}
on conflict (page_id) do update set
    marks = pages.marks + excluded.marks,
    waiting_since = case
        when pages.marks = pages.done then excluded.waiting_since else pages.waiting_since end,
    noticed_by = case
        when excluded.noticed_by = 'webhook' or pages.marks = pages.done then excluded.noticed_by
        else pages.noticed_by end,
    event = coalesce(excluded.event, pages.event),
    last_event_at = coalesce(excluded.last_event_at, pages.last_event_at)
"""
"""Raise pages' marks, also of new ones. A waiting event keeps its name when a poll comes second."""

LINK = """
with named (digest, page_id) as (values {rows})
insert into delivery_pages (delivery_id, page_id, mark)
select deliveries.id, pages.page_id, pages.marks
from named
join deliveries on deliveries.digest = named.digest
join pages on pages.page_id = named.page_id
where true
on conflict (delivery_id, page_id) do update set mark = excluded.mark
"""
"""Note which mark of a page a delivery waits for. Nothing for one that is not kept (any more)."""


def execute(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    """Execute for all rows, MOST_ROWS at a time, in their order."""
    place = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    for start in range(0, len(rows), MOST_ROWS):
        part = rows[start : start + MOST_ROWS]
        group = f"({', '.join([place] * len(part[0]))})"
        text = statement.format(rows=", ".join([group] * len(part)))
        connection.exec_driver_sql(text, tuple(value for row in part for value in row))
