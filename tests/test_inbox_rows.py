"""The inbox's rows as values; with a database see test_inbox."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from fbsync.database.inbox_rows import chunks, claim_of, state_of
from fbsync.field_list import FieldList
from fbsync.page import PageId
from fbsync.ports import LastStored

MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


def row(**changes: object) -> SimpleNamespace:
    values: dict[str, object] = {
        "page_id": "1",
        "marks": 3,
        "done": 2,
        "suspect": 0,
        "noticed_by": "webhook",
        "due_at": 0.0,
        "attempts": 1,
        "lease": None,
        "leased_until": 0.0,
        "reason": None,
        "parked_at": None,
        "stored_number": 7,
        "stored_digest": "d",
        "stored_fields": '{"id": "1"}',
        "asked_fields": None,
        "stored_at": MOMENT.timestamp(),
        "last_event_at": None,
        "event": "0123456789abcdef",
    }
    return SimpleNamespace(**values | changes)


def test_ids_come_in_order_and_in_parts_that_fit_into_a_statement() -> None:
    ids = [PageId(f"{number:04}") for number in range(2500)]
    parts = chunks(list(reversed(ids)))
    assert [len(part) for part in parts] == [1000, 1000, 500]
    assert [page for part in parts for page in part] == ids
    assert chunks([]) == []


@pytest.mark.parametrize(
    ("doubt", "digest"), [({"suspect": 2}, "d"), ({"suspect": 3}, None), ({"lease": "dead"}, None)]
)
def test_a_digest_is_trusted_unless_a_lost_lease_cast_doubt_on_it(
    doubt: dict[str, object], digest: str | None
) -> None:
    claim = claim_of(row(**doubt), "lease")
    assert claim.last == LastStored(7, digest, {"id": "1"})
    assert (claim.noticed_by, claim.lease) == ("webhook", "lease")


def test_a_page_whose_last_holder_never_gave_it_back_is_in_doubt() -> None:
    held = row(lease="of the dead")
    assert claim_of(held, "lease").last == LastStored(7, None, {"id": "1"})
    assert state_of(held).last == LastStored(7, "d", {"id": "1"})  # as it may be read just now


def test_a_page_that_was_never_stored_is_noticed_first() -> None:
    claim = claim_of(row(stored_number=0), "lease")
    assert (claim.noticed_by, claim.last) == ("first", None)


def test_a_state_tells_its_times_and_none_where_there_are_none() -> None:
    state = state_of(row(parked_at=1.0, reason="no right"))
    assert (state.stored_at, state.last_event_at, state.due_at) == (MOMENT, None, None)
    assert (state.parked, state.reason) == (True, "no right")


def test_the_list_that_a_page_was_asked_for_is_read_from_its_text() -> None:
    last = claim_of(row(asked_fields="id,picture{url,width}"), "lease").last
    assert last is not None
    assert last.asked == FieldList(("id", "picture{url,width}"))
