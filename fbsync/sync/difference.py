"""What a dry run shows of a page: how the poll differs from what is stored."""

from dataclasses import dataclass

from fbsync.field_list import ListChange
from fbsync.page import FieldChange, PageId, PageSnapshot, changes_between
from fbsync.ports import LastStored


@dataclass(frozen=True)
class Difference:
    """A page whose stored fields differ from the poll; what a dry run shows. See PageVersion."""

    page_id: PageId
    name: str
    changes: tuple[FieldChange, ...]
    list_change: ListChange = ListChange()


def difference(last: LastStored | None, now: PageSnapshot) -> Difference:
    """How the page is now, beside its newest version, if it has one."""
    listed = ListChange.between(last.asked if last else None, now.asked)
    changes = changes_between(last.fields if last else None, now.fields, listed.names)
    return Difference(now.page_id, str(now.fields.get("name", "")), changes, listed)
