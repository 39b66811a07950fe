"""The command `fbsync listen`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from fbsync.console import Console
from fbsync.environment import reading
from fbsync.parameters import EnvFile, environ_of
from fbsync.settings import (
    read_app,
    read_callback_address,
    read_database,
    read_graph,
    read_login,
    read_store,
    read_verify_token,
)


def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 5000,
    env_file: EnvFile = None,
) -> None:
    """Verify and record Meta's events, answer, then mirror the pages that they are about."""
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        verify_token, login_settings = read_verify_token(env), read_login(env, anywhere=True)
        store, public_address = read_store(env), read_callback_address(env, required=False)
    from fbsync.listener_process import Reporting, address_of, bind, serve
    from fbsync.pace import EVENTS
    from fbsync.patience import WORKER_PATIENCE
    from fbsync.person_callbacks import PersonCallbacks
    from fbsync.report import show_notice, show_outcome
    from fbsync.wiring import open_access, open_store

    console = Console()
    report = partial(show_notice, console)
    listening = bind(host, port)
    with open_access(
        app_settings, graph, database, warn=console.say, patience=WORKER_PATIENCE, lane=EVENTS
    ) as access:
        person = PersonCallbacks(app_settings.app_secret, access.departures, report, public_address)
        serve(
            listening,
            access.inbox,
            access.refresher(open_store(store, app_settings.app_id, console.say)),
            app_secret=app_settings.app_secret,
            verify_token=verify_token,
            redirect_uri=login_settings.redirect_uri,
            reporting=Reporting(
                request=report,
                outcome=lambda outcome: show_outcome(console, outcome),
                started=lambda _: console.say(
                    f"Listening on {address_of(listening)}; stop with Ctrl-C."
                ),
            ),
            further=person.routes(),
        )
    console.say("Stopped. What is recorded and not yet mirrored waits in the database.")
