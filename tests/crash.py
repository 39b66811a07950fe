"""`fbsync` that crashes at one door of the hallway, or that runs a minute later.

    python -m tests.crash "8 before finish" listen --port 5000

The crash is a SIGKILL of the process by itself, before or after a call of the real method: no
cleaning up, no last words. Time moves so that the lease of a crashed listener has run out. At some
doors the process can also stop itself (SIGSTOP), until the test lets it go on.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sized
from importlib import import_module
from typing import Any

LATER = "later"
LATER_SECONDS = 60.0

# Door: module, attribute, and at which call of it: "before" or "after" the nth.
DOORS: dict[str, tuple[str, str, str, int]] = {
    "3 before the commit": ("fbsync.database.inbox", "DatabaseInbox.record", "before", 1),
    "3 after the commit": ("fbsync.database.inbox", "DatabaseInbox.record", "after", 1),
    "4 after the claim": ("fbsync.database.inbox", "DatabaseInbox.claim", "after", 1),
    "5 after the read": ("fbsync.page_reads", "PageReads.read", "after", 1),
    "6 after the comparison": ("fbsync.hallway.page_writer", "changes_between", "after", 1),
    "7 before the history entry": ("fbsync.store.directory", "DirectoryStore.create", "before", 1),
    "7 after the history entry": ("fbsync.store.directory", "DirectoryStore.create", "after", 1),
    "7 after page_data.json": ("fbsync.store.directory", "DirectoryStore.put", "after", 1),
    "8 before finish": ("fbsync.database.inbox", "DatabaseInbox.finish", "before", 1),
    "8 after finish": ("fbsync.database.inbox", "DatabaseInbox.finish", "after", 1),
}

STOPS: dict[str, tuple[str, str, str, int]] = {
    "7 asleep before the history entry": DOORS["7 before the history entry"],
    "7 asleep before page_data.json": ("fbsync.store.directory", "DirectoryStore.put", "before", 1),
}


def main() -> None:
    """Arm the door, then be `fbsync`."""
    door, *arguments = sys.argv[1:]
    if door == LATER:
        now = time.time
        time.time = lambda: now() + LATER_SECONDS
    elif door in STOPS:
        _arm(*STOPS[door], signal.SIGSTOP)
    else:
        _arm(*DOORS[door], signal.SIGKILL)
    sys.argv = ["fbsync", *arguments]
    from fbsync.cli import main

    main()


def _arm(module: str, path: str, moment: str, count: int, number: signal.Signals) -> None:
    owner: Any = import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    method: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def crash(*args: Any, **options: Any) -> Any:
        nonlocal calls
        if moment == "before" and calls + 1 == count:
            os.kill(os.getpid(), number)
        found = method(*args, **options)
        # A call that found nothing to do, such as a claim without due pages, is none.
        calls += not (isinstance(found, Sized) and len(found) == 0)
        if moment == "after" and calls == count:
            os.kill(os.getpid(), number)
        return found

    setattr(owner, name, crash)


if __name__ == "__main__":
    main()
