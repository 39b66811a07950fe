"""The tables, and the number of this schema: an older program refuses a newer file.

All times are seconds since 1970 (UTC), as floats.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_NUMBER = 3
"""Raised by one when tables or (nullable) columns are added; engine.py then adds them."""

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
    UniqueConstraint("digest"),
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
    Column("stored_at", Float),
    Column("last_event_at", Float),
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

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("name", String(64), primary_key=True),  # "app", "page 1", "person 1"
    Column("percent", Integer, nullable=False),  # as it was at `seen_at`
    Column("seen_at", Float, nullable=False),
    Column("refused_until", Float, nullable=False),  # 0: calls are answered
)
