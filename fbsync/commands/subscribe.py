"""The command `fbsync subscribe`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.console import Console
from fbsync.environment import reading
from fbsync.errors import NoAccess
from fbsync.exit_status import FAILED, NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, SomePages, environ_of, page_ids
from fbsync.settings import read_app, read_callback, read_database, read_graph


def subscribe(
    context: typer.Context,
    pages: SomePages = None,
    replace_callback: Annotated[
        bool, typer.Option("--replace-callback", help="Take over from another callback.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Switch on the webhooks, for the app and for each page; changes only what differs."""
    wanted = page_ids(pages)
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        callback = read_callback(env)
    from fbsync.report import level_as_json, show_levels
    from fbsync.subscribe import subscribe_app, subscribe_pages
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    with open_access(app_settings, graph, database, warn=console.say) as access:
        accesses = access.vault.accesses(wanted)
        if not accesses or (wanted and len(accesses) < len(wanted)):
            raise NoAccess("No token is stored for some of these pages.\nRun: fbsync login")
        app_level = subscribe_app(access.graph, callback, replace_callback=replace_callback)
        levels = subscribe_pages(access.graph, accesses.values(), callback.fields)
        access.inbox.unpark([level.page_id for level in levels if level.page_id and level.ok])
    failed_pages = [level for level in levels if not level.ok]
    if as_json:
        console.json(
            {
                "ok": app_level.ok and not failed_pages,
                "app": level_as_json(app_level),
                "pages": [level_as_json(level) for level in levels],
            }
        )
    else:
        show_levels(console, app_level, levels)
    raise typer.Exit(FAILED if not app_level.ok else NEEDS_ATTENTION if failed_pages else 0)
