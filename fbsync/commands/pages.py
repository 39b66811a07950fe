"""The command `fbsync pages`."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from fbsync.console import Console
from fbsync.errors import NoAccess
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, SomePages, environ_of, page_ids
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import (
    read_app,
    read_callback_address,
    read_graph,
    read_webhook_fields,
)


def pages(
    context: typer.Context,
    pages: SomePages = None,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """List the pages: token, webhooks, newest version, last event, and what needs attention."""
    wanted = page_ids(pages)
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        fields = frozenset(read_webhook_fields(env))
        address = read_callback_address(env, required=False)
    from fbsync.page_overview import Expected, survey
    from fbsync.page_report import overview_as_json, show_overview
    from fbsync.patience import WORKER_PATIENCE
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    with open_access(
        app_settings, graph, database, warn=console.say, patience=WORKER_PATIENCE
    ) as access:
        found = survey(
            access.vault,
            access.inbox,
            access.subscriptions,
            Expected(fields, address),
            wanted,
            datetime.now(UTC),
        )
    if not found.rows:
        raise NoAccess("Nobody has logged in yet, so there are no pages.\nRun: fbsync login")
    if found.failure:
        console.say(f"The webhooks could not all be read, so the rest is shown.\n{found.failure}")
    if as_json:
        console.json(overview_as_json(found))
    else:
        show_overview(console, found)
    raise typer.Exit(0 if found.ok else NEEDS_ATTENTION)
