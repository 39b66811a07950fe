"""Whether a token of the sandbox stands where none belongs."""

import re

# Not EAA alone: one database in forty has these letters somewhere in what is encrypted.
_TOKEN = re.compile(rb"EAA[UP][0-9]+x")


def has_token(data: bytes) -> bool:
    """Whether a person's or a page's token, or how it begins, is in it."""
    return _TOKEN.search(data) is not None
