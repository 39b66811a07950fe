"""What the garbage collector need not look at."""

import gc

from fbsync.garbage import keep_what_is_loaded


def test_what_is_loaded_leaves_the_collectors_rounds() -> None:
    loaded = [object(), []]
    keep_what_is_loaded()
    try:
        assert gc.get_freeze_count() > 1000
        assert not any(one is loaded for one in gc.get_objects())
    finally:
        gc.unfreeze()
