"""The variables of a `.env` file, under those of the environment."""

import os
from pathlib import Path

from dotenv import dotenv_values

from fbsync.errors import SettingsError


def load_environ(env_file: Path | None) -> dict[str, str]:
    """The environment over the file's variables; `.env` in this folder unless a file is named.

    Raises SettingsError where a named file cannot be read.
    """
    return read_env_file(env_file) | dict(os.environ)


def read_env_file(env_file: Path | None) -> dict[str, str]:
    """The file's variables alone. Raises SettingsError where a named file cannot be read."""
    if env_file is not None and not env_file.is_file():
        raise SettingsError(f"The file {env_file} of --env-file is not there.")
    try:
        values = dotenv_values(env_file or Path(".env"), encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file or '.env'} cannot be read: {error}.") from None
    return {name: value for name, value in values.items() if value is not None}
