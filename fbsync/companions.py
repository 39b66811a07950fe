"""What runs beside a server or alone, each with a thread of its own while it is entered.

`listen` and `worker` are made alike. What is entered first ends last:

    the signals, then the log, so that both see all of the end
    the database and the Graph API, which all that follows uses
    the watch over the backlog, whose newest look the metrics and the limits use
    what the command enters: the operator's server early, as it tells of the end to its end;
    whoever takes in or carries out last, as it ends first
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from fbsync.backlog import BacklogWatch
from fbsync.database.delivery_log import DeliveryLog
from fbsync.database.retention import Retention
from fbsync.database.size import measure
from fbsync.errors import FbsyncError, StoreUnavailable
from fbsync.graph.pace import EVENTS
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.hallway.refresh import Outcome
from fbsync.hallway.worker import Worker
from fbsync.logs.command import command_log
from fbsync.logs.format import LogFormat
from fbsync.logs.line import warning_line
from fbsync.logs.log import Log
from fbsync.operations.observers import Observers
from fbsync.page_overview import Expected, Overview, survey
from fbsync.patience import WORKER_PATIENCE
from fbsync.ports import ObjectStore
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings, GraphSettings
from fbsync.shutdown import Shutdown, shutdown_by_signals
from fbsync.store.watch import StoreWatch
from fbsync.subscribe.watch import SubscriptionWatch
from fbsync.sync.entry import enter_store
from fbsync.sync.run import Found, SyncRun
from fbsync.sync.safety_net import SafetyNet
from fbsync.wiring import Access, open_access


@dataclass(frozen=True)
class Running:
    """A process that runs until its shutdown, and whom it tells of its work."""

    shutdown: Shutdown
    log: Log
    observers: Observers

    @contextmanager
    def parts(
        self,
        app: AppSettings,
        graph: GraphSettings,
        database: DatabaseSettings,
        *,
        makes_database: bool = False,
    ) -> Iterator["Parts"]:
        """Its parts; see working_parts."""
        answered = self.observers.metrics.graph_request
        with working_parts(
            app,
            graph,
            database,
            warn=self.log.warn,
            makes_database=makes_database,
            answered=answered,
        ) as parts:
            yield parts


@dataclass(frozen=True)
class Parts:
    """What both commands need; `beside.enter_context` starts what works beside them."""

    access: Access
    backlog: BacklogWatch
    beside: ExitStack


@contextmanager
def working_parts(
    app: AppSettings,
    graph: GraphSettings,
    database: DatabaseSettings,
    *,
    warn: Callable[[str], None],
    makes_database: bool = False,
    answered: Callable[[str], None] = lambda status: None,
) -> Iterator[Parts]:
    """Opened for the block; what was entered into `Parts.beside` ends first, in reverse order."""
    with (
        open_access(
            app,
            graph,
            database,
            warn=warn,
            patience=WORKER_PATIENCE,
            lane=EVENTS,
            makes_database=makes_database,
            answered=answered,
        ) as access,
        backlog_watch(access, warn) as backlog,
        ExitStack() as entered,
    ):
        yield Parts(access, backlog, entered)


@contextmanager
def running(log_format: LogFormat) -> Iterator[Running]:
    """For the main thread: until the shutdown that a signal begins. Errors are lines of the log."""
    with (
        shutdown_by_signals(warning_line(log_format)) as shutdown,
        command_log(log_format) as log,
    ):
        yield Running(shutdown, log, Observers(log))


def mirroring(
    access: Access,
    store: ObjectStore,
    report: Callable[[Outcome | FbsyncError], None],
    shutdown: Shutdown,
) -> Worker:
    """The worker that mirrors marked pages into this store."""
    return Worker(access.refresher(store), report, shutdown)


def store_watch(access: Access, store: ObjectStore, warn: Callable[[str], None]) -> StoreWatch:
    """Looks whether another program chose another store for this database."""
    return StoreWatch(access.store_address.known, store.identity, warn)


def backlog_watch(access: Access, warn: Callable[[str], None]) -> BacklogWatch:
    """Looks every few seconds how much waits."""
    return BacklogWatch(
        access.inbox.status,
        partial(measure, access.database),
        warn,
        last_sync=access.last_sync.ended_at,
        dead=DeliveryLog(access.database).count_dead,
    )


def safety_net(
    access: Access,
    store: ObjectStore,
    fields: Sequence[str],
    every: timedelta,
    observers: Observers,
) -> SafetyNet:
    """Polls all pages beside the webhooks, and tells what these should have told."""
    warn = observers.log.warn

    def found(one: Found) -> None:
        if isinstance(one, Outcome) and one.kind not in ("unchanged", "settled elsewhere"):
            observers.outcome(one)

    def sync(ends: Callable[[], bool]) -> bool:
        run = SyncRun(
            access,
            store,
            fields,
            found,
            unchanged=lambda count: None,
            refused=lambda person, error: warn(f"The list of pages of {person}: {error}"),
            missed=lambda missed: observers.missed(missed.page_id, missed.number, missed.fields),
            ends=ends,
            is_patient=True,
        )
        if not (known := access.lists.known_pages()):
            return False
        with access.sync_runs.hold(alone=True) as is_ours:
            if is_ours:
                _enter_patiently(access, store, observers.log, ends)
                run.over_all(known, by_the_clock=True)
        return is_ours

    return SafetyNet(every, access.last_sync.ended_at, sync, warn)


def _enter_patiently(
    access: Access, store: ObjectStore, log: Log, ends: Callable[[], bool]
) -> None:
    """Where the store cannot be used, each page is put off by itself."""
    try:
        enter_store(access, store, None, log.say, ends=ends)
    except StoreUnavailable as error:
        log.warn(f"The pages are put off until the store can be used. {error}")


def retention(access: Access, keep: timedelta, warn: Callable[[str], None]) -> Retention:
    """Prunes what is done with, every hour."""
    return Retention(access.database, keep, warn)


def subscription_watch(
    access: Access, fields: Sequence[str], address: str, warn: Callable[[str], None]
) -> SubscriptionWatch:
    """The daily look at both levels of the webhooks; "" for an address that is not known.

    Where nobody has logged in yet, there is nothing to look at.
    """
    expected, levels = Expected(frozenset(fields), address), GraphSubscriptions(access.connection)

    def look() -> Overview | None:
        if not access.vault.page_ids():
            return None
        now = datetime.now(UTC)
        return survey(access.vault, access.inbox, levels, expected, None, now)

    return SubscriptionWatch(look, address, warn)
