"""`fbsync demo`: the whole story, with the commands' own code, against the sandbox over HTTP.

Sandbox and listener are real servers on loopback; the files stay in a new temporary folder.
"""

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import httpx

from fbsync.change_report import describe_changes
from fbsync.checklist import Checklist
from fbsync.companions import mirroring
from fbsync.console import Console
from fbsync.database.handshakes import Handshakes
from fbsync.demo_sandbox import run_sandbox
from fbsync.document_report import show_documents
from fbsync.errors import FbsyncError, TokenRefused
from fbsync.graph.accounts import Accounts
from fbsync.graph.oauth import OAuth
from fbsync.hallway.refresh import Outcome
from fbsync.listener import address_of, bind, serve
from fbsync.listening.connections import MAX_CONNECTIONS, Connections
from fbsync.listening.group_commit import GroupCommit
from fbsync.login.login import Dialog, ask_for_code, log_in
from fbsync.notice import Notice
from fbsync.page import PageId, PageVersion
from fbsync.patience import Patience
from fbsync.ports import ObjectStore, history_key, page_key
from fbsync.probe import Target, probe
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_callback, read_graph, read_login
from fbsync.settings.store import DirectorySettings, SpacesSettings, read_store
from fbsync.shutdown import Shutdown
from fbsync.store.place import open_store
from fbsync.subscribe.subscriber import Subscriber
from fbsync.subscription_plan import Wish
from fbsync.sync.report import SyncReport
from fbsync.sync.sync import Poll
from fbsync.wiring import Access, open_access
from fbsync.wording import counted

PAGES = 3
_PAGE_FIELDS = "id,name,about,category,description,phone,website"  # few, to fit the screen
_NEW_NAME = "Café Élan & Söhne ☕"
_WAIT_SECONDS = 8.0

_T = TypeVar("_T")


@dataclass
class Story:
    """What the demo did, for its summary and for --json."""

    checklist: Checklist
    store: str = ""
    pages: int = 0
    events: int = 0
    versions: int = 0
    renamed: PageVersion | None = None

    def as_json(self) -> dict[str, object]:
        """The object that `fbsync demo --json` prints."""
        return {
            "ok": self.checklist.ok,
            "pages": self.pages,
            "events": self.events,
            "versions": self.versions,
            "store": self.store,
            "steps": [
                {"name": step.name, "ok": step.ok, "detail": step.detail}
                for step in self.checklist.steps
            ],
        }


@dataclass
class Arrivals:
    """What the listener told so far; the story waits here for what must come."""

    notices: list[Notice] = field(default_factory=list)
    outcomes: list[Outcome | FbsyncError] = field(default_factory=list)
    starts: list[bool] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, items: list[_T]) -> Callable[[_T], None]:
        """A function that appends to one of the lists; called from the listener's threads."""

        def append(item: _T) -> None:
            with self._changed:
                items.append(item)
                self._changed.notify_all()

        return append

    def wait(self, find: Callable[[], _T | None], what: str) -> _T:
        """What `find` finds, now or within some seconds. Raises FbsyncError."""
        with self._changed:
            found = self._changed.wait_for(find, _WAIT_SECONDS)
        if found is None:
            raise FbsyncError(f"{what} did not come within {_WAIT_SECONDS:.0f} seconds.")
        return found


def play(console: Console, spaces: SpacesSettings | DirectorySettings | None) -> Story:
    """Play the story; a step that fails ends it. `spaces` is the bucket to write to, if any."""
    story = Story(Checklist(console.step))
    folder = Path(tempfile.mkdtemp(prefix="fbsync-demo-"))
    try:
        with run_sandbox(PAGES) as sandbox, bind("127.0.0.1", 0) as listening:
            detail = f"{PAGES} invented pages at {sandbox['FACEBOOK_GRAPH_URL']}"
            story.checklist.add("sandbox", "done", detail)
            environ = sandbox | {
                "FACEBOOK_WEBHOOK_ADDRESS": address_of(listening),
                "FACEBOOK_REDIRECT_URI": f"http://localhost:{_free_port()}/facebook/callback",
                "FACEBOOK_PAGE_FIELDS": _PAGE_FIELDS,
                "FBSYNC_DATABASE_URL": f"sqlite:///{folder / 'fbsync.sqlite3'}",
                "FBSYNC_STORE_DIR": str(folder / "store"),
            }
            _Scenes(console, story, environ, spaces).play(listening)
    except FbsyncError as error:
        story.checklist.add("story", "failed", str(error))
    _sum_up(console, story)
    return story


