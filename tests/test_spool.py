"""Long lists of JSON values."""

from fbsync.sync.spool import IN_MEMORY_BYTES, Spool


def test_values_come_back_in_their_order_also_when_they_are_many() -> None:
    long = "x" * (IN_MEMORY_BYTES // 3)
    values: list[object] = [{"page_id": "1", "text": "a\nb ☕"}, None, long, [long], {"last": long}]
    with Spool() as spool:
        for value in values:
            spool.add(value)
        assert list(spool) == values
        assert list(spool) == values


def test_an_empty_one_is_empty() -> None:
    with Spool() as spool:
        assert list(spool) == []
