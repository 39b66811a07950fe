"""The command `fbsync history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fbsync.console import Console
from fbsync.errors import UnreadableDocument
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.page import PageId
from fbsync.parameters import EnvFile, JsonFlag, environ_of, one_page

if TYPE_CHECKING:
    from fbsync.mirror import Mirror


def history(
    context: typer.Context,
    page: Annotated[
        str | None, typer.Argument(metavar="[PAGE]", help="The page's id; a list of all if none.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="At most so many of the newest, or of the pages.")
    ] = 20,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Show a page's versions, newest first: when, how each was noticed, which fields changed.

    Without a page, list the pages that are stored, with their names.
    """
    wanted = None if page is None else one_page(page)
    environ = environ_of(context, env_file)
    from fbsync.mirror_place import mirror_at

    mirror = mirror_at(environ)
    if wanted is None:
        is_damaged = _show_pages(mirror, limit, as_json=as_json)
    else:
        is_damaged = _show_history(mirror, wanted, limit, as_json=as_json)
    raise typer.Exit(NEEDS_ATTENTION if is_damaged else 0)


def _show_pages(mirror: Mirror, limit: int, *, as_json: bool) -> bool:
    """Whether something is damaged."""
    from fbsync.mirrored_pages import (
        mirrored_pages,
        mirrored_pages_as_json,
        show_mirrored_pages,
    )

    found, more = mirrored_pages(mirror, limit)
    if as_json:
        Console.json(mirrored_pages_as_json(found, more=more))
    else:
        show_mirrored_pages(Console(), found, more=more, limit=limit)
    return any(page.damaged for page in found)


def _show_history(mirror: Mirror, page: PageId, limit: int, *, as_json: bool) -> bool:
    """Whether something is damaged."""
    from fbsync.history_report import history_as_json, show_history
    from fbsync.mirror import document_key

    numbers = mirror.numbers(page)
    if not numbers:
        raise mirror.nothing_of(page)
    damaged: list[UnreadableDocument] = []
    # One more than is shown, to tell whether the oldest of them follows a time without access.
    versions = list(mirror.history(page, limit + 1, damaged.append))
    if len(numbers) > limit:
        last = document_key(page, numbers[limit])
        damaged = [error for error in damaged if error.key != last]
    if as_json:
        shown = versions[: limit - len(damaged)]
        Console.json(history_as_json(page, shown, len(numbers), damaged))
    else:
        show_history(Console(), page, versions, limit, len(numbers), damaged)
    return bool(damaged)
