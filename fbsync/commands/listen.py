"""The command `fbsync listen`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.logs.format import LogFormat
from fbsync.parameters import (
    EnvFile,
    LogFormatOption,
    Metrics,
    duration,
    environ_of,
    operations_address,
)
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_login
from fbsync.settings.listener import read_listener


def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 5000,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only record events; `fbsync worker` mirrors.")
    ] = False,
    sync_every: Annotated[
        str | None,
        typer.Option(
            "--sync-every", metavar="DURATION", help="Poll all pages, too, such as every 6h."
        ),
    ] = None,
    metrics: Metrics = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    env_file: EnvFile = None,
) -> None:
    """Verify and record Meta's events, answer, then mirror the pages that they are about."""
    with reading(environ_of(context, env_file)) as env:
        settings, login_settings = read_listener(env), read_login(env, anywhere=True)
    wanted = operations_address(metrics)
    interval = duration(sync_every, "--sync-every") if sync_every else None
    from fbsync.companions import running, safety_net
    from fbsync.database.handshakes import Handshakes
    from fbsync.interpreter import answer_smoothly
    from fbsync.listener import address_of, bind, serve
    from fbsync.listening.connections import Connections, most_connections
    from fbsync.operations.metrics import backlog_metrics, connection_metrics
    from fbsync.operations.start import operations
    from fbsync.receiver import limited_commit, person_routes, start
    from fbsync.store.place import open_store

    with running(log_format) as process:
        shutdown, log, observers = process.shutdown, process.log, process.observers
        listening = bind(host, port)
        address = address_of(listening)
        app, graph, database = settings.app, settings.graph, settings.database
        with process.parts(app, graph, database, makes_database=True) as parts:
            limits, enter = settings.limits, parts.beside.enter_context
            observers.metrics.also(backlog_metrics(lambda: parts.backlog.newest, limits))
            group_commit = limited_commit(parts, limits, observers.metrics.committed)
            enter(operations(wanted, group_commit.probe, observers.metrics, shutdown, log))
            store = None
            if interval is not None or not no_worker:
                store = open_store(settings.store, app.app_id, log.say)
            wake = start(
                parts,
                settings,
                group_commit,
                store=None if no_worker else store,
                log=log,
                outcome=observers.outcome,
                shutdown=shutdown,
            )
            if interval is not None and store is not None:
                enter(safety_net(parts.access, store, settings.fields, interval, observers))
            connections = Connections(most_connections(), observers.request)
            observers.metrics.also(connection_metrics(connections.__len__, connections.counts))
            answer_smoothly()
            serve(
                listening,
                group_commit,
                shutdown,
                connections,
                app_secret=app.app_secret,
                verify_token=settings.verify_token,
                redirect_uri=login_settings.redirect_uri,
                report=observers.request,
                started=lambda: log.say(f"Listening on {address}; stop with Ctrl-C.", "started"),
                record_handshakes=Handshakes(parts.access.database).record,
                recorded=wake,
                further=person_routes(parts, settings, observers.request),
            )
        log.say("Stopped. What is recorded and not yet mirrored waits in the database.", "stopped")
