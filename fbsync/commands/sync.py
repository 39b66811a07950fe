"""The command `fbsync sync`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fbsync.console import Console
from fbsync.errors import FbsyncError, PermanentFailure, TemporaryFailure
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, SomePages, duration, environ_of, page_ids
from fbsync.periodic import spread
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_graph, read_webhook_fields
from fbsync.settings.store import read_store
from fbsync.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fbsync.page import PageId
    from fbsync.ports import ObjectStore
    from fbsync.sync.report import SyncReport
    from fbsync.sync.run import SyncRun
    from fbsync.verification.report import DriftReport
    from fbsync.wiring import Access

INTERRUPTED = 130


def sync(
    context: typer.Context,
    pages: SomePages = None,
    every: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Go on polling at this interval, such as 15m."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what differs, change nothing.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="First compare the whole store with the database; repair."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout for each run.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Poll the pages and mirror those that changed: the safety net under the webhooks."""
    wanted, interval = page_ids(pages), duration(every, "--every") if every else None
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        store, fields = read_store(env), read_webhook_fields(env)
    from fbsync.store.place import open_store
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    wish = _Wish(wanted, verify, dry_run, interval is not None, as_json)
    _prepare_process()
    with open_access(app_settings, graph, database, warn=console.say) as access:
        opened = open_store(store, app_settings.app_id, console.say)

        def once() -> SyncReport:
            return _once(console, access, opened, fields, wish)

        if interval is None:
            raise typer.Exit(NEEDS_ATTENTION if once().needs_attention else 0)
        with _interruptible(console, lambda: "Stopped while it waited for its next run."):
            _again_and_again(console, once, interval.total_seconds())


def _again_and_again(console: Console, once: Callable[[], object], seconds: float) -> None:
    """What fails may work the next time."""
    while True:
        try:
            once()
        except (TemporaryFailure, PermanentFailure) as error:
            console.error(error)
        time.sleep(spread(seconds))


def _prepare_process() -> None:
    """SIGTERM ends as Ctrl-C does, and both do where a shell's background ignores the latter."""
    from fbsync.interpreter import collect_seldom

    collect_seldom()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@dataclass(frozen=True)
class _Wish:
    """What to run over (None: all pages), and how."""

    pages: list[PageId] | None
    verify: bool
    dry_run: bool
    by_the_clock: bool
    as_json: bool


def _once(
    console: Console, access: Access, store: ObjectStore, fields: Sequence[str], wish: _Wish
) -> SyncReport:
    """One run, shown."""
    drift = _verify(console, access, store, wish) if wish.verify else None
    with _told_by_itself(console, drift, wish):
        return _poll(console, access, store, fields, wish, drift)


def _verify(console: Console, access: Access, store: ObjectStore, wish: _Wish) -> DriftReport:
    """The store beside the database, shown; with --json it is told with the rest."""
    from fbsync.database.believed_objects import BelievedObjects
    from fbsync.progress_bar import progress_bar
    from fbsync.sync.run import enter_store
    from fbsync.verification.repair import Repair
    from fbsync.verification.report import DriftReport
    from fbsync.verification.verification import Verification

    if not wish.dry_run:
        # What was in the last place is not believed to be in another one.
        enter_store(access, store, wish.pages, console.say)
    report, before = DriftReport(keeps_all=wish.as_json), store.list_requests
    believed = BelievedObjects(access.database)
    repair = Repair(access.inbox, store, access.inbox.document, dry_run=wish.dry_run)
    run = Verification(store, believed, repair, report.add, wanted=wish.pages)
    with (
        progress_bar(console, "Verifying", run.total()) as advance,
        _interruptible(
            console,
            lambda: (
                f"Stopped in the verification, after {counted(report.objects, 'object')}:"
                f" {report.summary}."
            ),
        ),
    ):

        def listed() -> None:
            report.count()
            advance()

        run.run(listed)
    report.list_requests = store.list_requests - before
    if not wish.as_json:
        report.show(console)
    return report


@contextmanager
def _told_by_itself(console: Console, drift: DriftReport | None, wish: _Wish) -> Iterator[None]:
    """Where the poll fails after it, what the verification found is told all the same."""
    try:
        yield
    except FbsyncError:
        if drift is not None and wish.as_json:
            console.json({"ok": False, "verification": drift.as_json()})
        raise


def _poll(
    console: Console,
    access: Access,
    store: ObjectStore,
    fields: Sequence[str],
    wish: _Wish,
    drift: DriftReport | None,
) -> SyncReport:
    """All pages or some; shown, with what the verification found."""
    from fbsync.progress_bar import progress_bar
    from fbsync.sync.report import SyncReport
    from fbsync.sync.run import Found, SyncRun
    from fbsync.sync.spool import Spool

    known = access.known_pages()
    total = len(known if wish.pages is None else wish.pages)
    with Spool() as entries:
        report = SyncReport(entries if wish.as_json else None, drift)
        with (
            progress_bar(console, "Polling", total) as advance,
            _interruptible(console, lambda: _how_far(report, total)),
        ):

            def found(one: Found) -> None:
                report.add(one)
                advance()

            run = SyncRun(access, store, fields, found, report.refuse, report.miss, console.say)
            is_done = _run(run, wish, known)
        if not is_done:
            console.say("Another sync of all pages is under way; this one is left out.")
            if drift is None or not wish.as_json:
                return report
        report.refused_fields = access.pages.left_out
        report.show_json(console) if wish.as_json else report.show(console)
    return report


def _run(run: SyncRun, wish: _Wish, known: list[PageId]) -> bool:
    """False where another process is at it already, and nobody asked for this one."""
    if wish.dry_run:
        run.dry(wish.pages, known)
    elif wish.pages is not None:
        run.over(wish.pages, known)
    else:
        return run.over_all(known, by_the_clock=wish.by_the_clock)
    return True


@contextmanager
def _interruptible(console: Console, how_far: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C ends in order, and says how far it came."""
    try:
        yield
    except KeyboardInterrupt:
        console.say(
            f"{how_far()}\nWhat was stored is whole; the next fbsync sync goes on from there."
        )
        raise typer.Exit(INTERRUPTED) from None


def _how_far(report: SyncReport, total: int) -> str:
    count = report.counts.total()
    pages = f"{count} of about {total} pages" if total > count else counted(count, "page")
    return f"Stopped after {pages}: {report.summary}."
