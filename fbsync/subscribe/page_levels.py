"""The pages' level: which fields of each are on (Meta, "Page subscribed apps")."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from fbsync.database.added_fields import AddedFields
from fbsync.errors import GRAPH_FAILURES, FbsyncError, PermissionMissing
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.page import PageAccess, PageId
from fbsync.subscription_plan import (
    NO_FIELDS,
    FieldPlan,
    Fields,
    Level,
    Wish,
    not_there,
    plan_fields,
)
from fbsync.webhook_fields import PERMISSIONS
from fbsync.wording import counted

_AT_ONCE = 8  # each page is a call of its own, and most of its time is the way to Meta and back
_PART = 50  # pages that are written, then read again in one request

_Plans = Mapping[PageId, FieldPlan | FbsyncError]


class PageLevels:
    """Reads, plans and writes. Methods raise DatabaseUnavailable."""

    def __init__(self, graph: GraphSubscriptions, added_fields: AddedFields) -> None:
        self._graph = graph
        self._added = added_fields

    def plan(
        self, accesses: Collection[PageAccess], wish: Wish
    ) -> dict[PageId, FieldPlan | FbsyncError]:
        """What is on at each page, compared with the wish."""
        ours = self._added.of_pages()
        return {
            page: on
            if isinstance(on, FbsyncError)
            else plan_fields(on, ours.get(page, NO_FIELDS), wish)
            for page, on in self._graph.of_pages(accesses).items()
        }

    def apply(self, plans: _Plans, accesses: Collection[PageAccess], wish: Wish) -> list[Level]:
        """Do it, page by page; one that fails does not stop the others."""
        fields = {page: plan for page, plan in plans.items() if isinstance(plan, FieldPlan)}
        self._added.forget({page: plan.gone for page, plan in fields.items()})
        changing = [
            access
            for access in accesses
            if access.page_id in fields and fields[access.page_id].differs
        ]
        written: dict[PageId, Level] = {}
        for start in range(0, len(changing), _PART):
            written |= self._apply_part(changing[start : start + _PART], fields)
        return [written.get(page) or _kept(page, plan, wish) for page, plan in plans.items()]

    def _apply_part(
        self, part: Sequence[PageAccess], plans: Mapping[PageId, FieldPlan]
    ) -> dict[PageId, Level]:
        def write(access: PageAccess) -> str | None:
            return self._write(access, plans[access.page_id])

        def write_anew(access: PageAccess) -> str | None:
            return self._write_anew(access, plans[access.page_id])

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            failures = _by_page(part, pool.map(write, part))
            found = self._graph.of_pages(part)
            # A POST may add to the fields instead of replacing them; then only DELETE takes off.
            # Where the POST failed, the one after a DELETE could fail too, and more would be lost.
            stuck = [
                access
                for access in part
                if failures[access.page_id] is None
                and _on(found[access.page_id]) & plans[access.page_id].remove
            ]
            failures |= _by_page(stuck, pool.map(write_anew, stuck))
            found |= self._graph.of_pages(stuck)
        on = {page: fields for page, fields in found.items() if not isinstance(fields, FbsyncError)}
        self._added.note({page: plans[page].add & on[page] for page in on})
        self._added.forget({page: plans[page].remove - on[page] for page in on})
        return {page: _judge(page, plans[page], found[page], failures[page]) for page in found}

    def _write(self, access: PageAccess, plan: FieldPlan) -> str | None:
        """The reason why it failed, None where it did not."""
        try:
            if plan.after:
                self._graph.subscribe_page(access, plan.after)
            else:
                self._graph.unsubscribe_page(access)
        except GRAPH_FAILURES as error:
            return _why(error, plan.after)
        return None

    def _write_anew(self, access: PageAccess, plan: FieldPlan) -> str | None:
        try:
            self._graph.unsubscribe_page(access)
        except GRAPH_FAILURES as error:
            return _why(error, plan.after)
        failure = self._write(access, plan) if plan.after else None
        if failure is None:
            return None
        lost = ",".join(sorted(plan.after))
        return f"Facebook took all fields off and refused these again: {lost}.\n{failure}"


def _by_page(
    accesses: Sequence[PageAccess], failures: Iterable[str | None]
) -> dict[PageId, str | None]:
    return {a.page_id: failure for a, failure in zip(accesses, failures, strict=True)}


def _on(found: Fields | FbsyncError) -> Fields:
    return NO_FIELDS if isinstance(found, FbsyncError) else found


def _judge(
    page: PageId, plan: FieldPlan, found: Fields | FbsyncError, failure: str | None
) -> Level:
    """By what is really there, whatever the write's answer was."""
    if isinstance(found, FbsyncError):
        return Level("failed", failure or str(found), page_id=page)
    differing = (plan.after - found) | (plan.remove & found)
    if differing:
        return Level("failed", failure or not_there(differing), found, page)
    if plan.remove:
        return Level("removed", f"{counted(len(plan.remove), 'field')} taken off", found, page)
    return Level(
        "changed" if plan.before else "added", counted(len(plan.add), "field"), found, page
    )


def _kept(page: PageId, plan: FieldPlan | FbsyncError, wish: Wish) -> Level:
    if isinstance(plan, FbsyncError):
        return Level("failed", str(plan), page_id=page)
    detail = "nothing here that fbsync added" if wish.remove else counted(len(plan.keep), "field")
    return Level("kept", detail, plan.before, page)


def _why(error: FbsyncError, fields: Fields) -> str:
    """Some fields need a permission that nothing else of fbsync needs."""
    said, _, _ = str(error).partition("\n")
    if isinstance(error, PermissionMissing):
        for name in sorted(fields & PERMISSIONS.keys()):
            if PERMISSIONS[name] in said:
                return (
                    f"{said}\nTake {name} and its kin out of FACEBOOK_WEBHOOK_FIELDS, or add"
                    f" {PERMISSIONS[name]} to FACEBOOK_SCOPES and run: fbsync login"
                )
    return str(error)
