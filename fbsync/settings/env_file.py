"""The variables of a `.env` file, under those of the environment."""

import os
from io import StringIO
from pathlib import Path

from fbsync.errors import SettingsError

_DEFAULT = Path(".env")


def load_environ(env_file: Path | None) -> dict[str, str]:
    """The environment over the file's variables; `.env` in this folder unless a file is named.

    Raises SettingsError as read_env_file does.
    """
    return load_with_sources(env_file)[0]


def load_with_sources(env_file: Path | None) -> tuple[dict[str, str], dict[str, str]]:
    """As load_environ, and where each variable is from: "environment", or the file's name."""
    from_file, given = read_env_file(env_file), dict(os.environ)
    file = str(env_file or _DEFAULT)
    sources = dict.fromkeys(from_file, file) | dict.fromkeys(given, "environment")
    return from_file | given, sources


def read_env_file(env_file: Path | None) -> dict[str, str]:
    """The file's variables alone.

    Raises SettingsError where a named file cannot be read, or a line of the file is no setting.
    """
    if env_file is None and not _DEFAULT.is_file():
        return {}
    from dotenv import dotenv_values  # which takes 5 ms
    from dotenv.parser import parse_stream

    file = env_file or _DEFAULT
    text = _read(file)
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            raise SettingsError(
                f"Line {binding.original.line} of {file} is no setting.\n"
                "Write NAME=value, a text with blanks in quotes, and a # before a remark."
            )
    values = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def _read(file: Path) -> str:
    if file.is_dir():
        raise SettingsError(
            f"{file} of --env-file is a folder.\nName a file in it, such as {file / '.env'}"
        )
    if not file.exists():
        raise SettingsError(
            f"The file {file} of --env-file is not there.\nCheck its name; a relative one begins"
            " in the folder that the command is run in."
        )
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"{file} cannot be read: line {line} is not text in UTF-8.\n"
            "Save it as UTF-8, with a line NAME=value for each setting."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}.\nLet this user read it, or name another."
        ) from None
