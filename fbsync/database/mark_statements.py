"""The statements behind marks.py and recording.py, each for many rows at once.

They are SQL text, as one for each number of rows would be long in the making otherwise. `{rows}`
is where their rows come from: values, or a query.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

MOST_ROWS = 100
"""In one statement. Older builds of SQLite take 999 values."""

LONGEST_WAIT_SECONDS = 2 * 86_400
"""No page is put off for longer. Facebook's longest wish is a day, 1,440 minutes."""

Row = tuple[object, ...]

KEEP = """
insert into deliveries (digest, body, page_ids, received_at, copies, fault) {rows}
on conflict (digest) do update set
    copies = deliveries.copies + excluded.copies,
    page_ids = excluded.page_ids,
    fault = excluded.fault
"""
"""Keep deliveries, or count copies. A dead letter of an older version may be readable by now."""

RAISE = f"""
insert into pages (
    page_id, marks, noticed_by, waiting_since, event, last_event_at,
    done, suspect, due_at, attempts, leased_until, stored_number
) {{rows}}
on conflict (page_id) do update set
    marks = pages.marks + excluded.marks,
    waiting_since = case
        when pages.marks = pages.done then excluded.waiting_since else pages.waiting_since end,
    noticed_by = case
        when excluded.noticed_by = 'webhook' or pages.marks = pages.done then excluded.noticed_by
        else pages.noticed_by end,
    due_at = case
        when pages.due_at > excluded.waiting_since + {LONGEST_WAIT_SECONDS} then 0.0
        else pages.due_at end,
    event = coalesce(excluded.event, pages.event),
    last_event_at = coalesce(excluded.last_event_at, pages.last_event_at)
"""
"""Raise pages' marks, also of new ones. A waiting event keeps its name when a poll comes second.

A page that was put off for longer than anybody wishes was so by a clock since set back.
"""

LINK = """
insert into delivery_pages (delivery_id, page_id, mark)
select deliveries.id, pages.page_id, pages.marks
from ({rows}) as named
join deliveries on deliveries.digest = named.column1
join pages on pages.page_id = named.column2
where true
on conflict (delivery_id, page_id) do update set mark = excluded.mark
"""
"""Note which mark of a page a delivery waits for. Nothing for one that is not kept (any more)."""


_PAGES = "from json_each(new.page_ids) as named where true"

RECORDING_VIEW = (
    """
create temp view recording as select
    null as digest, null as body, null as page_ids, null as received_at, null as copies,
    null as fault, null as event, null as recorded_at
""",
    "create temp trigger recording_taken_in instead of insert on recording begin"
    + KEEP.format(
        rows="values (new.digest, new.body, new.page_ids, new.received_at, new.copies, new.fault)"
    )
    + ";"
    + RAISE.format(
        rows="select named.value, 1, 'webhook', new.recorded_at, new.event, new.recorded_at,"
        f" 0, 0, 0.0, 0, 0.0, 0 {_PAGES}"
    )
    + ";"
    + LINK.format(rows=f"select new.digest as column1, named.value as column2 {_PAGES}")
    + "; end",
)
"""A view that takes in whole recordings, by its trigger, on SQLite: made for each connection.

So a recording is one statement. Python's driver gives the interpreter's lock away with each step
of a statement, and in a busy process it comes back late. View and trigger are no part of the file,
so they are always those of this program.
"""

RECORD = "insert into recording {rows}"
"""Into the view: a row for each body, with the number of its copies, its id and the time."""


def filled(statement: str, rows: Sequence[Row], place: str) -> Iterator[tuple[str, Row]]:
    """The statement for all rows, MOST_ROWS at a time, in their order: its text and its values.

    `place` is how the driver writes the place of a value.
    """
    for start in range(0, len(rows), MOST_ROWS):
        part = rows[start : start + MOST_ROWS]
        group = f"({', '.join([place] * len(part[0]))})"
        source = f"values {', '.join([group] * len(part))}"
        yield statement.format(rows=source), tuple(value for row in part for value in row)


def execute(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    """Execute for all rows."""
    place = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    for text, values in filled(statement, rows, place):
        connection.exec_driver_sql(text, values)
