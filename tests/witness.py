"""`fbsync` that writes down what it does to pages, and that may die at the nth pass of a point.

    python -m tests.witness LOG "before the finish" 7 worker

Each line has the time (one clock for all processes), the process, what was done and the page. It is
in the system's hands when it is written, so a kill leaves what was done before it.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from fbsync.database.inbox import DatabaseInbox
from fbsync.page_reads import PageReads
from fbsync.ports import etag_of
from fbsync.store.directory import DirectoryStore

POINTS = (
    "after the claim",
    "after the read",
    "between the puts",
    "before the finish",
    "after the finish",
)
NEVER = "never"


class Witness:
    """Armed once in a process; `point` and `count` say at which pass of which point it dies."""

    def __init__(self, file: str, point: str, count: int) -> None:
        self._log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._point = point
        self._left = count

    def arm(self) -> None:
        """From now on, note all that concerns pages."""
        self._watch(DatabaseInbox, "claim", self._claiming, self._claimed)
        self._watch(DatabaseInbox, "finish", self._finishing, self._finished)
        for verb in ("retry", "park", "release"):
            self._watch(DatabaseInbox, verb, self._giving_back, self._gave_back)
        self._watch(DirectoryStore, "create", self._putting, self._created)
        self._watch(DirectoryStore, "put", self._putting)
        self._watch(PageReads, "read", after=lambda args, found: self._pass("after the read"))

    def _watch(
        self,
        owner: type,
        name: str,
        before: Callable[[Any], None] = lambda args: None,
        after: Callable[[Any, Any], None] = lambda args, found: None,
    ) -> None:
        method = getattr(owner, name)

        def watched(*args: Any, **options: Any) -> Any:
            before(args)
            found = method(*args, **options)
            after(args, found)
            return found

        setattr(owner, name, watched)

    def _claiming(self, _args: Any) -> None:
        self._note("claiming", "-")

    def _claimed(self, _args: Any, claims: Any) -> None:
        self._note("claimed", "-")
        for claim in claims:
            self._note("claim", claim.page_id)
        if claims:
            self._pass("after the claim")

    def _putting(self, args: Any) -> None:
        page, *folders, name = args[1].split("/")
        if not folders and name == "page_data.json":
            self._pass("between the puts")
        self._note("put", page)

    def _created(self, args: Any, is_there: Any) -> None:
        _, key, body = args
        if is_there:
            self._note("created", key.partition("/")[0], f"{key}={etag_of(body)}")

    def _finishing(self, args: Any) -> None:
        self._note("finishing", args[1].page_id)
        self._pass("before the finish")

    def _finished(self, args: Any, _found: Any) -> None:
        _, claim, stored = args
        is_new = stored is not None and (claim.last is None or stored.number > claim.last.number)
        self._note("finished", claim.page_id, str(stored.number) if is_new else "-")
        self._pass("after the finish")

    def _giving_back(self, args: Any) -> None:
        self._note("giving-back", args[1].page_id)

    def _gave_back(self, args: Any, _found: Any) -> None:
        self._note("gave-back", args[1].page_id)

    def _note(self, what: str, page: str, detail: str = "-") -> None:
        line = f"{time.monotonic():.6f} {os.getpid()} {what} {page} {detail}\n"
        os.write(self._log, line.encode())

    def _pass(self, point: str) -> None:
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            self._note("killed", "-")
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Arm, then be `fbsync`."""
    file, point, count, *arguments = sys.argv[1:]
    Witness(file, point, int(count)).arm()
    sys.argv = ["fbsync", *arguments]
    from fbsync.cli import main

    main()


if __name__ == "__main__":
    main()
