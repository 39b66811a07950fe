"""The command `fbsync listen`."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from fbsync.console import Console
from fbsync.environment import reading
from fbsync.inbox_settings import read_keep_deliveries
from fbsync.limits import read_limits
from fbsync.parameters import EnvFile, environ_of
from fbsync.settings import (
    read_app,
    read_callback_address,
    read_database,
    read_graph,
    read_login,
    read_store,
    read_verify_token,
    read_webhook_fields,
)


def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 5000,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only record events; `fbsync worker` mirrors.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Verify and record Meta's events, answer, then mirror the pages that they are about."""
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        verify_token, login_settings = read_verify_token(env), read_login(env, anywhere=True)
        store, public_address = read_store(env), read_callback_address(env, required=False)
        fields, keep, limits = read_webhook_fields(env), read_keep_deliveries(env), read_limits(env)
    from fbsync.back_pressure import BackPressure
    from fbsync.backlog import BacklogWatch
    from fbsync.companions import mirroring, subscription_watch
    from fbsync.connections import Connections, most_connections
    from fbsync.graph.pace import EVENTS
    from fbsync.group_commit import GroupCommit
    from fbsync.listener_process import address_of, bind, serve
    from fbsync.notice_limit import NoticeLimit
    from fbsync.patience import WORKER_PATIENCE
    from fbsync.person_callbacks import PersonCallbacks
    from fbsync.report import show_notice, show_outcome
    from fbsync.shutdown import shutdown_by_signals
    from fbsync.wiring import open_access, open_store

    console = Console()
    listening = bind(host, port)
    address = address_of(listening)
    with (
        shutdown_by_signals() as shutdown,
        open_access(
            app_settings, graph, database, warn=console.say, patience=WORKER_PATIENCE, lane=EVENTS
        ) as access,
        NoticeLimit(partial(show_notice, console)) as show_request,
        ExitStack() as companions,
    ):
        enter = companions.enter_context
        worker = None
        if not no_worker:
            opened = open_store(store, app_settings.app_id, console.say)
            worker = enter(mirroring(access, opened, partial(show_outcome, console), shutdown))
        enter(access.retention(keep, console.say))
        enter(subscription_watch(access, fields, public_address, console.say))
        person = PersonCallbacks(
            app_settings.app_secret, access.departures, show_request, public_address
        )
        backlog = enter(BacklogWatch(access.inbox.status, access.database_size))
        pressure = BackPressure(limits, lambda: backlog.newest)
        serve(
            listening,
            enter(GroupCommit(access.inbox, access.durability, pressure.admit)),
            shutdown,
            Connections(most_connections(), show_request),
            app_secret=app_settings.app_secret,
            verify_token=verify_token,
            redirect_uri=login_settings.redirect_uri,
            report=show_request,
            started=lambda: console.say(f"Listening on {address}; stop with Ctrl-C."),
            record_handshakes=access.handshakes.record,
            recorded=worker.wake if worker else lambda: None,
            further=person.routes(),
        )
    console.say("Stopped. What is recorded and not yet mirrored waits in the database.")
