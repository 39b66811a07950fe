"""How Python itself is set, for a process that answers requests and for one that reads much."""

import gc
import sys

SWITCH_SECONDS = 0.001
OBJECTS = 20_000


def answer_smoothly() -> None:
    """For the whole process, once all is loaded.

    All that was loaded so far leaves the garbage collector's rounds (Python, `gc.freeze`): one
    through every module's objects takes some 50 ms, and holds up each request meanwhile.

    And a thread that waits for the interpreter's lock gets it after SWITCH_SECONDS, not Python's
    0.005 (`sys.setswitchinterval`): a commit waits for it a few times, and everybody for it. Less
    than that lets the threads of a pass over many pages interrupt each other all the time.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)


def collect_seldom() -> None:
    """For a command that makes and drops many objects, and hardly any in circles.

    The garbage collector leaves out what was loaded so far, and looks after OBJECTS more, not
    Python's 700: it took a tenth of the processor time of a poll.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS)
