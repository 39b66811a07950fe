"""The working parts of whoever takes in events: `fbsync listen`, or a program that mounts it."""

from collections.abc import Callable

from starlette.routing import Route

from fbsync.companions import Parts, mirroring, retention, store_watch, subscription_watch
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome
from fbsync.listening.application import BASE_PATH
from fbsync.listening.back_pressure import BackPressure
from fbsync.listening.group_commit import GroupCommit
from fbsync.listening.person_callbacks import PersonCallbacks
from fbsync.logs.log import Log
from fbsync.notice import Notice
from fbsync.ports import ObjectStore
from fbsync.settings.limits import Limits
from fbsync.settings.listener import ListenerSettings
from fbsync.shutdown import Shutdown


def limited_commit(
    parts: Parts, limits: Limits, committed: Callable[[int, float], None] = lambda size, took: None
) -> GroupCommit:
    """The group commit under these limits, to be entered; `committed` is told of each commit."""
    pressure = BackPressure(limits, lambda: parts.backlog.newest)
    access = parts.access
    return GroupCommit(access.inbox, access.durability, pressure.admit, committed)


def start(
    parts: Parts,
    settings: ListenerSettings,
    group_commit: GroupCommit,
    *,
    store: ObjectStore | None,
    log: Log,
    outcome: Callable[[Outcome | FbsyncError], None],
    shutdown: Shutdown,
) -> Callable[[], None]:
    """Enter all that works beside the application; returns what to call when there are new marks.

    With a `store`, a worker is among it, which tells `outcome` of what it does.
    """
    access, enter = parts.access, parts.beside.enter_context
    worker = None
    if store is not None:
        worker = enter(mirroring(access, store, outcome, shutdown))
        enter(store_watch(access, store, log.warn))
    enter(retention(access, settings.keep, log.warn))
    enter(subscription_watch(access, settings.fields, settings.address, log.warn))
    enter(group_commit)
    return worker.wake if worker else lambda: None


def person_routes(
    parts: Parts,
    settings: ListenerSettings,
    report: Callable[[Notice], None],
    base: str = BASE_PATH,
) -> list[Route]:
    """The callbacks about a person, on these parts."""
    secret, departures = settings.app.app_secret, parts.access.departures
    return PersonCallbacks(secret, departures, report, settings.address, base).routes()
