"""How Python itself is set: as a command loads and ends, to answer requests, and to read much."""

import gc
import sys
from contextlib import suppress

SWITCH_SECONDS = 0.001
OBJECTS = 5_000
LOADED_OBJECTS = 100_000
_PYTHONS_OWN = gc.get_threshold()
_M_ARENA_MAX, _ARENAS = -8, 2  # of malloc.h


def load_swiftly() -> None:
    """For a command's start: the garbage collector looks after LOADED_OBJECTS more, not after 700.

    What a command loads is some hundred thousand objects, and next to no garbage.

    And httpx comes without its own command, `httpx`, which would load 40 further modules. It is
    made for their absence, and None means just that (Python, "The import system").
    """
    gc.set_threshold(LOADED_OBJECTS)
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # see above


def leave_swiftly() -> None:
    """For a command's end: no last round of the garbage collector through all that was loaded.

    It takes some 80 ms, for memory that the system takes back anyway.
    """
    gc.freeze()


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
    gc.set_threshold(*_PYTHONS_OWN)
    sys.setswitchinterval(SWITCH_SECONDS)


def collect_seldom() -> None:
    """For a command that makes and drops many objects, few of them in circles, in many threads.

    The garbage collector leaves out what was loaded so far, and looks after OBJECTS more, not
    Python's 700: it took a tenth of the processor time of a poll.

    And glibc has two arenas of memory, not one for each of some twenty threads that take turns
    anyway (malloc, `M_ARENA_MAX`): what each frees stays with it. Other systems have no such thing.
    """
    import ctypes  # a millisecond, for the one command that needs it

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    gc.freeze()
    gc.set_threshold(OBJECTS)
