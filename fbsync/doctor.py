"""`fbsync doctor`: settings, database and store, each looked at by itself.

Nothing is raised and nothing repaired: every fault is a finding, with what to do.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import islice
from typing import Literal

from fbsync.backlog import Backlog
from fbsync.byte_size import show_size
from fbsync.database.condition import Condition, condition_of
from fbsync.database.durability import Durability
from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.size import measure
from fbsync.database.store_address import StoreAddress, is_same_store
from fbsync.errors import FbsyncError
from fbsync.listening.back_pressure import refusal
from fbsync.ports import ObjectStore
from fbsync.settings.environment import Environment
from fbsync.settings.limits import RESERVE_BYTES, Limits
from fbsync.store.keys import PROBE_KEY

State = Literal["ok", "warning", "fault", "skipped"]
_PREFIXES = ("FBSYNC_", "SPACES_", "FACEBOOK_")
_PROBES = (b'{"probe": 1}\n', b'{"probe": 2}\n')


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, in words and as data."""

    name: str
    state: State
    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """As `fbsync doctor --json` prints it."""
        return {"name": self.name, "state": self.state, "detail": self.detail, **self.facts}


def look_at_settings(
    group: str,
    read: Callable[[Environment], object],
    environ: Mapping[str, str],
    source_of: Callable[[str], str],
) -> Finding:
    """One group of settings. Only names and where they come from are told, never a value."""
    env = Environment(environ)
    read(env)
    faults = list(dict.fromkeys(env.faults))
    missing = {fault.split()[0] for fault in faults if " is missing" in fault}
    sources = {
        name: "missing" if name in missing else source_of(name) for name in sorted(env.asked)
    }
    facts = {"sources": sources, "faults": faults}
    name = f"settings: {group}"
    if faults:
        return Finding(name, "fault", "\n".join(faults), facts)
    told = [f"{name} ({source})" for name, source in sources.items() if source != "default"]
    return Finding(name, "ok", ", ".join(told) or "all by default", facts)


def look_for_typos(environ: Mapping[str, str], known: Collection[str]) -> Finding | None:
    """Variables that look like settings of ours and are none; None where there are none."""
    unknown = sorted(name for name in environ if name.startswith(_PREFIXES) and name not in known)
    if not unknown:
        return None
    told = []
    for name in unknown:
        (alike,) = get_close_matches(name, sorted(known), n=1) or [""]
        told.append(f"{name} is no setting" + (f"; did you mean {alike}?" if alike else "."))
    return Finding("settings: unknown", "warning", "\n".join(told), {"unknown": unknown})


def look_at_database(
    address: str, open_database: Callable[[], AbstractContextManager[Database]], limits: Limits
) -> Finding:
    """What it is, how it keeps commits, its room, and a commit that is durable."""
    try:
        with open_database() as database:
            condition = condition_of(database)
            size = measure(database)
            status = DatabaseInbox(database).status()
            store = StoreAddress(database).known()
            Durability(database).probe()
    except FbsyncError as error:
        return Finding("database", "fault", str(error), {"address": address})
    now = datetime.now(UTC)
    backlog = Backlog(status, size.used_bytes, size.free_bytes, now)
    refused = refusal(backlog, limits)
    facts = {
        "address": address,
        **asdict(condition),
        **asdict(size),
        "max_database_bytes": limits.max_database_bytes,
        "reserve_bytes": RESERVE_BYTES,
        "waiting_events": status.events,
        "max_waiting_events": limits.max_waiting,
        "versions": status.versions,
        "store": store,
        "refuses": refused,
    }
    faults = [*condition.faults, *([refused] if refused else [])]
    told = "\n".join(faults) or _in_words(address, condition, backlog, limits)
    return Finding("database", "fault" if faults else "ok", told, facts)


def look_at_store(
    open_store: Callable[[], ObjectStore], versions: int, known: str | None, *, probes: bool
) -> Finding:
    """Whether it can be listed and written to, and holds what the database says.

    `known` is the store of the database, with so many `versions`; None where it knows none. Nothing
    is written, but with `probes` the object PROBE_KEY: whether a create replaces it.
    """
    address, creates_once, guards = None, None, True
    try:
        store = open_store()
        address = store.identity
        store.check()
        is_empty = all(found.key == PROBE_KEY for found in islice(store.list(""), 2))
        other = _as_another_one(address, known, versions if is_empty else 0)
        if probes and not other:  # else it may be somebody else's
            creates_once = _creates_once(store)
            guards = store.guards_creates
    except FbsyncError as error:
        return Finding("store", "fault", str(error), {"address": address})
    creates_once = creates_once and guards
    facts = {"address": address, "is_empty": is_empty, "creates_once": creates_once}
    if other:
        mend = "Mend the settings of the store, unless it is a new one that fbsync sync is to fill."
        return Finding("store", "fault", f"{other}\n{mend}", facts)
    if creates_once is False:
        return Finding("store", "warning", _unguarded(address, refuses=not guards), facts)
    found = "it holds nothing yet" if is_empty else "its objects can be listed"
    return Finding("store", "ok", f"{address}: {found}", facts)


def _as_another_one(address: str, known: str | None, missing: int) -> str | None:
    """Why it seems not to be the store of the database, of whose versions so many are missing."""
    if known is not None and not is_same_store(known, address):
        return f"{address} can be listed, but the pages were stored in {known} last."
    if missing:
        return f"{address} is empty, but the database records {missing} stored versions."
    return None


def _creates_once(store: ObjectStore) -> bool:
    """Whether the second create of one object is refused. It may be there since another time."""
    return not all(store.create(PROBE_KEY, body) for body in _PROBES)


def _unguarded(address: str, *, refuses: bool) -> str:
    """What a server without conditional writes means; `refuses` those, or ignores that they are."""
    if refuses:
        told = "refuses to be told not to replace an object (If-None-Match: *)"
        risk = "Two databases that write at the same moment"
    else:
        told = "replaces objects although it is told not to (If-None-Match: *)"
        risk = "Two databases, or a new one,"
    return (
        f"{address} {told}.\n"
        f"{risk} could overwrite each other's versions there: keep one database and its backup, or"
        " choose a server that knows conditional writes."
    )


def _in_words(address: str, condition: Condition, backlog: Backlog, limits: Limits) -> str:
    journal = f", journal mode {condition.journal_mode}" if condition.journal_mode else ""
    reason = f"\n{condition.journal_reason}" if condition.journal_reason else ""
    free = "" if backlog.free_bytes is None else f"; {show_size(backlog.free_bytes)} free on disk"
    return (
        f"{address}: {condition.kind} {condition.version}{journal}, synchronous"
        f" {condition.synchronous}, schema {condition.schema}{reason}\n"
        f"{show_size(backlog.database_bytes)} of {show_size(limits.max_database_bytes)} used"
        f"{free}\n"
        f"{backlog.status.events} of {limits.max_waiting} events wait; a commit was durable"
    )
