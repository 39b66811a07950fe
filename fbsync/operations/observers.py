"""Whom a long-running command tells of its work: its metrics of all, its log of what fits."""

from collections.abc import Sequence

from fbsync import __version__
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome
from fbsync.logs.log import Log
from fbsync.notice import Notice
from fbsync.operations.metrics import Metrics, total
from fbsync.page import PageId


class Observers:
    """Both at once. Its methods never wait, and may be called from any thread."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.metrics = Metrics(__version__)
        text = "Lines of the log that nobody took."
        self.metrics.also(total("fbsync_log_lines_lost", text, lambda: log.dropped))

    def request(self, notice: Notice) -> None:
        """A request to the listener."""
        self.metrics.request(notice)
        self.log.request(notice)

    def missed(self, page: PageId, number: int, fields: Sequence[str]) -> None:
        """No webhook told of a change; a poll found it."""
        self.metrics.missed_webhook()
        told = f"page {page}  version {number}: no webhook told of {', '.join(fields)}"
        self.log.say(told, "missed", "warning")

    def outcome(self, found: Outcome | FbsyncError) -> None:
        """What the worker did."""
        self.metrics.outcome(found)
        self.log.outcome(found)
