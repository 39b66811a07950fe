"""What the tests cost: which files are long, and which ones the branch coverage does without.

To trace adds half to what a test costs.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from warnings import catch_warnings, simplefilter

LONGEST = frozenset(
    {
        "test_bench",
        "test_cli",
        "test_hostile",
        "test_inbox_machine",
        "test_inbox_model",
        "test_journey",
        "test_kill_loop",
        "test_logout",
        "test_no_secret_leaks",
        "test_outages",
        "test_sync_run",
        "test_sync_wire_faults",
        "test_worker_command",
    }
)
"""Files that take longer than ten seconds."""

UNMEASURED = frozenset(
    {
        "test_architecture",
        "test_bench",
        "test_browser_login",
        "test_call_counts",
        "test_documents",
        "test_hostile",
        "test_inbox_commands",
        "test_inbox_machine",
        "test_inbox_model",
        "test_journey",
        "test_kill_loop",
        "test_mounted",
        "test_no_secret_leaks",
        "test_object_store",
        "test_sync_run",
        "test_sync_wire_faults",
    }
)
"""Whole journeys, many servers or schedules, on lines that other tests have come by."""

_OF_SUBPROCESSES = "COVERAGE_PROCESS_CONFIG"


@contextmanager
def unmeasured() -> Iterator[None]:
    """Neither this process is traced nor those that it starts; no change without coverage."""
    coverage = sys.modules.get("coverage")  # to import it takes long, and it may not be at work
    measuring = coverage.Coverage.current() if coverage else None
    if measuring is None:
        yield
        return
    measuring.stop()
    config = os.environ.pop(_OF_SUBPROCESSES, None)
    try:
        yield
    finally:
        if config is not None:
            os.environ[_OF_SUBPROCESSES] = config
        with catch_warnings():
            simplefilter("ignore")  # fbsync was imported before, and that was measured
            measuring.start()
