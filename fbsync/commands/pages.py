"""The command `fbsync pages`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from fbsync.console import Console
from fbsync.errors import NoAccess
from fbsync.exit_status import FAILED, NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, SomePages, environ_of, page_ids
from fbsync.settings.database import read_database, read_inbox
from fbsync.settings.environment import reading
from fbsync.settings.facebook import (
    read_app,
    read_callback_address,
    read_graph,
    read_webhook_fields,
)

if TYPE_CHECKING:
    from fbsync.page import PageId

Forget = Annotated[
    bool,
    typer.Option(
        "--forget", help="Forget these pages, which are set aside for good; the store keeps all."
    ),
]


def pages(
    context: typer.Context,
    pages: SomePages = None,
    forget: Forget = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """List the pages: token, webhooks, newest version, last event, and what needs attention."""
    wanted = page_ids(pages)
    if forget:
        _forget(context, wanted, as_json, env_file)
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        fields = frozenset(read_webhook_fields(env))
        address = read_callback_address(env, required=False)
    from fbsync.graph.subscriptions import GraphSubscriptions
    from fbsync.page_overview import Expected, survey
    from fbsync.page_report import overview_as_json, show_overview
    from fbsync.patience import WORKER_PATIENCE
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    with open_access(
        app_settings, graph, database, warn=console.say, patience=WORKER_PATIENCE
    ) as access:
        levels = GraphSubscriptions(access.connection)
        expected, now = Expected(fields, address), datetime.now(UTC)
        found = survey(access.vault, access.inbox, levels, expected, wanted, now)
    if not found.rows:
        raise NoAccess("Nobody has logged in yet, so there are no pages.\nRun: fbsync login")
    if found.failure:
        console.say(f"The webhooks could not all be read, so the rest is shown.\n{found.failure}")
    if as_json:
        console.json(overview_as_json(found))
    else:
        show_overview(console, found)
    raise typer.Exit(0 if found.ok else NEEDS_ATTENTION)


def _forget(
    context: typer.Context, wanted: list[PageId] | None, as_json: bool, env_file: Path | None
) -> NoReturn:
    """The database alone: neither Facebook nor the store is asked for anything."""
    if wanted is None:
        raise typer.BadParameter("name the pages to forget", param_hint="--forget")
    with reading(environ_of(context, env_file)) as env:
        place = read_inbox(env)
    from fbsync.database.forgetting import forget_pages
    from fbsync.database.place import database_url, open_database
    from fbsync.forget_report import forgotten_as_json, show_forgotten

    with open_database(database_url(place.app_id, place.url)) as database:
        found = forget_pages(database, wanted)
    console = Console(quiet_results=as_json)
    show_forgotten(console, found)
    if as_json:
        console.json(forgotten_as_json(found))
    raise typer.Exit(0 if all(one.refusal is None for one in found) else FAILED)
