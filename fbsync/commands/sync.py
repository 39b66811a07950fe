"""The command `fbsync sync`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fbsync.console import Console
from fbsync.errors import FbsyncError, PermanentFailure, TemporaryFailure
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.interruption import Interruption, raise_at_signals
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
    stop = Interruption(console.say, is_service=interval is not None)
    wish = _Wish(wanted, verify, dry_run, interval is not None, as_json)
    _prepare_process()
    with (
        stop.told(lambda: "Stopped."),
        open_access(app_settings, graph, database, warn=console.say) as access,
    ):
        opened = open_store(store, app_settings.app_id, console.say)
        run = _Run(console, stop, access, opened, fields, wish)
        if interval is None:
            raise typer.Exit(NEEDS_ATTENTION if run.once().needs_attention else 0)
        _again_and_again(run, interval.total_seconds())


def _again_and_again(run: _Run, seconds: float) -> None:
    """What fails may work the next time."""
    run.console.load()
    with run.stop.told(lambda: "Stopped between two runs."):
        while True:
            try:
                run.once()
            except (TemporaryFailure, PermanentFailure) as error:
                run.console.error(error)
            time.sleep(spread(seconds))


def _prepare_process() -> None:
    from fbsync.interpreter import collect_seldom

    collect_seldom()
    raise_at_signals()


@dataclass(frozen=True)
class _Wish:
    """What to run over (None: all pages), and how."""

    pages: list[PageId] | None
    verify: bool
    dry_run: bool
    by_the_clock: bool
    as_json: bool


@dataclass(frozen=True)
class _Run:
    """What a run needs, whatever is wished."""

    console: Console
    stop: Interruption
    access: Access
    store: ObjectStore
    fields: Sequence[str]
    wish: _Wish

    def once(self) -> SyncReport:
        """One run, shown; by the clock none, where another process is at it already."""
        from fbsync.sync.report import SyncReport

        with self._held() as is_ours:
            if not is_ours:
                self.console.say("Another sync of all pages is under way; this one is left out.")
                return SyncReport()
            if not self.wish.dry_run:
                self._enter_store()
            drift = self._verify() if self.wish.verify else None
            with self._told_by_itself(drift):
                return self._poll(drift)

    def _held(self) -> AbstractContextManager[bool]:
        """From the first look at the store to the last page."""
        if self.wish.dry_run or self.wish.pages is not None:
            return nullcontext(True)
        return self.access.sync_runs.hold(alone=self.wish.by_the_clock)

    def _enter_store(self) -> None:
        from fbsync.sync.entry import enter_store

        enter_store(
            self.access, self.store, self.wish.pages, self.console.say, bringing=self._bringing
        )

    @contextmanager
    def _bringing(self, total: int) -> Iterator[Callable[[], None]]:
        from fbsync.progress_bar import progress_bar

        came = 0

        def how_far() -> str:
            are = f"{came} of {counted(total, 'page')}"
            return f"Stopped after {are} were brought over to {self.store.identity}."

        with (
            progress_bar(self.console, "Bringing over", total) as advance,
            self.stop.told(how_far),
        ):

            def one_came() -> None:
                nonlocal came
                came += 1
                advance(1)

            yield one_came

    def _verify(self) -> DriftReport:
        """The store beside the database, shown; with --json it is told with the rest."""
        from fbsync.database.believed_objects import BelievedObjects
        from fbsync.progress_bar import progress_bar
        from fbsync.verification.repair import Repair
        from fbsync.verification.report import DriftReport
        from fbsync.verification.verification import Verification

        access, store, wish = self.access, self.store, self.wish
        report, before = DriftReport(keeps_all=wish.as_json), store.list_requests
        believed = BelievedObjects(access.database)
        repair = Repair(access.inbox, store, access.inbox.document, dry_run=wish.dry_run)
        run = Verification(store, believed, repair, report.add, wanted=wish.pages)

        def how_far() -> str:
            after = f"after {counted(report.objects, 'object')}: {report.summary}"
            return f"Stopped in the verification, {after}."

        with (
            progress_bar(self.console, "Verifying", run.total()) as advance,
            self.stop.told(how_far),
        ):

            def listed() -> None:
                report.count()
                advance(1)

            run.run(listed)
        report.list_requests = store.list_requests - before
        if not wish.as_json:
            report.show(self.console)
        return report

    @contextmanager
    def _told_by_itself(self, drift: DriftReport | None) -> Iterator[None]:
        """Where the poll fails after it, what the verification found is told all the same."""
        try:
            yield
        except FbsyncError:
            if drift is not None and self.wish.as_json:
                self.console.json({"ok": False, "verification": drift.as_json()})
            raise

    def _poll(self, drift: DriftReport | None) -> SyncReport:
        """All pages or some; shown, with what the verification found."""
        from fbsync.progress_bar import progress_bar
        from fbsync.sync.report import SyncReport
        from fbsync.sync.run import Found, SyncRun
        from fbsync.sync.spool import Spool

        console, access, wish = self.console, self.access, self.wish
        known = access.lists.known_pages()
        total = len(known if wish.pages is None else wish.pages)
        with Spool() as entries:
            report = SyncReport(entries if wish.as_json else None, drift)
            with (
                progress_bar(console, "Polling", total) as advance,
                self.stop.told(lambda: report.how_far(total)),
            ):

                def found(one: Found) -> None:
                    report.add(one)
                    advance(1)

                def unchanged(count: int) -> None:
                    report.add_unchanged(count)
                    advance(count)

                tell = (found, unchanged, report.refuse, report.miss, console.say)
                _carry_out(SyncRun(access, self.store, self.fields, *tell), wish, known)
            report.refused_fields = access.pages.left_out
            report.show_json(console) if wish.as_json else report.show(console)
        return report


def _carry_out(run: SyncRun, wish: _Wish, known: list[PageId]) -> None:
    if wish.dry_run:
        run.dry(wish.pages, known)
    elif wish.pages is not None:
        run.over(wish.pages, known)
    else:
        run.over_all(known, by_the_clock=wish.by_the_clock)
