"""What a poll asks of the database for each part of its list, as SQL text for many pages at once.

A poll of unchanged pages does little else, so statements that SQLAlchemy would have to put together
for each part would be a third of its processor time.
"""

from collections.abc import Sequence

from fbsync.database.engine import Database
from fbsync.page import PageId

_MOST_IDS = 500
"""In one statement. Older builds of SQLite take 999 values."""

DIGESTS = """
select page_id, stored_digest from pages
where stored_digest is not null and parked_at is null and suspect <= done and page_id in ({ids})
and coalesce(asked, '') = {value}
"""
"""The digest of each page's newest version, where nothing is in doubt and the page not parked.

Of those alone that were last asked for this list, by its key; '' is for what is not known. After a
move to another store there is none.
"""

FINGERPRINTS = """
select page_id, fingerprint from page_accesses
where fingerprint is not null and page_id in ({ids}) and user_id = {value}
"""
"""The fingerprint of one person's access to each page. Some of 0.4.0 and older have none."""


def pairs(
    database: Database, statement: str, page_ids: Sequence[PageId], *more: str
) -> dict[PageId, str]:
    """The statement's rows for these pages; `more` is its other value. Raises DatabaseUnavailable.

    Each part of the pages is read for itself.
    """
    found = dict[PageId, str]()
    for start in range(0, len(page_ids), _MOST_IDS):
        part = page_ids[start : start + _MOST_IDS]
        ids = ", ".join([database.place] * len(part))
        text = statement.format(ids=ids, value=database.place)
        found.update(database.read_at_once(text, (*part, *more)))
    return found
