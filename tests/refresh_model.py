"""Every schedule of a few workers and events, on the real inbox and the real Refresher.

A state holds the rows of the inbox, the objects of the store, the pages as they truly are, the time
and how far each worker has come. A step is one call that a worker makes (claim, read, look at its
lease, create, put, finish, retry, park) or something that happens to it: an event, an expiry, a
crash, a failure. From each state every step is tried, and a state that was seen before is not
explored again, so all schedules are covered.

The same act on the same rows at the same time leads to the same, so it is done once and remembered:
most states differ only in what the inbox never sees. For that, leases have plain names here.

A worker is the real Refresher, run anew for each of its steps: the calls that it made before are
answered as they were then, and the first one that has no answer yet is its next step.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import event

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import pages
from fbsync.database.stored_versions import StoredVersions
from fbsync.errors import (
    LeaseLost,
    PermanentFailure,
    StoreUnavailable,
    TemporaryFailure,
    TokenRefused,
)
from fbsync.hallway.refresh import Refresher
from fbsync.page import PageId, PageSnapshot, canonical_json
from fbsync.ports import (
    INACCESSIBLE,
    LEASE_SECONDS,
    LONGEST_PUT_SECONDS,
    Claim,
    LastStored,
    StoredObject,
    etag_of,
    history_key,
    page_key,
)
from fbsync.webhook import Delivery, VerifiedBody

FETCHED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_WRITES = ("create", "put")
_START = 1_700_000_000.0
_RETRY_SECONDS = 0.001  # so short that no lease runs out by it

_LONGEST_SCHEDULE = 200  # steps: none comes near
_LEASE_NAMES = [f"lease {number}" for number in range(50)]  # more than are ever in use at once

_Rows = tuple[tuple[Any, ...], ...]  # of the table `pages`
Reading = PageSnapshot | TemporaryFailure | PermanentFailure


@dataclass(frozen=True)
class Limits:
    """How often in one schedule something may happen."""

    expiries: int = 0  # a lease runs out
    crashes: int = 0  # a worker is killed
    faults: int = 0  # a read or a put fails
    unparks: int = 0
    late_puts: int = 0  # a put arrives after its worker was killed, or gave it up
    second_tries: int = 0  # a put succeeds at its second try, and its first may yet arrive
    alterations: int = 0  # somebody alters a page's newest version while the page is in doubt


@dataclass(frozen=True)
class Call:
    """A worker's next step; `page` is None where it concerns all of its pages."""

    kind: str
    page: PageId | None = None
    args: tuple[Any, ...] = ()


@dataclass(frozen=True)
class WorkerState:
    """How far one worker has come. `answers` has the answers to its calls, for each page."""

    claims: tuple[Claim, ...] = ()
    until: Mapping[PageId, float] = field(default_factory=dict)  # of its lease
    readings: Mapping[PageId, Reading] | None = None
    answers: Mapping[PageId, tuple[Any, ...]] = field(default_factory=dict)
    next: tuple[Call, ...] = (Call("claim"),)


@dataclass(frozen=True)
class State:
    rows: _Rows
    documents: Mapping[str, bytes]  # of the versions that the inbox knows, by their keys
    store: Mapping[str, bytes]
    clock: float
    changed: int  # how many of the events have changed their page
    recorded: int  # and how many of them are in the inbox
    workers: tuple[WorkerState, ...]
    limits: Limits
    late: tuple[tuple[str, str, bytes], ...] = ()  # writes under way that nobody waits for


class Violation(AssertionError):
    """An invariant does not hold; the schedule that leads there."""


class _Paused(BaseException):
    """The worker has come to a call that has no answer yet."""


