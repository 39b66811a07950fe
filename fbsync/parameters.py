"""Parameters that several commands share, and how their texts are read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from fbsync.duration import parse_duration
from fbsync.logs.format import LogFormat
from fbsync.operations.address import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    OperationsAddress,
    parse_operations_address,
)
from fbsync.page import PageId, page_id
from fbsync.settings.env_file import load_environ
from fbsync.webhook_fields import split_webhook_fields, unknown_fields

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
EnvFile = Annotated[
    Path | None, typer.Option("--env-file", help="Read settings from this file, not from .env.")
]
LogFormatOption = Annotated[
    LogFormat, typer.Option("--log-format", help="The log on stderr: lines, or JSON for programs.")
]
Metrics = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|off",
        help="Serve /healthz, /readyz and /metrics here.",
        show_default=f"{DEFAULT_HOST}:{DEFAULT_PORT}",
    ),
]
SomePages = Annotated[
    list[str] | None, typer.Argument(metavar="[PAGE]...", help="Page ids; all pages if none.")
]
OnePage = Annotated[str, typer.Argument(metavar="PAGE", help="The page's id.")]
AVersion = Annotated[int | None, typer.Argument(min=1, help="A version's number.")]


def environ_of(context: typer.Context, env_file: Path | None) -> dict[str, str]:
    """The environment over `--env-file`, whichever side of the command's name it stands on.

    Raises SettingsError where the file cannot be read.
    """
    return load_environ(env_file or context.obj)


def operations_address(text: str | None) -> OperationsAddress | None:
    """Where to serve health and metrics, None for nowhere. Raises typer.BadParameter."""
    try:
        return parse_operations_address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--metrics") from None


def page_ids(texts: list[str] | None) -> list[PageId] | None:
    """The ids given, None for all. Raises typer.BadParameter."""
    try:
        return [page_id(text) for text in texts] if texts else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="PAGE") from None


def one_page(text: str, option: str = "PAGE") -> PageId:
    """The id given. Raises typer.BadParameter."""
    try:
        return page_id(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def webhook_fields(text: str | None) -> tuple[str, ...]:
    """The names given with --fields, none without it. Raises typer.BadParameter."""
    names = split_webhook_fields(text or "")
    if text is not None and (not names or unknown_fields(names)):
        told = ", ".join(unknown_fields(names)) or "nothing is named"
        raise typer.BadParameter(f"no webhook field of Meta's: {told}", param_hint="--fields")
    return names


def duration(text: str, option: str) -> timedelta:
    """The option's duration. Raises typer.BadParameter."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def moment(text: str, option: str) -> datetime:
    """The option's moment: so long ago, such as 2h, or a date or time in ISO 8601.

    UTC where the text names no zone. Raises typer.BadParameter.
    """
    try:
        return datetime.now(UTC) - parse_duration(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        example = "a time is such as 2h (ago) or 2026-11-24T10:00 (UTC)"
        raise typer.BadParameter(example, param_hint=option) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
