"""The command `fbsync worker`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import typer

from fbsync.console import Console
from fbsync.environment import reading
from fbsync.inbox_settings import read_keep_deliveries
from fbsync.parameters import EnvFile, environ_of
from fbsync.settings import read_app, read_database, read_graph, read_store


def worker(context: typer.Context, env_file: EnvFile = None) -> None:
    """Mirror the pages that `fbsync listen` marked, beside it or on another machine."""
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        store, keep = read_store(env), read_keep_deliveries(env)
    from fbsync.companions import mirroring
    from fbsync.graph.pace import EVENTS
    from fbsync.patience import WORKER_PATIENCE
    from fbsync.report import show_outcome
    from fbsync.shutdown import shutdown_by_signals
    from fbsync.wiring import open_access, open_store

    console = Console()
    with (
        shutdown_by_signals() as shutdown,
        open_access(
            app_settings, graph, database, warn=console.say, patience=WORKER_PATIENCE, lane=EVENTS
        ) as access,
        ExitStack() as companions,
    ):
        opened = open_store(store, app_settings.app_id, console.say)
        companions.enter_context(access.retention(keep, console.say))
        companions.enter_context(
            mirroring(access, opened, partial(show_outcome, console), shutdown)
        )
        console.say("Mirroring marked pages; stop with Ctrl-C.")
        shutdown.wait()
    console.say("Stopped. What is not yet mirrored waits in the database.")