class Model:
    """`events` names the page of each event, `names` what each makes its name."""

    def __init__(
        self,
        inbox_class: type[DatabaseInbox] = DatabaseInbox,
        refresher_class: type[Refresher] = Refresher,
        *,
        folder: Path,
        events: Sequence[PageId],
        names: Sequence[str],
        limits: Limits,
        known: Mapping[PageId, str] | None = None,
        workers: int = 2,
    ) -> None:
        self.events, self.names = events, names
        self.limits, self.known, self.worker_count = limits, known or {}, workers
        self.database = Database(sqlite_url(folder / "model.sqlite3"))
        self._hurry()
        self.clock = _START
        self.inbox = inbox_class(self.database, lambda: self.clock)
        self.refresher_class = refresher_class
        self.states: dict[Any, int] = {}
        self.steps: Counter[str] = Counter()
        self.schedules = 0
        self.path: list[str] = []  # the labels of the steps that led to the state at hand
        self._nothing_due: set[Any] = set()
        self._runs: dict[Any, tuple[Call, ...]] = {}
        self._acts: dict[Any, tuple[_Rows, Mapping[str, bytes], Any]] = {}

    def explore(self) -> int:
        """Go through all schedules; how many there are. Raises Violation."""
        self.schedules = self._explore(self._first_state())
        return self.schedules

    def summary(self) -> str:
        """What was explored, for people."""
        steps = sum(self.steps.values())
        return f"{len(self.states):,} states, {steps:,} steps, {self.schedules:,} schedules"

    def _explore(self, state: State) -> int:
        key = self._key(state)
        if (known := self.states.get(key)) is not None:
            self._assert(known > 0, "this comes back to where it was")
            return known
        self._assert(len(self.path) < _LONGEST_SCHEDULE, "this goes on for ever")
        self.states[key] = 0
        self._check(state)
        schedules = 0
        for label, following in self._steps(state):
            self.steps[label.split()[0]] += 1
            self.path.append(label)
            schedules += self._explore(following)
            self.path.pop()
        if not schedules:
            self._check_end(state)
        self.states[key] = schedules or 1
        return schedules or 1

    def _hurry(self) -> None:
        """What is on the disk matters to nobody here."""

        def hurry(connection: Any, _record: object) -> None:
            connection.execute("pragma synchronous=off")
            connection.execute("pragma journal_mode=memory")

        event.listen(self.database._engine, "connect", hurry)
        self.database._engine.dispose()

    # The steps

    def _steps(self, state: State) -> Iterator[tuple[str, State]]:
        yield from self._events(state)
        yield from self._time(state)
        for index, worker in enumerate(state.workers):
            for call in worker.next:
                yield from self._calls(state, index, call)
            if worker.claims:
                yield from self._accidents(state, index)

    def _events(self, state: State) -> Iterator[tuple[str, State]]:
        if state.changed < len(self.events):
            yield f"change {state.changed + 1}", replace(state, changed=state.changed + 1)
        if state.recorded < state.changed:
            number = state.recorded
            page = self.events[number]
            told = VerifiedBody(f"event {number}".encode())
            delivery = Delivery(f"{number:064d}", told, (page,), FETCHED)
            after, _ = self._on(state, ("record", number), lambda: self.inbox.record([delivery]))
            yield f"record {number + 1}", replace(after, recorded=number + 1)
        if state.limits.unparks:
            ids = sorted(set(self.events))
            after, _ = self._on(state, ("unpark",), lambda: self.inbox.unpark(ids))
            yield "unpark", _used(after, "unparks")
        for number, write in enumerate(state.late):
            left = state.late[:number] + state.late[number + 1 :]
            yield f"late {write[0]} {write[1]}", replace(self._written(state, *write), late=left)
        if state.limits.alterations:
            for key in self._in_doubt(state):
                store = {**state.store, key: _altered(state.store[key])}
                yield f"alter {key}", _used(replace(state, store=store), "alterations")

    def _in_doubt(self, state: State) -> Iterator[str]:
        """The newest known versions of pages that nobody has in hand, and the next one looks at."""
        living = {worker.claims[0].lease for worker in state.workers if worker.claims}
        for row in map(_named, state.rows):
            is_doubted = row["suspect"] > row["done"] or row["lease"]
            if row["stored_number"] and is_doubted and row["lease"] not in living:
                yield history_key(row["page_id"], row["stored_number"])

    def _time(self, state: State) -> Iterator[tuple[str, State]]:
        if any(row["due_at"] > state.clock for row in map(_named, state.rows)):
            yield "wait", replace(state, clock=state.clock + 2 * _RETRY_SECONDS)
        if self._is_second_look_next(state):
            yield "second look", self._later(state, None, LONGEST_PUT_SECONDS)
        living = [worker.claims[0].lease for worker in state.workers if worker.claims]
        for row in map(_named, state.rows):
            if row["lease"] not in [None, *living] and row["leased_until"] > state.clock:
                yield "expiry of the dead", self._later(state, None)
                return

    def _is_second_look_next(self, state: State) -> bool:
        """Whether one is not due yet, and no write that nobody tells of lasts that long."""
        looks = [row["look_again_at"] or 0.0 for row in map(_named, state.rows)]
        ends = [until for worker in state.workers for until in worker.until.values()]
        may_die = self.limits.crashes > 0 and any(until <= state.clock for until in ends)
        return any(at > state.clock for at in looks) and not (state.late or may_die)

    def _calls(self, state: State, index: int, call: Call) -> Iterator[tuple[str, State]]:
        who, worker = f"by worker {index + 1}", state.workers[index]
        if call.kind == "claim":
            yield from self._claim(state, index)
        elif call.kind == "read":
            for what, reading in self._readings(state):
                readings = {claim.page_id: reading(claim.page_id) for claim in worker.claims}
                after = replace(worker, readings=readings)
                left = state if what == "read" else _used(state, "faults")
                yield f"{what} {who}", self._with(left, index, after)
        elif call.kind == "look":
            assert call.page is not None
            holds = state.clock < worker.until[call.page]
            yield f"look {who}: {holds}", self._answered(state, index, call, holds)
        elif call.kind == "get":
            found = state.store.get(call.args[0])
            yield f"get {call.args[0]} {who}", self._answered(state, index, call, found)
        elif call.kind == "head":
            (key,) = call.args
            body = state.store.get(key)
            seen = None if body is None else StoredObject(key, etag_of(body), len(body))
            yield f"head {key} {who}", self._answered(state, index, call, seen)
        elif call.kind == "document":
            found = state.documents.get(history_key(*call.args))
            yield f"document {who}", self._answered(state, index, call, found)
        elif call.kind in _WRITES:
            yield from self._write(state, index, call)
        else:
            yield self._give_back(state, index, call)

    def _claim(self, state: State, index: int) -> Iterator[tuple[str, State]]:
        rows = self._rows_key(state)
        if rows in self._nothing_due:
            return
        after, claims = self._on(state, ("claim", *_leases(state)), lambda: self._claimed(state))
        if not claims:
            self._nothing_due.add(rows)
        else:
            until = {claim.page_id: state.clock + LEASE_SECONDS for claim in claims}
            answers: dict[PageId, tuple[Any, ...]] = {claim.page_id: () for claim in claims}
            worker = WorkerState(tuple(claims), until, None, answers)
            yield f"claim by worker {index + 1}", self._with(after, index, worker)

    def _claimed(self, state: State) -> list[Claim]:
        """The claims, whose lease has the first name that the state knows nothing of."""
        claims = self.inbox.claim(50)
        taken = _leases(state)
        name = next(name for name in _LEASE_NAMES if name not in taken)
        if claims:
            self._execute("update pages set lease = ? where lease = ?", (name, claims[0].lease))
        return [replace(claim, lease=name) for claim in claims]

    def _readings(self, state: State) -> Iterator[tuple[str, Callable[[PageId], Reading]]]:
        yield "read", lambda page: self._snapshot(page, state.changed)
        if state.limits.faults:
            yield "failed-read", lambda page: TemporaryFailure("It is busy.")
            yield "refused-read", lambda page: TokenRefused("It ran out.")

    def _write(self, state: State, index: int, call: Call) -> Iterator[tuple[str, State]]:
        key, body = call.args
        what = f"{key} by worker {index + 1}"
        written = self._written(state, call.kind, key, body)
        # A store says of a lost race what it holds; see ports.ObjectStore.
        answer = written.store[key] == body if call.kind == "create" else False
        yield f"{call.kind} {what}", self._answered(written, index, call, answer)
        if call.kind == "put" and state.limits.second_tries:
            under_way = replace(written, late=(*state.late, (call.kind, key, body)))
            tried_twice = _used(under_way, "second_tries")
            yield f"tried-twice-put {what}", self._answered(tried_twice, index, call, True)
        if state.limits.faults:
            error = StoreUnavailable("It is gone.")
            for label, at in (("failed", state), ("unanswered", written)):
                yield (
                    f"{label}-{call.kind} {what}",
                    self._answered(_used(at, "faults"), index, call, error),
                )
            if state.limits.late_puts:
                under_way = replace(state, late=(*state.late, (call.kind, key, body)))
                given_up = _used(_used(under_way, "faults"), "late_puts")
                yield f"slow-{call.kind} {what}", self._answered(given_up, index, call, error)

    def _written(self, state: State, kind: str, key: str, body: bytes) -> State:
        if kind == "create" and key in state.store:
            return state
        is_mended = "/history/" not in key or body == state.documents.get(key)
        self._assert(kind == "create" or is_mended, f"{key} was overwritten")
        return replace(state, store={**state.store, key: body})

    def _give_back(self, state: State, index: int, call: Call) -> tuple[str, State]:
        (claim,) = [c for c in state.workers[index].claims if c.page_id == call.page]

        def act() -> Any:
            try:
                if call.kind == "retry":
                    _, _, reason, is_written = call.args
                    self._assert("fault of fbsync" not in reason, reason)
                    at = datetime.fromtimestamp(state.clock + _RETRY_SECONDS, UTC)
                    return self.inbox.retry(claim, at, reason, is_written=is_written)
                if call.kind == "release":
                    return self.inbox.release(claim, is_written=call.args[1])
                return getattr(self.inbox, call.kind)(claim, *call.args[1:])
            except LeaseLost as error:
                return error

        told = [arg.documents for arg in call.args if isinstance(arg, LastStored)]
        after, answer = self._on(state, (call.kind, repr((claim, call.args, told))), act)
        self._check_fence(state, after, claim, answer)
        lost = " (lease lost)" if isinstance(answer, LeaseLost) else ""
        label = f"{call.kind} by worker {index + 1}{lost}"
        return label, self._answered(after, index, call, answer)

    def _accidents(self, state: State, index: int) -> Iterator[tuple[str, State]]:
        worker = state.workers[index]
        lease = worker.claims[0].lease
        if state.limits.crashes:
            dead = _used(self._with(state, index, WorkerState()), "crashes")
            yield f"crash of worker {index + 1}", dead
            yield f"shutdown of worker {index + 1}", self._give_up(dead, worker)
            if state.limits.late_puts:
                for call in worker.next:
                    if call.kind in _WRITES:
                        left = replace(dead, late=(*dead.late, (call.kind, *call.args)))
                        what = f"crash of worker {index + 1} in its {call.kind}"
                        yield what, _used(left, "late_puts")
        held = [row["page_id"] for row in map(_named, state.rows) if row["lease"] == lease]
        run_out = [page for page in held if worker.until[page] <= state.clock]
        if run_out:
            yield f"renewal by worker {index + 1}", self._renew(state, index)
        elif held and state.limits.expiries:
            after = _used(self._later(state, index), "expiries")
            yield f"expiry of worker {index + 1}", after

    def _give_up(self, state: State, worker: WorkerState) -> State:
        """The end of a process whose calls hang: what it has not begun to write is free again."""
        untouched = [
            claim
            for claim in worker.claims
            if any(call.page in (None, claim.page_id) for call in worker.next)
            and True not in worker.answers[claim.page_id]
        ]
        for claim in untouched:
            state, _ = self._on(state, ("give up", repr(claim)), partial(self._release, claim))
        return state

    def _release(self, claim: Claim) -> None:
        with suppress(LeaseLost):
            self.inbox.release(claim, is_written=False)

    def _later(self, state: State, silent: int | None, seconds: float = LEASE_SECONDS) -> State:
        """One worker, or a dead one, renews no more; the others go on."""
        later = replace(state, clock=state.clock + seconds + 1)
        for index, worker in enumerate(state.workers):
            alive = [until for until in worker.until.values() if state.clock < until]
            if index != silent and alive:
                later = self._renew(later, index)
        return later

    def _renew(self, state: State, index: int) -> State:
        worker = state.workers[index]
        lease = worker.claims[0].lease
        after, held = self._on(state, ("renew", lease), lambda: self.inbox.renew(lease))
        until = {
            page: state.clock + LEASE_SECONDS if page in held else 0.0 for page in worker.until
        }
        return _with_worker(after, index, replace(worker, until=until))

    # The worker, step by step

    def _answered(self, state: State, index: int, call: Call, answer: Any) -> State:
        worker = state.workers[index]
        assert call.page is not None
        answers = {**worker.answers, call.page: (*worker.answers[call.page], answer)}
        return self._with(state, index, replace(worker, answers=answers))

    def _with(self, state: State, index: int, worker: WorkerState) -> State:
        """The state with this worker, which was run up to its next calls."""
        if worker.claims:
            calls = self._next_calls(worker)
            worker = replace(worker, next=calls) if calls else WorkerState()
        return _with_worker(state, index, worker)

    def _next_calls(self, worker: WorkerState) -> tuple[Call, ...]:
        """The same for equal workers, whatever their leases."""
        key = _worker_key(worker, 0.0)
        if key not in self._runs:
            self._runs[key] = _Run(worker, self.refresher_class).next_calls()
        return self._runs[key]

    # The inbox at a state

    def _on(self, state: State, name: Any, act: Callable[[], Any]) -> tuple[State, Any]:
        """What the act on the inbox leads to, from this state, and its answer.

        The name tells it from all acts that may do something else on the same rows.
        """
        key = (state.rows, state.clock, name)
        if key not in self._acts:
            self._acts[key] = self._done(state, act)
        rows, told, answer = self._acts[key]
        for version in told.keys() & state.documents.keys():
            self._assert(told[version] == state.documents[version], f"{version} is told anew")
        documents = {**state.documents, **told} if told else state.documents
        return replace(state, rows=rows, documents=documents), answer

    def _done(self, state: State, act: Callable[[], Any]) -> tuple[_Rows, Mapping[str, bytes], Any]:
        """The rows then, the documents that the inbox was told, and the answer."""
        self.clock = state.clock
        with self.database.write() as connection:
            connection.exec_driver_sql("delete from pages")
            connection.exec_driver_sql("delete from stored_versions")
            for row in state.rows:
                connection.exec_driver_sql(_INSERT, row)
        answer = act()
        versions = list(StoredVersions(self.database).entries())
        told = {
            history_key(version.page_id, version.number): self.inbox.document(*version[:2]) or b""
            for version in versions
        }
        return self._rows(), told, answer

    def _execute(self, statement: str, values: tuple[Any, ...]) -> None:
        with self.database.write() as connection:
            connection.exec_driver_sql(statement, values)

    def _rows(self) -> _Rows:
        with self.database.read() as connection:
            found = connection.exec_driver_sql("select * from pages order by page_id")
            return tuple(tuple(row) for row in found)

    def _first_state(self) -> State:
        """The known pages are mirrored already."""
        empty = WorkerState()
        state = State((), {}, {}, _START, 0, 0, (empty,) * self.worker_count, self.limits)
        if self.known:
            self.inbox.mark(list(self.known), "sync")
            state = replace(state, rows=self._rows())
            done = False
            while not done:
                calls = state.workers[0].next
                label, state = next(self._calls(state, 0, calls[0]))
                done = state.workers[0] == empty
        return state

    def _snapshot(self, page: PageId, changed: int) -> PageSnapshot:
        name = self.known.get(page, "")
        for at, new in zip(self.events[:changed], self.names, strict=False):
            name = new if at == page else name
        return PageSnapshot(page, {"id": page, "name": name}, FETCHED, "v26.0")

    # The invariants

    def _check(self, state: State) -> None:
        for page in set(self.events):
            holders = [worker for worker in state.workers if _has(worker, page, state.clock)]
            self._assert(len(holders) <= 1, f"page {page} is held by two workers")
        idle = all(not worker.claims for worker in state.workers) and not state.late
        if idle and state.recorded == state.changed:
            for row in map(_named, state.rows):
                if row["marks"] <= row["done"] and row["look_again_at"] is None:
                    self._check_store(state, row)
                if row["parked_at"] is not None and row["stored_number"]:
                    self._check_tombstone(state, row)

    def _check_store(self, state: State, row: Mapping[str, Any]) -> None:
        """Nothing is left to do for this page, so the store tells the truth."""
        page, number = PageId(row["page_id"]), row["stored_number"]
        truth = self._snapshot(page, state.changed)
        self._assert(
            state.store.get(page_key(page)) == truth.document, f"page {page} is not stored as it is"
        )
        self._assert(row["stored_digest"] == truth.digest, "the inbox believes something else")
        history = sorted(key for key in state.store if key.startswith(f"{page}/history/"))
        wanted = [history_key(page, n) for n in range(1, number + 1)]
        self._assert(history == wanted, f"the versions {history} do not end with {number}")
        for key in wanted:
            self._assert(state.store[key] == state.documents[key], f"{key} is not as it was told")
        versions = [json.loads(state.store[key]) for key in history]
        newest = versions[-1]["snapshot"]
        self._assert(newest == truth.fields, "the newest version is not the page as it is")
        self._assert(
            [version["number"] for version in versions] == list(range(1, number + 1)),
            "a version has another's number",
        )
        fields: dict[str, object] = {}
        for key, version in zip(history, versions, strict=True):
            self._assert(_follows(fields, version), f"{key} does not follow from the last")
            fields = version["snapshot"] or fields

    def _check_tombstone(self, state: State, row: Mapping[str, Any]) -> None:
        """A page that is set aside says so in its history."""
        key = history_key(PageId(row["page_id"]), row["stored_number"])
        self._assert("inaccessible" in json.loads(state.store[key]), f"{key} is no tombstone")
        self._assert(row["stored_digest"] == INACCESSIBLE, "the inbox knows of no tombstone")

    def _check_fence(self, before: State, after: State, claim: Claim, answer: Any) -> None:
        (was,) = [r for r in map(_named, before.rows) if r["page_id"] == claim.page_id]
        (now,) = [r for r in map(_named, after.rows) if r["page_id"] == claim.page_id]
        columns = ("done", "stored_number", "stored_fields", "parked_at", "due_at", "attempts")
        moved = [name for name in columns if was[name] != now[name]]
        if was["lease"] != claim.lease:
            doubted = now["suspect"] > now["done"] and now["marks"] > now["done"]
            self._assert(isinstance(answer, LeaseLost) or doubted, "a lost lease was not noticed")
            self._assert(not moved, f"a lost lease changed {moved}")
        self._assert(now["done"] >= was["done"], "done went back")
        self._assert(now["stored_number"] >= was["stored_number"], "the version number went back")
        for number in range(1, now["stored_number"] + 1):
            key = history_key(claim.page_id, number)
            self._assert(key in after.store, f"{key} is recorded, and is not there")

    def _check_end(self, state: State) -> None:
        """Nothing can happen any more: only parked pages may wait."""
        waiting = [row for row in map(_named, state.rows) if row["marks"] > row["done"]]
        stuck = [row["page_id"] for row in waiting if row["parked_at"] is None]
        self._assert(not stuck, f"the pages {stuck} wait for ever")

    def _assert(self, holds: bool, what: str) -> None:
        if not holds:
            raise Violation(f"{what}, after: " + "; ".join(self.path))

    def _key(self, state: State) -> Any:
        """Equal for two states from which the same can follow."""
        # One worker is as good as another.
        workers = tuple(
            sorted((_worker_key(w, state.clock), self._held(state, w)) for w in state.workers)
        )
        store = (tuple(sorted(state.store.items())), tuple(sorted(state.documents.items())))
        progress = (state.changed, state.recorded, state.limits, state.late)
        return (self._rows_key(state), workers, store, progress)

    def _rows_key(self, state: State) -> Any:
        living = {worker.claims[0].lease for worker in state.workers if worker.claims}
        return tuple(_row_key(row, state.clock, living) for row in map(_named, state.rows))

    def _held(self, state: State, worker: WorkerState) -> tuple[str, ...]:
        lease = worker.claims[0].lease if worker.claims else ""
        return tuple(row["page_id"] for row in map(_named, state.rows) if row["lease"] == lease)


