"""The tables, and the number of this schema: an older program refuses a newer file.

All times are seconds since 1970 (UTC), as floats.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_NUMBER = 8
"""Raised by one when tables, (nullable) columns or indexes are added; schema_setup then adds them.

Indexes over a part of the rows are in partial_indexes."""

metadata = MetaData()
_big_integer = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts up in SQLite

schema = Table("fbsync_schema", metadata, Column("number", Integer, primary_key=True))

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _big_integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("page_ids", Text, nullable=False),  # a JSON list
    Column("received_at", Float, nullable=False),
    Column("copies", Integer, nullable=False, default=1),
    Column("fault", Text),  # why no page could be read from it: a dead letter
    UniqueConstraint("digest"),
)

# Which pages a delivery names. It is handled where each page's `done` has reached its `mark`.
delivery_pages = Table(
    "delivery_pages",
    metadata,
    Column("delivery_id", _big_integer, primary_key=True),
    Column("page_id", String(32), primary_key=True),
    Column("mark", _big_integer, nullable=False),
    Index("delivery_pages_by_page", "page_id", "mark"),
)

pages = Table(
    "pages",
    metadata,
    Column("page_id", String(32), primary_key=True),
    Column("marks", _big_integer, nullable=False, default=0),
    Column("done", _big_integer, nullable=False, default=0),
    # Up to this mark the store may hold other bytes than `stored_digest` says.
    Column("suspect", _big_integer, nullable=False, default=0),
    Column("noticed_by", String(16), nullable=False),
    Column("due_at", Float, nullable=False, default=0.0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease", String(32)),
    Column("leased_until", Float, nullable=False, default=0.0),
    Column("reason", Text),  # of the last failure, until the next success
    Column("parked_at", Float),
    # A claim below this mark began before the last `unpark`, so its refusal says nothing any more.
    Column("unparked", _big_integer),
    Column("stored_number", Integer, nullable=False, default=0),
    Column("stored_digest", String(64)),
    Column("stored_fields", Text),  # a JSON object
    Column("asked", String(16)),  # the key of the list with which it was last seen to be so
    Column("stored_at", Float),
    Column("last_event_at", Float),
    Column("event", String(16)),  # the id of the newest delivery that named it, see webhook.py
    # When it is marked again, as a dead worker's last write may have come after the next one's.
    Column("look_again_at", Float),
    Column("waiting_since", Float),  # of the oldest mark that is not done; means nothing when idle
    # Versions up to this number were stored in another place. Those that are here too have a row in
    # `stored_versions`.
    Column("elsewhere", Integer),
    Column("moves", Boolean),  # true until it was brought over from there; never false
)

# What pages were asked for, each list once: few, where pages are many.
field_lists = Table(
    "field_lists",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("fields", Text, nullable=False),  # with commas
)

# Every version that is known to be in the store: to compare it with, and to mend it from.
stored_versions = Table(
    "stored_versions",
    metadata,
    Column("page_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("etag", String(32), nullable=False),  # of the history object
    Column("document", LargeBinary, nullable=False),  # its bytes, compressed by zlib
)

# Versions that were in the store's last place, until they are brought over to the new one.
moving_versions = Table(
    "moving_versions",
    metadata,
    Column("page_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("etag", String(32), nullable=False),
    Column("document", LargeBinary, nullable=False),  # as in `stored_versions`
)

user_tokens = Table(
    "user_tokens",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("token", Text, nullable=False),  # encrypted
    Column("expires_at", Float),
    Column("logged_in_at", Float),
    Column("data_access_expires_at", Float),
    Column("scopes", Text),  # a JSON list: the permissions that were granted
)

page_accesses = Table(
    "page_accesses",
    metadata,
    Column("page_id", String(32), primary_key=True),
    Column("user_id", String(64), primary_key=True),
    Column("logged_in_at", Float),  # of the login that gave it
    Column("name", Text, nullable=False),
    Column("token", Text, nullable=False),  # encrypted
    Column("tasks", Text, nullable=False),  # a JSON list
    Column("fingerprint", String(64)),  # of name, token and tasks: a keyed digest
)

departures = Table(
    "departures",
    metadata,
    Column("code", String(32), primary_key=True),  # random; people may read its status
    Column("kind", String(16), nullable=False),
    Column("person", String(64), nullable=False),  # a keyed digest: the id itself is not kept
    Column("asked_at", Float, nullable=False),
    Column("done_at", Float, nullable=False),
    Column("outdated", Boolean, nullable=False),  # the person logged in again after asking
    Column("logins", Integer, nullable=False),
    Column("page_tokens", Integer, nullable=False),
    Column("events", Integer, nullable=False),
)

added_fields = Table(
    "added_fields",
    metadata,
    Column("page_id", String(32), primary_key=True),  # "" for the app's level
    Column("field", String(64), primary_key=True),
)

handshakes = Table(
    "handshakes",
    metadata,
    Column("id", _big_integer, primary_key=True),
    Column("seen_at", Float, nullable=False),
    Column("result", String(16), nullable=False),
)

commit_probe = Table(
    "commit_probe",  # always empty: a row goes in the transaction that it came in
    metadata,
    Column("id", _big_integer, primary_key=True),
    Column("probed_at", Float, nullable=False),
)

refused_fields = Table(
    "refused_fields",
    metadata,
    Column("version", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),
)

store_address = Table(
    "store_address",
    metadata,
    Column("address", Text, primary_key=True),  # one row: where the objects went last time
)

former_stores = Table(
    "former_stores",
    metadata,
    Column("address", Text, primary_key=True),
    Column("left_at", Float, nullable=False),  # last
)

last_sync = Table(
    "last_sync",
    metadata,
    Column("ended_at", Float, primary_key=True),  # one row: when `fbsync sync` last read all pages
)

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("run", String(32), primary_key=True),  # a run over all pages, while it lasts
    Column("held_until", Float, nullable=False),
)

missed_webhooks = Table(
    "missed_webhooks",
    metadata,
    Column("page_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the version that a poll led to
    Column("fields", Text, nullable=False),  # with commas: those that a webhook should have told
    Column("found_at", Float, nullable=False),
    Index("missed_webhooks_by_time", "found_at"),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("name", String(64), primary_key=True),  # "app", "page 1", "person 1"
    Column("percent", Integer, nullable=False),  # as it was at `seen_at`
    Column("seen_at", Float, nullable=False),
    Column("refused_until", Float, nullable=False),  # 0: calls are answered
)
