"""bench/drain: from waiting events to stored versions in the directory store.

The worker's own parts run in this process, one claim after another; the sandbox is a process beside
it on the same machine. With --distinct the pages are invented, as no sandbox has a million: then
database and store are real, and only the read is not.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bench import machine
from bench.backlog import fill, invented_ids
from bench.memory import resident_mib
from bench.stage import Stage, stage
from bench.table import markdown
from fbsync.graph.pace import EVENTS
from fbsync.hallway.refresh import Reading, Refresher
from fbsync.page import PageId, PageSnapshot
from fbsync.patience import WORKER_PATIENCE
from fbsync.ports import ReadPages
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_graph
from fbsync.settings.store import read_store
from fbsync.store.place import open_store
from fbsync.wiring import Access, open_access

_EDITED_AT_ONCE = 500


@dataclass(frozen=True)
class Drained:
    """One drain. `requests` and `calls` are those of the Graph API, as the sandbox counts them."""

    name: str
    events: int
    pages: int
    versions: int
    fill_seconds: float
    seconds: float
    requests: int
    calls: int
    memory_mib: float


class Drain:
    """A stage, and the worker's parts on it."""

    def __init__(self, on: Stage, access: Access, make: Callable[[ReadPages], Refresher]) -> None:
        self._on = on
        self._access = access
        self._make = make
        self._recorded = 0

    def of_stage(self, name: str, events: int) -> Drained:
        """All pages of the sandbox change; so many events about them wait and are drained."""
        self._edit_all(name)
        return self._run(name, self._on.page_ids, events, self._access.read_pages, None)

    def of_invented(self, name: str, events: int, sample: int) -> Drained:
        """Each event about another page; a sample of them is drained."""
        return self._run(name, invented_ids(events), events, _invent, sample)

    def _run(
        self,
        name: str,
        page_ids: Sequence[str],
        events: int,
        read: ReadPages,
        most: int | None,
    ) -> Drained:
        begun = time.perf_counter()
        fill(self._on.database_url, page_ids, events, self._recorded)
        self._recorded += events
        filled = time.perf_counter()
        with self._on.sandbox() as sandbox:
            sandbox.delete("/_sandbox/calls").raise_for_status()
            refresher, pages, versions = self._make(read), 0, 0
            while (most is None or pages < most) and (outcomes := refresher.refresh()):
                pages += len(outcomes)
                versions += sum(outcome.kind == "stored" for outcome in outcomes)
            ended = time.perf_counter()
            counted = sandbox.get("/_sandbox/calls").json()
        return Drained(
            name=name,
            events=events,
            pages=pages,
            versions=versions,
            fill_seconds=filled - begun,
            seconds=ended - filled,
            requests=counted["requests"],
            calls=counted["calls"],
            memory_mib=resident_mib(),
        )

    def _edit_all(self, text: str) -> None:
        ids = self._on.page_ids
        with self._on.sandbox() as sandbox:
            for start in range(0, len(ids), _EDITED_AT_ONCE):
                some = ids[start : start + _EDITED_AT_ONCE]
                edits = {page: {"description": f"As of {text}."} for page in some}
                sandbox.post("/_sandbox/pages", json=edits).raise_for_status()


def _invent(page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
    now = datetime.now(UTC)
    return {
        page: PageSnapshot(page, {"id": page, "name": f"Page {page}"}, now, "v26.0")
        for page in page_ids
    }


@contextmanager
def drain(on: Stage) -> Iterator[Drain]:
    """The worker's parts, with the stage's settings."""
    with reading(on.environ) as env:
        app, graph = read_app(env), read_graph(env)
        database, store = read_database(env), read_store(env)
    patience = WORKER_PATIENCE
    with open_access(
        app,
        graph,
        database,
        warn=print,
        patience=patience,
        lane=EVENTS,
        warn_of_expiry=False,
        makes_database=True,
    ) as access:
        opened = open_store(store, app.app_id)
        yield Drain(on, access, lambda read: Refresher(access.inbox, opened, read))


COLUMNS = (
    *("drain", "events", "pages", "versions", "recorded in", "drained in", "pages/s", "events/s"),
    *("Graph requests", "calls per event", "memory"),
)


def row(found: Drained) -> list[str]:
    """One drain in the table. The events of pages that were not drained do not count."""
    share = found.events if found.requests else found.pages
    return [
        found.name,
        f"{found.events:,}",
        f"{found.pages:,}",
        f"{found.versions:,}",
        f"{found.fill_seconds:.1f} s",
        f"{found.seconds:.1f} s",
        f"{found.pages / found.seconds:,.0f}",
        f"{share / found.seconds:,.0f}",
        f"{found.requests:,}" if found.requests else "–",
        f"{found.calls / found.events:.4f}" if found.requests else "–",
        f"{found.memory_mib:.0f} MiB",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="bench/drain", description=__doc__)
    parser.add_argument("--pages", type=int, default=1_000, help="of the sandbox")
    parser.add_argument("--burst", type=int, default=10, help="events for each page in a burst")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the great backlog")
    parser.add_argument("--distinct", type=int, default=1_000_000, help="pages that are invented")
    parser.add_argument("--sample", type=int, default=5_000, help="of these that are drained")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    with stage(given.pages) as on, drain(on) as draining:
        about = machine.describe(on.folder)
        found = [
            draining.of_stage("first copies", given.pages),
            draining.of_stage("one event a page", given.pages),
            draining.of_stage("a burst", given.pages * given.burst),
            draining.of_stage("a backlog", given.events),
            draining.of_invented("distinct pages", given.distinct, given.sample),
        ]
    if given.json:
        told = [asdict(one) for one in found]
        print(json.dumps({"machine": about, "plan": vars(given), "drains": told}, indent=2))
        return
    print(markdown(COLUMNS, [row(one) for one in found]))


if __name__ == "__main__":
    main()
