"""The variables of a `.env` file, under those of the environment."""

import os
from pathlib import Path

from dotenv import dotenv_values

from fbsync.errors import SettingsError

_DEFAULT = Path(".env")


def load_environ(env_file: Path | None) -> dict[str, str]:
    """The environment over the file's variables; `.env` in this folder unless a file is named.

    Raises SettingsError where a named file cannot be read.
    """
    return load_with_sources(env_file)[0]


def load_with_sources(env_file: Path | None) -> tuple[dict[str, str], dict[str, str]]:
    """As load_environ, and where each variable is from: "environment", or the file's name."""
    from_file, given = read_env_file(env_file), dict(os.environ)
    file = str(env_file or _DEFAULT)
    sources = dict.fromkeys(from_file, file) | dict.fromkeys(given, "environment")
    return from_file | given, sources


def read_env_file(env_file: Path | None) -> dict[str, str]:
    """The file's variables alone. Raises SettingsError where a named file cannot be read."""
    if env_file is not None and not env_file.is_file():
        raise SettingsError(f"The file {env_file} of --env-file is not there.")
    try:
        values = dotenv_values(env_file or _DEFAULT, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file or _DEFAULT} cannot be read: {error}.") from None
    return {name: value for name, value in values.items() if value is not None}
