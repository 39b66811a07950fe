"""Pages that did not work at once, and the further tries that a sync gives them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fbsync.hallway.refresh import Outcome
from fbsync.page import PageId
from fbsync.patience import Patience, due_together
from fbsync.wording import counted


class PutOffPages:
    """What became of each so far. Its callers see to it that no two threads use it at once.

    `say` is told when the waiting begins.
    """

    def __init__(self, patience: Patience, say: Callable[[str], None]) -> None:
        self._patience = patience
        self._say = say
        self._outcomes: dict[PageId, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """One more, or the next outcome of one."""
        self._outcomes[outcome.page_id] = outcome

    def remove(self, page: PageId) -> bool:
        """Whether it was among them."""
        return self._outcomes.pop(page, None) is not None

    def wait(self, again: Callable[[Sequence[PageId]], None]) -> list[Outcome]:
        """Try each `again` when it is due, as long as patience lasts; what it adds, too.

        The outcomes of those that did not work until then.
        """
        waiting = self._patience.begin()
        if self._outcomes and self._patience.seconds:
            first, seconds = next(iter(self._outcomes.values())), self._patience.seconds
            self._say(
                f"{counted(len(self._outcomes), 'page')} did not work at once; trying again for up"
                f" to {seconds:.0f} seconds. {first.reason}"
            )
        while self._outcomes:
            until = due_together([_due(outcome) for outcome in self._outcomes.values()])
            if not waiting.pause(until):
                break
            due = [page for page, outcome in self._outcomes.items() if _due(outcome) <= until]
            for page in due:
                del self._outcomes[page]
            again(due)
        return list(self._outcomes.values())


def _due(outcome: Outcome) -> datetime:
    return outcome.retry_at or datetime.now(UTC)
