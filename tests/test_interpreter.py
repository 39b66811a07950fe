"""How Python is set as a command loads and ends, for a listener, and for a sync."""

import gc
import subprocess
import sys

import pytest

from fbsync.interpreter import (
    LOADED_OBJECTS,
    OBJECTS,
    SWITCH_SECONDS,
    answer_smoothly,
    collect_seldom,
    leave_swiftly,
    load_swiftly,
)


def test_what_is_loaded_leaves_the_collectors_rounds_and_threads_take_turns_quickly() -> None:
    loaded, before, threshold = [object(), []], sys.getswitchinterval(), gc.get_threshold()
    load_swiftly()
    assert gc.get_threshold()[0] == LOADED_OBJECTS
    answer_smoothly()
    try:
        assert gc.get_threshold() == threshold
        assert gc.get_freeze_count() > 1000
        assert not any(one is loaded for one in gc.get_objects())
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        sys.setswitchinterval(before)


def test_a_command_that_reads_much_collects_seldom_and_leaves_out_what_is_loaded() -> None:
    loaded, before = [object(), []], gc.get_threshold()
    collect_seldom()
    try:
        assert not any(one is loaded for one in gc.get_objects())
        assert gc.get_threshold()[0] == OBJECTS
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_command_leaves_what_it_loaded_to_the_system() -> None:
    circle: list[object] = []
    circle.append(circle)
    leave_swiftly()
    try:
        assert not any(one is circle for one in gc.get_objects())
    finally:
        gc.unfreeze()


ITS_OWN_COMMANDS = """
import gc, sys, types

def run():
    print(gc.get_threshold()[0], "httpx._main" in sys.modules, gc.get_freeze_count())

sys.modules["fbsync.cli"] = types.SimpleNamespace(main=run)
from fbsync.__main__ import main
main()
print(gc.get_freeze_count() > 1000)
"""


def test_the_program_is_set_so_before_its_commands_are_loaded_and_after_they_ran() -> None:
    code = [sys.executable, "-c", ITS_OWN_COMMANDS]
    found = subprocess.run(code, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [f"{LOADED_OBJECTS} True 0", "True"]


SYNC_WITHOUT_A_TERMINAL = """
import sys
from fbsync.interpreter import load_swiftly
load_swiftly()
import fbsync.cli, fbsync.wiring, fbsync.progress_bar
import fbsync.sync.entry, fbsync.sync.report, fbsync.sync.run, fbsync.sync.spool
import httpx
httpx.Client().close()
print([name for name in ("boto3", "click", "pygments", "rich") if name in sys.modules])
"""


def test_a_sync_with_json_in_a_pipe_loads_nothing_that_it_does_not_use() -> None:
    code = [sys.executable, "-c", SYNC_WITHOUT_A_TERMINAL]
    found = subprocess.run(code, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
