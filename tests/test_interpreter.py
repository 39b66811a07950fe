"""How Python is set for a listener."""

import gc
import sys

import pytest

from fbsync.interpreter import SWITCH_SECONDS, answer_smoothly


def test_what_is_loaded_leaves_the_collectors_rounds_and_threads_take_turns_quickly() -> None:
    loaded, before = [object(), []], sys.getswitchinterval()
    answer_smoothly()
    try:
        assert gc.get_freeze_count() > 1000
        assert not any(one is loaded for one in gc.get_objects())
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
