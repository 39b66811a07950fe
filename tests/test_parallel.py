"""Work in a few threads that end with the process."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fbsync.parallel import in_parallel
from tests.hallway import DEADLINE


def test_the_results_come_in_the_order_of_the_items() -> None:
    assert in_parallel(lambda item: item * 2, list(range(100)), 8) == list(range(0, 200, 2))
    assert in_parallel(lambda item: item, [], 8) == []


def test_as_many_threads_work_at_once_as_are_allowed() -> None:
    together = threading.Barrier(3)
    seen: set[int] = set()

    def work(item: int) -> None:
        together.wait(DEADLINE)
        seen.add(threading.get_ident())

    in_parallel(work, list(range(12)), 3)
    assert len(seen) == 3


def test_a_failure_is_raised_when_all_others_are_done() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 1:
            raise ValueError("one of them")
        done.append(item)

    with pytest.raises(ValueError, match="one of them"):
        in_parallel(work, [1, 2, 3, 4], 2)
    assert sorted(done) == [2, 3, 4]


def test_work_that_hangs_does_not_keep_the_process() -> None:
    program = (
        "import threading\n"
        "from fbsync.parallel import in_parallel\n"
        "hang = lambda item: threading.Event().wait()\n"
        "args = (hang, [1, 2], 2)\n"
        "threading.Thread(target=in_parallel, args=args, daemon=True).start()\n"
    ).replace("\\\n", "\n")
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent.parent,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.returncode == 0
