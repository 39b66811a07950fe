"""The command `fbsync history`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.console import Console
from fbsync.errors import UnreadableDocument
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, OnePage, environ_of, one_page


def history(
    context: typer.Context,
    page: OnePage,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of the newest.")] = 20,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Show a page's versions, newest first: when, how each was noticed, which fields changed."""
    wanted = one_page(page)
    environ = environ_of(context, env_file)
    from fbsync.history_report import history_as_json, show_history
    from fbsync.mirror import document_key
    from fbsync.mirror_place import mirror_at

    mirror = mirror_at(environ)
    numbers = mirror.numbers(wanted)
    if not numbers:
        raise mirror.nothing_of(wanted)
    damaged: list[UnreadableDocument] = []
    # One more than is shown, to tell whether the oldest of them follows a time without access.
    versions = list(mirror.history(wanted, limit + 1, damaged.append))
    if len(numbers) > limit:
        last = document_key(wanted, numbers[limit])
        damaged = [error for error in damaged if error.key != last]
    console = Console()
    if as_json:
        shown = versions[: limit - len(damaged)]
        console.json(history_as_json(wanted, shown, len(numbers), damaged))
    else:
        show_history(console, wanted, versions, limit, len(numbers), damaged)
    raise typer.Exit(NEEDS_ATTENTION if damaged else 0)
