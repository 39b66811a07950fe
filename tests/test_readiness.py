"""Whether a process is ready: asked seldom, one at a time, and answered in time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from fbsync.errors import DatabaseUnavailable
from fbsync.operations.readiness import CACHE_SECONDS, Readiness


@dataclass
class Probe:
    """Counts how often it is asked; waits for `answer` where it is not set."""

    count: int = 0
    error: DatabaseUnavailable | None = None
    answer: asyncio.Event = field(default_factory=asyncio.Event)
    time: float = 100.0
    is_ending: bool = False

    async def __call__(self) -> None:
        self.count += 1
        await self.answer.wait()
        if self.error:
            raise self.error

    def readiness(self) -> Readiness:
        self.answer.set()
        return Readiness(self, lambda: self.is_ending, lambda: self.time)


def run(case: Callable[[Probe], object]) -> None:
    async def go() -> None:
        await case(Probe())  # type: ignore[misc]  # each case is a coroutine function

    asyncio.run(go())


def test_an_answer_is_good_for_a_moment_and_then_asked_for_again() -> None:
    async def case(probe: Probe) -> None:
        readiness = probe.readiness()
        assert [await readiness.why_not() for _ in range(5)] == [None] * 5
        assert probe.count == 1
        probe.error = DatabaseUnavailable("The database is locked.\nWait.")
        probe.time += CACHE_SECONDS
        assert [await readiness.why_not() for _ in range(5)] == [
            "The database is locked. Wait."
        ] * 5
        assert probe.count == 2

    run(case)


def test_a_hanging_probe_is_the_only_one_and_everybody_is_told_no_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fbsync.operations.readiness.WAIT_SECONDS", 0.05)

    async def case(probe: Probe) -> None:
        readiness = probe.readiness()
        probe.answer.clear()
        found = await asyncio.gather(*(readiness.why_not() for _ in range(20)))
        assert set(found) == {"There was no answer within 0.05 seconds."}
        probe.time += 60
        assert await readiness.why_not() is not None
        assert probe.count == 1
        probe.answer.set()
        await asyncio.sleep(0)
        probe.time += 60
        assert await readiness.why_not() is None
        assert probe.count == 2

    run(case)


def test_an_ending_process_is_not_ready_and_asks_nobody() -> None:
    async def case(probe: Probe) -> None:
        readiness = probe.readiness()
        probe.is_ending = True
        assert await readiness.why_not() == "This process is ending."
        assert probe.count == 0

    run(case)
