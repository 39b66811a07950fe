"""How a page's row is given back by whoever claimed it: its columns, if the lease still holds.

The statement is put together once for each set of columns: each page that is stored costs one.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Update, bindparam, case, update
from sqlalchemy.sql.elements import ColumnElement

from fbsync.database.schema import pages
from fbsync.ports import Claim


def give_back(connection: Connection, claim: Claim, values: Mapping[str, Any]) -> bool:
    """Set these columns and end the lease. False where it was not held any more.

    A page that was parked in the meantime, as its access was withdrawn, stays so. A version counts
    as stored now (`stored_at`) where its number is new.
    """
    ours = {"of_page": claim.page_id, "of_lease": claim.lease}
    if any(isinstance(value, ColumnElement) for value in values.values()):
        return connection.execute(_statement(values), ours).rowcount > 0
    named = {f"new_{name}": value for name, value in values.items()}
    return connection.execute(_prepared(frozenset(values)), ours | named).rowcount > 0


@cache
def _prepared(names: frozenset[str]) -> Update:
    return _statement({name: bindparam(f"new_{name}", type_=pages.c[name].type) for name in names})


def _statement(values: Mapping[str, Any]) -> Update:
    was_parked = pages.c.parked_at.is_not(None)
    rules = {"parked_at": was_parked, "reason": was_parked}
    if "stored_number" in values:
        rules["stored_at"] = pages.c.stored_number >= values["stored_number"]
    ruled = {
        name: case((stays, pages.c[name]), else_=values[name])
        for name, stays in rules.items()
        if name in values
    }
    return (
        update(pages)
        .where(pages.c.page_id == bindparam("of_page"), pages.c.lease == bindparam("of_lease"))
        .values(lease=None, leased_until=0.0, **{**values, **ruled})
    )
