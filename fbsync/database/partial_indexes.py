"""Indexes over few of a table's rows, as SQL text, which is the same on SQLite and PostgreSQL.

SQLAlchemy's would load both dialects with each command, whose PostgreSQL takes longer than ours.
"""

from sqlalchemy import Connection

PARTIAL_INDEXES = {
    # Dead letters are few, so counting them costs nothing, and neither does this index.
    "deliveries_dead": "deliveries (id) where fault is not null",
    # Without it, a claim would sort every page that waits.
    "pages_waiting": (
        "pages (due_at, waiting_since, page_id) where marks > done and parked_at is null"
    ),
    # Without it, a renewal would read every page while others wait for the write lock.
    "pages_leased": "pages (lease) where lease is not null",
    # Asked at each claim, and hardly ever true of a page. In the order in which rows are locked.
    "pages_look_again": "pages (page_id, look_again_at) where look_again_at is not null",
    # Asked at each sync, and true of no page but after a move.
    "pages_that_move": "pages (page_id) where moves is not null",
    # Without it, each sync would read every page to find those that lost their last token.
    "pages_parked": "pages (page_id) where parked_at is not null",
}


def make_partial_indexes(connection: Connection) -> None:
    """Those that are missing."""
    for name, of in PARTIAL_INDEXES.items():
        connection.exec_driver_sql(f"create index if not exists {name} on {of}")
