"""The key file beside an SQLite database, where FBSYNC_TOKEN_KEY is not set."""

import os
from pathlib import Path

from cryptography.fernet import Fernet

from fbsync.errors import SettingsError


def key_file(database_file: Path) -> Path:
    """Where the key of an SQLite database is."""
    return database_file.with_name("token.key")


def read_key_file(path: Path) -> tuple[str, ...]:
    """The key in the file. It is made, readable by its owner only, where there is none.

    Raises SettingsError where the file cannot be read or made, or holds no Fernet key.
    """
    try:
        _create_key_file(path)
        key = path.read_text(encoding="ascii").strip()
        Fernet(key)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no Fernet key"
        raise SettingsError(
            f"The token key file {path} cannot be used: {reason}.\n"
            "Mend it, or set FBSYNC_TOKEN_KEY."
        ) from None
    return (key,)


def _create_key_file(path: Path) -> None:
    """Whole or not at all: a second process never reads half a key, a crash leaves none."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        draft.unlink()
