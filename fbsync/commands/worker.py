"""The command `fbsync worker`."""

from __future__ import annotations

import typer

from fbsync.logs.format import LogFormat
from fbsync.parameters import EnvFile, LogFormatOption, Metrics, environ_of, operations_address
from fbsync.settings.database import read_database, read_keep_deliveries
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_graph
from fbsync.settings.store import read_store


def worker(
    context: typer.Context,
    metrics: Metrics = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    env_file: EnvFile = None,
) -> None:
    """Mirror the pages that `fbsync listen` marked, beside it or on another machine."""
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        store, keep = read_store(env), read_keep_deliveries(env)
    wanted = operations_address(metrics)
    from fbsync.companions import mirroring, retention, running, store_watch
    from fbsync.listening.group_commit import GroupCommit
    from fbsync.operations.metrics import backlog_metrics
    from fbsync.operations.start import operations, worker_probe
    from fbsync.store.place import open_store

    with running(log_format) as process:
        shutdown, log, observers = process.shutdown, process.log, process.observers
        with process.parts(app_settings, graph, database) as parts:
            access, enter = parts.access, parts.beside.enter_context
            observers.metrics.also(backlog_metrics(lambda: parts.backlog.newest))
            opened = open_store(store, app_settings.app_id, log.say)
            worker = mirroring(access, opened, observers.outcome, shutdown)
            commits = enter(GroupCommit(access.inbox, access.durability))  # for its probe alone
            probe = worker_probe(worker, commits.probe)
            enter(operations(wanted, probe, observers.metrics, shutdown, log))
            enter(retention(access, keep, log.warn))
            enter(store_watch(access, opened, log.warn))
            enter(worker)
            log.say("Mirroring marked pages; stop with Ctrl-C.", "started")
            shutdown.wait()
        log.say("Stopped. What is not yet mirrored waits in the database.", "stopped")
