"""The command `fbsync sync`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fbsync.console import Console
from fbsync.errors import PermanentFailure, TemporaryFailure
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, SomePages, duration, environ_of, page_ids
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_graph
from fbsync.settings.store import read_store

if TYPE_CHECKING:
    from fbsync.page import PageId
    from fbsync.ports import ObjectStore
    from fbsync.refresh import Outcome
    from fbsync.report import SyncReport
    from fbsync.sync import Difference
    from fbsync.wiring import Access


def sync(
    context: typer.Context,
    pages: SomePages = None,
    every: Annotated[
        str | None, typer.Option(metavar="15m", help="Go on polling at this interval.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what differs, change nothing.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Poll the pages and mirror those that changed: the safety net under the webhooks."""
    wanted, interval = page_ids(pages), duration(every, "--every") if every else None
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        store = read_store(env)
    from fbsync.store_place import open_store
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    with open_access(app_settings, graph, database, warn=console.say) as access:
        opened = open_store(store, app_settings.app_id, console.say)
        while True:
            try:
                report = _poll_once(console, access, opened, wanted, dry_run)
            except (TemporaryFailure, PermanentFailure) as error:
                if interval is None:
                    raise
                console.error(error)
            else:
                if as_json:
                    console.json(report.as_json())
                else:
                    report.show(console)
                if interval is None:
                    raise typer.Exit(NEEDS_ATTENTION if report.needs_attention else 0)
            time.sleep(interval.total_seconds())


def _poll_once(
    console: Console,
    access: Access,
    store: ObjectStore,
    wanted: list[PageId] | None,
    dry_run: bool,
) -> SyncReport:
    from rich.progress import Progress

    from fbsync.report import SyncReport
    from fbsync.sync import Poll

    report = SyncReport()
    known = access.known_pages()
    with Progress(console=console.messages, disable=not console.messages.is_terminal) as progress:
        bar = progress.add_task("Polling", total=len(wanted or known) or None)

        def add(found: Outcome | Difference) -> None:
            report.add(found)
            progress.advance(bar)

        poll = Poll(
            access.inbox,
            access.refresher(store, dry_run=dry_run),
            add,
            wanted=wanted,
            dry_run=dry_run,
            say=console.say,
        )
        poll.run(access.poll(keep_tokens=not dry_run, refused=report.refuse), known)
    if wanted is None and not dry_run and not report.refused:
        access.last_sync.note(datetime.now(UTC))
    report.refused_fields = access.pages.left_out
    return report