class _Run:
    """One run of the real Refresher up to the calls that have no answer yet."""

    def __init__(self, worker: WorkerState, refresher_class: type[Refresher]) -> None:
        self._worker = worker
        self.identity = "store"
        self._refresher = refresher_class(self, self, self._read)  # type: ignore[arg-type]
        # Nobody deletes or alters objects here, so the look before the first write finds nothing.
        pages_in_hand = (claim.page_id for claim in worker.claims)
        self._refresher._writer._check._looked.update(pages_in_hand)
        self._given: Counter[PageId] = Counter()
        self._next: list[Call] = []
        self._page: PageId | None = None  # the one that is being settled

    def next_calls(self) -> tuple[Call, ...]:
        """The next call for each of its pages; none at the end."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("fbsync.hallway.lease.time", self)
            patch.setattr("fbsync.hallway.refresh.in_parallel", self._in_order)
            patch.setattr("fbsync.hallway.page_writer.datetime", _Noon)
            with suppress(_Paused):
                self._refresher.refresh()
        return tuple(self._next)

    # As the inbox

    def claim(self, limit: int, only: object = None, store: object = None) -> list[Claim]:
        return list(self._worker.claims)

    def finish(self, *args: Any) -> Any:
        return self._answer("finish", *args)

    def retry(self, *args: Any, is_written: bool = False) -> Any:
        return self._answer("retry", *args, is_written)

    def release(self, claim: Claim, *, is_written: bool) -> Any:
        return self._answer("release", claim, is_written)

    def park(self, *args: Any) -> Any:
        return self._answer("park", *args)

    def document(self, page: PageId, number: int) -> bytes | None:
        found: bytes | None = self._answer("document", page, number)
        return found

    # As the Graph API

    def _read(self, page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
        if self._worker.readings is None:
            self._next.append(Call("read"))
            raise _Paused
        return dict(self._worker.readings)

    # As the store

    def get(self, key: str) -> bytes | None:
        found: bytes | None = self._answer("get", key)
        return found

    def head(self, key: str) -> StoredObject | None:
        found: StoredObject | None = self._answer("head", key)
        return found

    def put(self, key: str, body: bytes) -> bool:
        is_unanswered: bool = self._answer("put", key, body)
        return is_unanswered

    def create(self, key: str, body: bytes) -> bool:
        is_ours: bool = self._answer("create", key, body)
        return is_ours

    # As the clock: a lease is taken at 0 and looked at whenever it matters

    def monotonic(self) -> float:
        if self._page is None:
            return 0.0
        return 0.0 if self._answer("look") else LEASE_SECONDS + 1

    # As the threads: one page after the other, as far as each comes

    def _in_order(
        self, settle: Callable[[Claim], Any], claims: Iterable[Claim], _threads: int
    ) -> list[Any]:
        settled = []
        for claim in claims:
            self._page = claim.page_id
            try:
                settled.append(settle(claim))
            except _Paused:
                continue
            finally:
                self._page = None
        if self._next:
            raise _Paused
        return settled

    def _answer(self, kind: str, *args: Any) -> Any:
        assert self._page is not None
        answers, number = self._worker.answers[self._page], self._given[self._page]
        if number == len(answers):
            self._next.append(Call(kind, self._page, args))
            raise _Paused
        self._given[self._page] += 1
        if isinstance(answers[number], Exception):
            raise answers[number]
        return answers[number]


class _Noon(datetime):
    """One moment: equal steps must lead to equal bytes."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(FETCHED.timestamp(), tz)


