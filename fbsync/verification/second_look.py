"""One object beside what the database says now: whether it is drift, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fbsync.drift import (
    Drift,
    Remedy,
    Suspicion,
    drift_of,
    is_page,
    problem_of,
    version_of,
)
from fbsync.page import PageId, canonical_json
from fbsync.ports import LastStored, ObjectStore, history_key

UNKNOWN = "The database knows nothing of it. Move it away if nobody needs it there."
_LOST = (
    "Only the number of this version is known here, not its content."
    " Restore the object from a backup, or from the store where the pages were before."
)
_NEWER = "The store has a version that the database does not know yet; the page is read again."
_SET_ASIDE = (
    "The store has a version that the database does not know yet, and the page is set aside:"
    " see fbsync pages."
)


@dataclass(frozen=True)
class Plan:
    """What is wrong, with the remedy that is planned; `body` is what to put, None for nothing."""

    drift: Drift
    body: bytes | None = None


class SecondLook:
    """`document` gives the bytes of a version that is known to be stored, None where it is not."""

    def __init__(self, store: ObjectStore, document: Callable[[PageId, int], bytes | None]) -> None:
        self._store = store
        self._document = document

    def look(
        self, suspicion: Suspicion, last: LastStored | None, *, is_parked: bool
    ) -> Plan | None:
        """None where all is in order. `last` is the page's newest version by the database.

        Raises StoreUnavailable, DatabaseUnavailable.
        """
        page, key = suspicion.page_id, suspicion.key
        number, newest = version_of(key), last.number if last else 0
        if number is not None and number <= newest:
            return self._look_at_version(suspicion, self._document(page, number))
        if number is None and not is_page(key):
            return _left_alone(suspicion)
        plan: Plan | None
        if last is not None and is_page(key):
            plan = self._compare(suspicion, canonical_json(last.fields))
        else:
            plan = _left_alone(suspicion) if self._store.head(key) else None
        if plan and self._store.head(history_key(page, newest + 1)):
            # The worker could not tell the database any more. The next one adopts what is there.
            remedy: Remedy = "left alone" if is_parked else "read again"
            reason = _SET_ASIDE if is_parked else _NEWER
            return Plan(replace(plan.drift, remedy=remedy, reason=reason))
        return plan

    def _look_at_version(self, suspicion: Suspicion, body: bytes | None) -> Plan | None:
        if body is not None:
            return self._compare(suspicion, body)
        if self._store.head(suspicion.key):
            return None
        return Plan(drift_of(replace(suspicion, problem="missing"), "not repaired", _LOST))

    def _compare(self, suspicion: Suspicion, body: bytes) -> Plan | None:
        problem = problem_of(self._store.head(suspicion.key), body)
        if problem is None:
            return None
        return Plan(drift_of(replace(suspicion, problem=problem), "repaired"), body)


def _left_alone(suspicion: Suspicion) -> Plan:
    return Plan(drift_of(replace(suspicion, problem="unknown"), "left alone", UNKNOWN))
