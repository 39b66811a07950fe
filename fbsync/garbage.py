"""What Python's garbage collector need not look at."""

import gc


def keep_what_is_loaded() -> None:
    """Take all that was loaded so far out of the collector's rounds (Python, `gc.freeze`).

    A round through every module's objects takes some 50 ms, and holds up each request meanwhile.
    """
    gc.collect()
    gc.freeze()