def _altered(body: bytes) -> bytes:
    """Another version of the same number, as a person might make it."""
    version = json.loads(body)
    what = "inaccessible" if version["snapshot"] is None else "snapshot"
    other = {"snapshot": {**(version["snapshot"] or {}), "name": "X"}, "inaccessible": "X"}
    return canonical_json({**version, what: other[what]})


def _follows(before: Mapping[str, object], version: Any) -> bool:
    """Whether the version's changes lead from the fields before it to its own."""
    if version["snapshot"] is None:
        return bool(version["changes"] == [])
    fields = dict(before)
    fits = all(fields.get(change["field"]) == change["before"] for change in version["changes"])
    fields |= {change["field"]: change["after"] for change in version["changes"]}
    return fits and bool(fields == version["snapshot"])


def _used(state: State, what: str) -> State:
    left = replace(state.limits, **{what: getattr(state.limits, what) - 1})
    return replace(state, limits=left)


def _with_worker(state: State, index: int, worker: WorkerState) -> State:
    workers = (*state.workers[:index], worker, *state.workers[index + 1 :])
    return replace(state, workers=workers)


_COLUMNS = [column.name for column in pages.columns]
_INSERT = f"insert into pages values ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own names
# What no step depends on.
_FOR_PEOPLE = {"reason", "stored_at", "last_event_at", "event", "waiting_since"}


