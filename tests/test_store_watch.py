"""A process that goes on with its store, although another program chose another one."""

from fbsync.errors import DatabaseUnavailable
from fbsync.store.watch import StoreWatch


def test_another_store_is_told_once_and_again_after_it_was_ours() -> None:
    told: list[str] = []
    known: list[str | None] = ["ours", None, "other", "other", "ours", "other", "third"]
    seen = iter(known)
    watch = StoreWatch(lambda: next(seen), "ours", told.append)
    for _ in known:
        watch.work()
    assert [text.partition(";")[0].rpartition(" ")[2] for text in told] == [
        "other",
        "other",
        "third",
    ]
    assert "this one has ours, and mirrors nothing any more" in told[0]


def test_it_is_told_again_once_an_hour() -> None:
    told: list[str] = []
    watch = StoreWatch(lambda: "other", "ours", told.append)
    for _ in range(121):
        watch.work()
    assert len(told) == 3


def test_a_database_that_does_not_answer_is_told_by_others() -> None:
    told: list[str] = []

    def known() -> str:
        raise DatabaseUnavailable("It is locked.")

    StoreWatch(known, "ours", told.append).work()
    assert told == []
