"""The command `fbsync listen`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.logs.format import LogFormat
from fbsync.parameters import EnvFile, LogFormatOption, Metrics, environ_of, operations_address
from fbsync.settings.database import read_database, read_keep_deliveries
from fbsync.settings.environment import reading
from fbsync.settings.facebook import (
    read_app,
    read_callback_address,
    read_graph,
    read_login,
    read_verify_token,
    read_webhook_fields,
)
from fbsync.settings.limits import read_limits
from fbsync.settings.store import read_store


def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 5000,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only record events; `fbsync worker` mirrors.")
    ] = False,
    metrics: Metrics = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    env_file: EnvFile = None,
) -> None:
    """Verify and record Meta's events, answer, then mirror the pages that they are about."""
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        verify_token, login_settings = read_verify_token(env), read_login(env, anywhere=True)
        store, public_address = read_store(env), read_callback_address(env, required=False)
        fields, keep, limits = read_webhook_fields(env), read_keep_deliveries(env), read_limits(env)
    wanted = operations_address(metrics)
    from fbsync.companions import mirroring, retention, running, subscription_watch
    from fbsync.interpreter import answer_smoothly
    from fbsync.listener import address_of, bind, serve
    from fbsync.listening.back_pressure import BackPressure
    from fbsync.listening.connections import Connections, most_connections
    from fbsync.listening.group_commit import GroupCommit
    from fbsync.listening.person_callbacks import PersonCallbacks
    from fbsync.operations.metrics import backlog_metrics, connection_metrics
    from fbsync.operations.start import operations
    from fbsync.wiring import open_store

    with running(log_format) as process:
        shutdown, log, observers = process.shutdown, process.log, process.observers
        listening = bind(host, port)
        address = address_of(listening)
        with process.parts(app_settings, graph, database, makes_database=True) as parts:
            access, backlog, enter = parts.access, parts.backlog, parts.beside.enter_context
            pressure = BackPressure(limits, lambda: backlog.newest)
            observers.metrics.also(backlog_metrics(lambda: backlog.newest, limits))
            group_commit = GroupCommit(
                access.inbox, access.durability, pressure.admit, observers.metrics.committed
            )
            enter(operations(wanted, group_commit.probe, observers.metrics, shutdown, log))
            worker = None
            if not no_worker:
                opened = open_store(store, app_settings.app_id, log.say)
                worker = enter(mirroring(access, opened, observers.outcome, shutdown))
            enter(retention(access, keep, log.warn))
            enter(subscription_watch(access, fields, public_address, log.warn))
            enter(group_commit)
            person = PersonCallbacks(
                app_settings.app_secret, access.departures, observers.request, public_address
            )
            connections = Connections(most_connections(), observers.request)
            observers.metrics.also(connection_metrics(connections.__len__, connections.counts))
            answer_smoothly()
            serve(
                listening,
                group_commit,
                shutdown,
                connections,
                app_secret=app_settings.app_secret,
                verify_token=verify_token,
                redirect_uri=login_settings.redirect_uri,
                report=observers.request,
                started=lambda: log.say(f"Listening on {address}; stop with Ctrl-C.", "started"),
                record_handshakes=access.handshakes.record,
                recorded=worker.wake if worker else lambda: None,
                further=person.routes(),
            )
        log.say("Stopped. What is recorded and not yet mirrored waits in the database.", "stopped")