def _named(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(_COLUMNS, row, strict=True))


def _leases(state: State) -> tuple[str, ...]:
    """All that a row or a worker knows."""
    held = {worker.claims[0].lease for worker in state.workers if worker.claims}
    return tuple(sorted(held | {row["lease"] for row in map(_named, state.rows) if row["lease"]}))


def _row_key(row: dict[str, Any], clock: float, living: Collection[str]) -> Any:
    key = {name: value for name, value in row.items() if name not in _FOR_PEOPLE}
    key["due_at"] = row["due_at"] <= clock
    key["leased_until"] = row["leased_until"] > clock
    key["look_again_at"] = row["look_again_at"] and row["look_again_at"] > clock
    key["parked_at"] = row["parked_at"] is not None
    key["lease"] = row["lease"] and row["lease"] in living
    return tuple(key.values())


def _worker_key(worker: WorkerState, clock: float) -> Any:
    claims = [
        (claim.page_id, claim.marks, claim.attempts, claim.noticed_by, claim.last)
        for claim in worker.claims
    ]
    until = [until > clock for until in worker.until.values()]
    return repr((claims, until, worker.readings, worker.answers))


def _has(worker: WorkerState, page: PageId, clock: float) -> bool:
    """Whether the worker holds this page, as far as it knows."""
    is_in_hand = any(call.page in (None, page) for call in worker.next)
    return is_in_hand and worker.until.get(page, 0.0) > clock