class _Scenes:
    """The scenes of the story, in order."""

    def __init__(
        self,
        console: Console,
        story: Story,
        environ: Mapping[str, str],
        spaces: SpacesSettings | DirectorySettings | None,
    ) -> None:
        with reading(environ) as env:
            self._app, self._graph = read_app(env), read_graph(env)
            self._login, self._callback = read_login(env), read_callback(env)
            self._database = read_database(env)
            local = read_store(env)
        # The invented pages must not stand among the real ones.
        settings = replace(spaces, prefix=f"{spaces.prefix}-demo") if spaces else local
        self._store = open_store(settings, self._app.app_id)
        self._console = console
        self._story = story
        self._done = story.checklist.add
        self._arrivals = Arrivals()
        story.store = self._store.address

    def play(self, listening: socket.socket) -> None:
        with open_access(
            self._app,
            self._graph,
            self._database,
            warn=self._console.say,
            makes_database=True,
        ) as access:
            self._log_in(access)
            with self._listener(access, listening):
                self._subscribe(access)
                self._first_sync(access)
                self._test_webhook()
                self._rename(access)
            status = access.inbox.status()
        self._story.pages, self._story.versions = status.pages, status.versions
        self._story.events = status.deliveries

    def _log_in(self, access: Access) -> None:
        dialog = Dialog(
            address=f"{self._login.dialog_url}/{self._graph.version}/dialog/oauth",
            app_id=self._app.app_id,
            redirect_uri=self._login.redirect_uri,
            scopes=self._login.scopes,
        )
        code = ask_for_code(dialog, _consent, _WAIT_SECONDS)
        oauth, accounts = OAuth(access.connection), Accounts(access.connection)
        person = log_in(code, dialog.redirect_uri, oauth, accounts, access.vault, access.inbox)
        pages = counted(len(person.accesses), "page")
        detail = f"{person.user.name} opened {pages}; tokens are encrypted"
        self._done("login", "done", detail)

    @contextmanager
    def _listener(self, access: Access, listening: socket.socket) -> Iterator[None]:
        arrivals, shutdown = self._arrivals, Shutdown()
        connections = Connections(MAX_CONNECTIONS, arrivals.note(arrivals.notices))
        note_start = arrivals.note(arrivals.starts)

        def run() -> None:
            worker = mirroring(access, self._store, arrivals.note(arrivals.outcomes), shutdown)
            with worker, GroupCommit(access.inbox, access.durability) as group_commit:
                serve(
                    listening,
                    group_commit,
                    shutdown,
                    connections,
                    app_secret=self._app.app_secret,
                    verify_token=self._callback.verify_token,
                    redirect_uri=self._login.redirect_uri,
                    report=arrivals.note(arrivals.notices),
                    started=lambda: note_start(True),
                    record_handshakes=Handshakes(access.database).record,
                    recorded=worker.wake,
                )

        thread = threading.Thread(target=run)
        thread.start()
        arrivals.wait(lambda: arrivals.starts or None, "The listener")
        self._done("listen", "done", f"up at {self._callback.address}")
        try:
            yield
        finally:
            shutdown.begin()
            thread.join()

    def _subscribe(self, access: Access) -> None:
        sealed: dict[PageId, TokenRefused] = {}
        accesses = access.vault.accesses(refused=sealed.__setitem__).values()
        wish = Wish(self._callback.address, frozenset(self._callback.fields))
        subscriber = Subscriber.on(access.connection, access.database)
        plan = subscriber.plan(accesses, wish, sealed)
        found = subscriber.apply(plan, accesses, wish, self._callback.verify_token)
        if not (found.app.ok and found.pages_ok):
            failed = next(level for level in (found.app, *found.pages) if not level.ok)
            raise FbsyncError(f"The subscription failed: {failed.detail}")
        handshakes = sum(notice.kind == "handshake" for notice in self._arrivals.notices)
        detail = (
            f"app level ({handshakes} handshake answered) and {counted(len(found.pages), 'page')}"
        )
        self._done("subscribe", "done", detail)

    def _first_sync(self, access: Access) -> None:
        report = SyncReport()
        refresher = access.refresher(self._store)
        poll = Poll(access.inbox, refresher, report.add, patience=Patience(seconds=0))
        parts = access.lists.poll(keep_tokens=True, refused=report.refuse)
        poll.run(parts, access.vault.page_ids())
        if report.needs_attention:
            raise FbsyncError(f"Not every page could be mirrored: {dict(report.counts)}")
        stored = access.inbox.status().versions  # the listener's worker may have been quicker
        self._done("sync", "done", f"{stored} pages stored for the first time")

    def _test_webhook(self) -> None:
        checks = Checklist(lambda step: None)
        target = Target(self._callback.address, self._app.app_secret, self._callback.verify_token)
        probe(target, checks)
        failed = [step.name for step in checks.steps if not step.ok]
        detail = f"failed: {', '.join(failed)}" if failed else "a forged event was refused"
        self._done("test-webhook", "failed" if failed else "done", detail)

    def _rename(self, access: Access) -> None:
        page = access.vault.page_ids()[0]
        url = f"{self._graph.url}/_sandbox/pages/{page}"
        try:
            answer = httpx.post(url, json={"name": _NEW_NAME}, timeout=10, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise FbsyncError(f"The sandbox did not rename the page: {error}.") from None
        self._done("rename", "done", f"page {page} is now called {_NEW_NAME}")
        event = self._arrivals.wait(lambda: self._event_about(page), "The signed event")
        self._done("event", "done", event.detail)
        version = self._arrivals.wait(lambda: self._version_of(page), "The new version")
        self._story.renamed = version
        stored = f"version {version.number}: {describe_changes(version.changes)}"
        self._done("mirror", "done", stored)
        _show(self._console, self._store, version)

    def _event_about(self, page: PageId) -> Notice | None:
        notices = self._arrivals.notices
        return next((n for n in notices if n.kind == "event" and page in n.detail), None)

    def _version_of(self, page: PageId) -> PageVersion | None:
        for outcome in self._arrivals.outcomes:
            version = outcome.version if isinstance(outcome, Outcome) else None
            if version and version.page_id == page and version.number > 1:
                return version
        return None


def _consent(url: str, _relayed: bool) -> None:
    """Be the person's browser: open the dialog, which answers Continue, and follow it back."""

    def browse() -> None:
        # The login that waits tells of an answer that does not come.
        with suppress(httpx.HTTPError):
            httpx.get(url, follow_redirects=True, trust_env=False)

    threading.Thread(target=browse).start()


def _show(console: Console, store: ObjectStore, version: PageVersion) -> None:
    page = store.get(page_key(version.page_id)) or b""
    entry = store.get(history_key(version.page_id, version.number)) or b""
    name = f"history/{version.number:06d}.json"
    show_documents(console, ("page_data.json", page), (name, entry))


def _sum_up(console: Console, story: Story) -> None:
    if not story.checklist.ok:
        console.say(f"The story did not come to its end. What it wrote is in {story.store}")
        return
    console.line("", "")
    for line in (
        f"fbsync mirrored {story.pages} pages. One was renamed; the signed event that told of it"
        " was verified,",
        "recorded and answered; then the page was read again and stored, with its history.",
        f"{counted(story.events, 'event')}, {counted(story.versions, 'version')}."
        f" The files: {story.store}",
        "Next, with your own app: fbsync listen, fbsync login (see README).",
    ):
        console.line("", line)


def _free_port() -> int:
    """A port that is free at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
