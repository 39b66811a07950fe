"""How Python itself is set for a process that answers requests while other threads commit."""

import gc
import sys

SWITCH_SECONDS = 0.0001


def answer_smoothly() -> None:
    """For the whole process, once all is loaded.

    All that was loaded so far leaves the garbage collector's rounds (Python, `gc.freeze`): one
    through every module's objects takes some 50 ms, and holds up each request meanwhile.

    And a thread that waits for the interpreter's lock gets it after SWITCH_SECONDS, not Python's
    0.005 (`sys.setswitchinterval`): a commit waits for it some twenty times, and everybody for it.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
