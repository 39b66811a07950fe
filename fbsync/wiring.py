"""The only place that picks implementations: from settings to working parts."""

from collections.abc import Callable, Iterator, Sequence
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
from fbsync.errors import (
    GRAPH_FAILURES,
    FbsyncError,
    GraphUnavailable,
    NoAccess,
    PermanentFailure,
    SettingsError,
)
from fbsync.expiry_watch import ExpiryWatch
from fbsync.graph.call import GraphConnection
from fbsync.graph.pace import COMMANDS, Lane
from fbsync.graph.page_fields import PageFields
from fbsync.graph.pages import GraphPages
from fbsync.hallway.refresh import UPLOAD_THREADS, Reading, Refresher
from fbsync.page import PageId, PageSnapshot, UserToken
from fbsync.patience import DEFAULT_PATIENCE, Patience
from fbsync.ports import Inbox, ObjectStore
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings, GraphSettings
from fbsync.store.move import move_to
from fbsync.wording import counted


@dataclass(frozen=True)
class Access:
    """What every command that talks to Facebook needs.

    What some need is made where it is used, on the connection or the database.
    """

    database: Database
    connection: GraphConnection
    pages: GraphPages
    vault: Vault
    inbox: Inbox
    store_address: StoreAddress
    departures: Departures
    durability: Durability
    last_sync: LastSync
    sync_runs: SyncRuns
    missed_webhooks: MissedWebhookLog
    warn: Callable[[str], None]

    def read_pages(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        """ports.ReadPages: each page with its own stored token, or the next best if it is refused.

        Where all are refused, the reason of the best one is told.
        """
        found: dict[PageId, Reading] = {}
        left = self.vault.ranked_accesses(page_ids, found.__setitem__)
        found |= self._without_token([page for page in page_ids if page not in {*left, *found}])
        while left:
            for page, reading in self.pages.read_pages(
                [best for best, *_ in left.values()]
            ).items():
                if page not in found or not isinstance(reading, PermanentFailure):
                    found[page] = reading
            left = {
                page: others
                for page, (_, *others) in left.items()
                if others and isinstance(found.get(page), PermanentFailure)
            }
        return found

    def _without_token(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        """Why these are not read: a login helps where nobody is logged in, or there is a copy."""
        if not page_ids:
            return {}
        states = self.inbox.pages(page_ids)
        mirrored = {page for page, state in states.items() if state.last}
        nobody = not self.vault.names()
        helps = NoAccess("No token for this page is stored. Run: fbsync login")
        foreign = NoAccess("Nobody who logged in manages this page, and there is no copy of it.")
        return {page: helps if nobody or page in mirrored else foreign for page in page_ids}

    def poll(
        self, *, keep_tokens: bool, refused: Callable[[str, FbsyncError], None]
    ) -> Iterator[list[PageSnapshot]]:
        """All pages of all people who logged in, part by part; new page tokens are kept.

        `refused` is told of a person whose list, or an entry of it, cannot be read now, with the
        reason; the others' lists are. Raises NoAccess where nobody has logged in, and what
        concerns everybody: that Facebook cannot be reached, or that every list fails for now.
        """
        users = self.vault.users(refused)
        if not users:
            left = len(self.departures.pages_left())
            pages = f"{left} mirrored pages keep their last copy" if left else "there are no pages"
            raise NoAccess(f"Nobody is logged in, so {pages}.\nRun: fbsync login")
        unavailable = list[tuple[str, GraphUnavailable]]()
        for user in users:
            try:
                yield from self._poll_one(user, keep_tokens=keep_tokens, refused=refused)
            except GRAPH_FAILURES as error:
                if error.of_app:
                    raise
                if isinstance(error, GraphUnavailable):
                    unavailable.append((user.name, error))
                else:
                    refused(user.name, error)
        if len(unavailable) == len(users):
            raise unavailable[0][1]
        for name, failure in unavailable:
            refused(name, failure)

    def _poll_one(
        self, user: UserToken, *, keep_tokens: bool, refused: Callable[[str, FbsyncError], None]
    ) -> Iterator[list[PageSnapshot]]:
        odd: list[FbsyncError] = []
        for part in self.pages.accounts(user, odd.append):
            accesses = [account.access for account in part if account.access]
            if keep_tokens and (new := self.vault.not_stored(user.user_id, accesses)):
                is_logged_in = self.vault.add_pages(user, new)
                if not is_logged_in:
                    return  # and what they list is not ours to read any more
            yield [account.snapshot for account in part]
        if odd:
            entries = counted(len(odd), "entry", "entries")
            refused(user.name, GraphUnavailable(f"{entries} could not be read: {odd[0]}"))

    def known_pages(self) -> list[PageId]:
        """The pages that have a token, and mirrored ones that lost it as somebody left.

        In their order; where somebody leaves just then, some may come twice.
        """
        known = self.vault.page_ids()
        known += self.departures.pages_left()
        known.sort()
        return known

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
        vault = Vault(opened, database.token_keys or _key_beside(url))
        with ExpiryWatch(vault.lifetimes, warn) if warn_of_expiry else nullcontext():
            yield Access(
                opened,
                connection,
                pages=GraphPages(connection, _page_fields(graph, opened, warn)),
                vault=vault,
                inbox=DatabaseInbox(opened),
                store_address=StoreAddress(opened),
                departures=Departures(opened, app.app_secret),
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
