"""All that works behind a mounted application: started once, off the event loop, and ended once."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from starlette.types import ASGIApp

from fbsync.companions import working_parts
from fbsync.database.handshakes import Handshakes
from fbsync.errors import FbsyncError
from fbsync.listening.intake import intake
from fbsync.logs.log import Log
from fbsync.logs.program import to_program
from fbsync.receiver import limited_commit, person_routes, start
from fbsync.settings.listener import ListenerSettings
from fbsync.shutdown import LAST_SECONDS, Shutdown
from fbsync.store.place import open_store
from fbsync.unforeseen import describe

RETRY_SECONDS = 1.0
"""At least so long after one start that failed the next one begins."""


@dataclass(frozen=True)
class Started:
    """What runs; `shutdown` has begun where its worker ended by an unforeseen error."""

    app: ASGIApp
    shutdown: Shutdown
    block: AbstractContextManager[ASGIApp]

    def end(self) -> None:
        """In order."""
        self.shutdown.begin()
        with suppress(Exception):  # the log has it, and the program goes on
            self.block.__exit__(None, None, None)


class MountedParts:
    """Starts at the first `ask`, after `end` anew; ends by itself with the interpreter.

    Any thread may call its methods. No signal is handled: that is the program's business.
    """

    def __init__(self, settings: ListenerSettings, *, mirrors: bool) -> None:
        self._settings = settings
        self._mirrors = mirrors
        self._lock = threading.Lock()
        self._started: Future[Started] | None = None
        self._began = 0.0
        self._watch: threading.Thread | None = None

    def ask(self) -> Future[Started]:
        """What runs, once it does; at once. The future raises FbsyncError where it cannot start."""
        with self._lock:
            before = self._started
            if before is None or self._is_over(before):
                self._begin(before)
            assert self._started is not None  # noqa: S101 - for the type checker
            return self._started

    def end(self) -> None:
        """End in order what runs, or leave what hangs after LAST_SECONDS."""
        ending = threading.Thread(target=self._end, name="fbsync-ending", daemon=True)
        ending.start()
        ending.join(LAST_SECONDS)

    def _is_over(self, before: Future[Started]) -> bool:
        if not before.done():
            return False
        if before.exception() is not None:
            return time.monotonic() - self._began >= RETRY_SECONDS
        return before.result().shutdown.has_begun

    def _begin(self, before: Future[Started] | None) -> None:
        if self._watch is None:
            self._watch = threading.Thread(target=self._end_with_main, name="fbsync-end")
            self._watch.start()
        self._began = time.monotonic()
        self._started = Future()
        given = (self._started, before)
        threading.Thread(target=self._start, args=given, name="fbsync-start", daemon=True).start()

    def _start(self, future: Future[Started], before: Future[Started] | None) -> None:
        if before is not None and before.exception() is None:
            before.result().end()
        shutdown = Shutdown()
        block = _working(self._settings, shutdown, mirrors=self._mirrors)
        try:
            app = block.__enter__()
        except BaseException as error:  # noqa: BLE001 - the requests that wait are told
            future.set_exception(error)
        else:
            future.set_result(Started(app, shutdown, block))

    def _end(self) -> None:
        with self._lock:
            before, self._started = self._started, None
        if before is not None and before.exception() is None:
            before.result().end()

    def _end_with_main(self) -> None:
        """The interpreter waits for this thread; functions of `atexit` would run too late for the
        threads of ours, and only this one is no daemon."""
        threading.main_thread().join()
        self.end()


@contextmanager
def _working(settings: ListenerSettings, shutdown: Shutdown, *, mirrors: bool) -> Iterator[ASGIApp]:
    """Everything, for the block. An error that it begins or ends with is a line of the log."""
    with Log(write=to_program) as log:
        try:
            with _receiving(settings, shutdown, log, mirrors=mirrors) as app:
                log.say("Takes in events of Meta.", "started")
                yield app
        except Exception as error:
            told = str(error) if isinstance(error, FbsyncError) else describe(error)
            log.say(told, "error", "error")
            raise


@contextmanager
def _receiving(
    settings: ListenerSettings, shutdown: Shutdown, log: Log, *, mirrors: bool
) -> Iterator[ASGIApp]:
    app, graph, database = settings.app, settings.graph, settings.database
    with working_parts(app, graph, database, warn=log.warn, makes_database=True) as parts:
        group_commit = limited_commit(parts, settings.limits)
        recorded = start(
            parts,
            settings,
            group_commit,
            store=open_store(settings.store, app.app_id, log.say) if mirrors else None,
            log=log,
            outcome=log.outcome,
            shutdown=shutdown,
        )
        with intake(
            group_commit,
            app_secret=app.app_secret,
            verify_token=settings.verify_token,
            report=log.request,
            record_handshakes=Handshakes(parts.access.database).record,
            recorded=recorded,
            further=person_routes(parts, settings, log.request, base=""),
            base="",
        ) as taking_in:
            yield taking_in
