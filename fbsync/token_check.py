"""Whether the stored tokens can be decrypted, for `fbsync doctor`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from fbsync.database.engine import Database
from fbsync.database.token_seal import OTHER_KEY
from fbsync.database.unreadable_tokens import UnreadableTokens, unreadable_tokens
from fbsync.doctor import Finding
from fbsync.errors import FbsyncError
from fbsync.wording import counted, first_of

NO_KEY = (
    "The key of the stored tokens is missing: FBSYNC_TOKEN_KEY is not set, and no token.key lies"
    " beside the database.\n"
    "Bring token.key back from a backup, or set FBSYNC_TOKEN_KEY to that key, or run: fbsync login"
)


def look_at_tokens(
    open_database: Callable[[], AbstractContextManager[Database]],
    read_keys: Callable[[], Sequence[str]],
) -> Finding:
    """Each is tried with our keys, if `read_keys` finds any. No token is told, and none changed."""
    try:
        keys = read_keys()
        with open_database() as database:
            found = unreadable_tokens(database, keys)
    except FbsyncError as error:
        return Finding("tokens", "fault", str(error))
    facts = {
        "people": found.of_people,
        "pages": found.of_pages,
        "unreadable_people": list(found.people),
        "unreadable_pages": list(found.pages),
    }
    if found.people or found.pages:
        told = f"{_in_words(found)}\n{OTHER_KEY if keys else NO_KEY}"
        return Finding("tokens", "fault", told, facts)
    if not found.of_people and not found.of_pages:
        return Finding("tokens", "ok", "none are stored yet", facts)
    people, pages = counted(found.of_people, "person", "people"), counted(found.of_pages, "page")
    return Finding("tokens", "ok", f"those of {people} and {pages} can be decrypted", facts)


def _in_words(found: UnreadableTokens) -> str:
    told = []
    for names, count, noun, plural in (
        (found.people, found.of_people, "person", "people"),
        (found.pages, found.of_pages, "page", "pages"),
    ):
        if names:
            told.append(f"{len(names)} of {counted(count, noun, plural)} ({first_of(names)})")
    return f"The tokens of {' and '.join(told)} cannot be decrypted."
