"""From settings to working parts: what every command that talks to Facebook needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from fbsync.database.departures import Departures
from fbsync.database.durability import Durability
from fbsync.database.engine import Database, sqlite_file
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.last_sync import LastSync
from fbsync.database.missed_webhooks import MissedWebhookLog
from fbsync.database.place import database_url, open_database
from fbsync.database.rate_budget import RateBudget
from fbsync.database.refused_fields import RefusedFields
from fbsync.database.store_address import StoreAddress
from fbsync.database.sync_runs import SyncRuns
from fbsync.database.token_key import key_file, read_key_file
from fbsync.database.vault import Vault
from fbsync.errors import SettingsError
from fbsync.expiry_watch import ExpiryWatch
from fbsync.graph.call import GraphConnection
from fbsync.graph.pace import COMMANDS, Lane
from fbsync.graph.page_fields import PageFields
from fbsync.graph.pages import GraphPages
from fbsync.hallway.refresh import UPLOAD_THREADS, Refresher
from fbsync.page_lists import PageLists
from fbsync.page_reads import PageReads
from fbsync.patience import DEFAULT_PATIENCE, Patience
from fbsync.ports import Inbox, ObjectStore, ReadPages
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings, GraphSettings
from fbsync.store.move import move_to


@dataclass(frozen=True)
class Access:
    """The parts. What only some commands need is made there, on the connection or the database."""

    database: Database
    connection: GraphConnection
    pages: GraphPages
    read_pages: ReadPages
    lists: PageLists
    vault: Vault
    inbox: Inbox
    store_address: StoreAddress
    departures: Departures
    durability: Durability
    last_sync: LastSync
    sync_runs: SyncRuns
    missed_webhooks: MissedWebhookLog
    warn: Callable[[str], None]

    def refresher(
        self, store: ObjectStore, *, dry_run: bool = False, threads: int = UPLOAD_THREADS
    ) -> Refresher:
        """The second half of the hallway on these parts."""
        if not dry_run:
            move_to(store, self.store_address, self.warn)
        return Refresher(self.inbox, store, self.read_pages, threads)


@contextmanager
def open_access(
    app: AppSettings,
    graph: GraphSettings,
    database: DatabaseSettings,
    *,
    warn: Callable[[str], None],
    patience: Patience = DEFAULT_PATIENCE,
    lane: Lane = COMMANDS,  # how much of the app's limits may be used
    warn_of_expiry: bool = True,
    makes_database: bool = False,  # where the SQLite file is missing
    answered: Callable[[str], None] = lambda status: None,
) -> Iterator[Access]:
    """Database, vault and Graph API, for the block.

    `warn` is told what the operator should know, `answered` the status of each answer of Facebook.
    """
    url = database_url(app.app_id, database.url)
    with (
        open_database(url, makes_file=makes_database) as opened,
        _connect(
            app, graph, patience, RateBudget(opened, lane, say=warn), warn, answered
        ) as connection,
    ):
        vault, inbox = Vault(opened, database.token_keys or _key_beside(url)), DatabaseInbox(opened)
        pages = GraphPages(connection, _page_fields(graph, opened, warn))
        departures = Departures(opened, app.app_secret)
        with ExpiryWatch(vault.lifetimes, warn) if warn_of_expiry else nullcontext():
            yield Access(
                opened,
                connection,
                pages=pages,
                read_pages=PageReads(pages, vault, inbox).read,
                lists=PageLists(pages, vault, departures),
                vault=vault,
                inbox=inbox,
                store_address=StoreAddress(opened),
                departures=departures,
                durability=Durability(opened),
                last_sync=LastSync(opened),
                sync_runs=SyncRuns(opened),
                missed_webhooks=MissedWebhookLog(opened),
                warn=warn,
            )


def _page_fields(
    graph: GraphSettings, database: Database, warn: Callable[[str], None]
) -> PageFields:
    return PageFields(graph.page_fields, RefusedFields(database, graph.version, warn))


def _connect(
    app: AppSettings,
    graph: GraphSettings,
    patience: Patience,
    budget: RateBudget,
    warn: Callable[[str], None],
    answered: Callable[[str], None],
) -> GraphConnection:
    return GraphConnection(
        url=graph.url,
        version=graph.version,
        app_id=app.app_id,
        app_secret=app.app_secret,
        patience=patience,
        budget=budget,
        warn=warn,
        answered=answered,
    )


def _key_beside(url: str) -> tuple[str, ...]:
    file = sqlite_file(url)
    if file is None:
        raise SettingsError("FBSYNC_TOKEN_KEY is missing, and PostgreSQL needs it.")
    return read_key_file(key_file(file))
