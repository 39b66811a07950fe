"""Handshakes on their way to the database: a flood of them costs little and loses little."""

import threading
from collections.abc import Collection

import pytest

from fbsync.database.handshakes import KEPT, Handshake
from fbsync.errors import DatabaseUnavailable
from fbsync.listening.handshake_log import HandshakeLog
from tests.servers import READY_SECONDS, wait_until

_Batch = Collection[Handshake]


def results(batch: _Batch) -> list[str]:
    return [one.result for one in batch]


def test_the_first_one_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.listening.handshake_log.PAUSE_SECONDS", 3600.0)
    written: list[_Batch] = []
    with HandshakeLog(written.append) as log:
        log.note("answered")
        wait_until(lambda: bool(written), "the record")
        log.note("wrong token")  # waits for the pause, or for the end
    assert [results(batch) for batch in written] == [["answered"], ["wrong token"]]


def test_a_flood_is_one_transaction_of_the_newest_of_each_result() -> None:
    written: list[_Batch] = []
    first, go_on = threading.Event(), threading.Event()

    def record(batch: _Batch) -> None:
        written.append(batch)
        first.set()
        go_on.wait(READY_SECONDS)

    with HandshakeLog(record) as log:
        log.note("wrong mode")
        assert first.wait(READY_SECONDS)
        log.note("answered")
        for _ in range(1000):
            log.note("wrong token")
        go_on.set()
    assert len(written) == 2
    assert results(written[1]) == ["answered"] + ["wrong token"] * KEPT


def test_a_database_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fbsync.listening.handshake_log.PAUSE_SECONDS", 0.0)
    tries: list[_Batch] = []

    def fail(batch: _Batch) -> None:
        tries.append(batch)
        raise DatabaseUnavailable("Down.")

    with HandshakeLog(fail) as log:
        for number in (1, 2):
            log.note("answered")
            wait_until(lambda wanted=number: len(tries) == wanted, "the try")  # type: ignore[misc]


def test_without_any_nothing_is_written() -> None:
    written: list[_Batch] = []
    with HandshakeLog(written.append):
        pass
    assert written == []
