"""Tokens under Fernet keys; several keys allow rotation, the newest first."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from fbsync.errors import TokenRefused
from fbsync.page import PageAccess

OTHER_KEY = (
    "The stored tokens were encrypted with another key.\n"
    "Set FBSYNC_TOKEN_KEY to that key (several with commas; it may be in token.key beside the"
    " database),\nor run: fbsync login"
)

_Read = TypeVar("_Read")


class TokenSeal:
    """Encrypts tokens with the first key, and opens what any of them encrypted."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._fingerprint_key = keys[0].encode()

    def seal(self, token: str) -> str:
        """The token as it may be stored."""
        return self._fernet.encrypt(token.encode()).decode()

    def open(self, sealed: str) -> str:
        """The token. Raises TokenRefused where it was encrypted with a key not among ours."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise TokenRefused(OTHER_KEY) from None

    def fingerprint(self, access: PageAccess) -> str:
        """Keyed, so that nobody can try tokens on it who has the database alone."""
        told = orjson.dumps((access.name, access.token, access.tasks))
        return hashlib.blake2b(told, key=self._fingerprint_key, digest_size=32).hexdigest()


def opened(
    rows: Iterable[Any], read: Callable[[Any], _Read]
) -> tuple[list[_Read], list[tuple[Any, TokenRefused]]]:
    """What `read` makes of rows whose token can be opened; the others, each with the reason."""
    found, sealed = [], []
    for row in rows:
        try:
            found.append(read(row))
        except TokenRefused as error:
            sealed.append((row, error))
    return found, sealed
