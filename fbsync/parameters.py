"""Parameters that several commands share, and how their texts are read."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from fbsync.duration import parse_duration
from fbsync.env_file import load_environ
from fbsync.page import PageId, page_id

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
EnvFile = Annotated[
    Path | None, typer.Option("--env-file", help="Read settings from this file, not from .env.")
]
SomePages = Annotated[
    list[str] | None, typer.Argument(metavar="[PAGE]...", help="Page ids; all pages if none.")
]


def environ_of(context: typer.Context, env_file: Path | None) -> dict[str, str]:
    """The environment over `--env-file`, whichever side of the command's name it stands on.

    Raises SettingsError where the file cannot be read.
    """
    return load_environ(env_file or context.obj)


def page_ids(texts: list[str] | None) -> list[PageId] | None:
    """The ids given, None for all. Raises typer.BadParameter."""
    try:
        return [page_id(text) for text in texts] if texts else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="PAGE") from None


def duration(text: str, option: str) -> timedelta:
    """The option's duration. Raises typer.BadParameter."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
