"""bench/sync: what `fbsync sync` takes, for pages that are new, unchanged, or changed by 1 in 100.

Each run is the real command as a process of its own, on a sandbox, with SQLite, and with each of
two stores: a local folder, and a bucket on SeaweedFS. The rivals in bench.sync_rivals run in the
same rounds, on the same sandbox and server. Graph calls are counted by the sandbox, store requests
by SeaweedFS, memory and processor time by the kernel.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import machine
from bench.measured import Measured, measure
from bench.seaweedfs import BUCKET, SeaweedFS, seaweedfs
from bench.stage import Stage, stage
from bench.sync_rivals import Order
from bench.sync_table import COLUMNS, Run, goals, rows
from bench.table import markdown
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.token_key import read_key_file
from fbsync.database.vault import Vault
from fbsync.hallway.refresh import UPLOAD_THREADS
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_graph

PAGES = (100, 1_000, 10_000, 100_000)
_EDITED_AT_ONCE = 500
_UNLIMITED = {"app_call_limit": 1_000_000_000, "page_call_limit": 1_000_000_000}
"""Else the sandbox counts calls against invented limits, and fbsync slows down."""


@dataclass(frozen=True)
class Round:
    """One round on one stage: every kind of run, in turn.

    Once each, but for `pairs` of "unchanged" and "hashing", as they are short.
    """

    on: Stage
    server: SeaweedFS
    number: int
    user_token: str
    fields: str
    pairs: int

    def runs(self, with_tutorial: bool) -> Iterator[Run]:
        """All runs of the round. The bare puts put what the first sync put into the folder."""
        yield self._sync("first", "folder")
        first = [self._first_to_bucket, self._puts]
        for run in first if self.number % 2 else reversed(first):
            yield run()
        if with_tutorial:
            yield self._rival("tutorial", "bucket")
        unchanged = [self._unchanged_in_bucket, self._hashing]
        for pair in range(self.number, self.number + self.pairs):
            for run in unchanged if pair % 2 else reversed(unchanged):
                yield run()
        yield self._sync("unchanged", "folder")
        self._edit_some()
        yield self._sync("1 % changed", "folder")
        yield self._sync("1 % changed", "bucket")
        shutil.rmtree(self._folder)

    def _first_to_bucket(self) -> Run:
        return self._sync("first", "bucket")

    def _unchanged_in_bucket(self) -> Run:
        return self._sync("unchanged", "bucket")

    def _puts(self) -> Run:
        return self._rival("puts", "bucket")

    def _hashing(self) -> Run:
        return self._rival("hashing", "")

    @property
    def _folder(self) -> Path:
        return self.on.folder / f"round-{self.number}"

    def _sync(self, name: str, store: str) -> Run:
        environ = dict(self.on.environ) | {"FBSYNC_DATABASE_URL": self._database(store)}
        if store == "folder":
            environ["FBSYNC_STORE_DIR"] = str(self._folder / "store")
        else:
            del environ["FBSYNC_STORE_DIR"]
            environ |= self.server.settings(f"{len(self.on.page_ids)}-{self.number}")
        return self._run(name, store, [sys.executable, "-m", "fbsync", "sync", "--json"], environ)

    def _database(self, store: str) -> str:
        """A copy of the one that the login left, for each store of the round."""
        copy = self._folder / store / "fbsync.sqlite3"
        if not copy.exists():
            copy.parent.mkdir(parents=True)
            for name in ("fbsync.sqlite3", "token.key"):
                shutil.copy(self.on.folder / name, copy.parent / name)
        return sqlite_url(copy)

    def _rival(self, name: str, store: str) -> Run:
        order = Order(
            graph=f"{self.on.environ['FACEBOOK_GRAPH_URL']}/v26.0",
            fields=self.fields,
            app_id=self.on.environ["FACEBOOK_APP_ID"],
            app_secret=self.on.app_secret,
            user_token=self.user_token,
            endpoint=self.server.s3.endpoint,
            bucket=BUCKET,
            access_key=self.server.s3.access_key,
            secret_key=self.server.s3.secret_key,
            prefix=f"{len(self.on.page_ids)}-{self.number}-{name}",
            files=str(self._folder / "store" / "facebook"),
            threads=UPLOAD_THREADS,
        )
        command = [sys.executable, "-m", "bench.sync_rivals", name]
        return self._run(name, store, command, self.on.environ, json.dumps(asdict(order)))

    def _run(
        self,
        name: str,
        store: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        given: str = "",
    ) -> Run:
        before = sum(self.server.requests().values())
        with self.on.sandbox() as sandbox:
            sandbox.delete("/_sandbox/calls").raise_for_status()
            took = measure(command, environ, given)
            counted = sandbox.get("/_sandbox/calls").json()
        return Run(
            pages=len(self.on.page_ids),
            round=self.number,
            name=name,
            store=store,
            requests=counted["requests"],
            calls=counted["calls"],
            store_requests=sum(self.server.requests().values()) - before,
            seconds=_work_seconds(took) if given else took.seconds,
            processor_seconds=took.processor_seconds,
            peak_mib=took.peak_mib,
        )

    def _edit_some(self) -> None:
        ids = self.on.page_ids[::100]
        with self.on.sandbox() as sandbox:
            for start in range(0, len(ids), _EDITED_AT_ONCE):
                some = ids[start : start + _EDITED_AT_ONCE]
                edits = {page: {"about": f"As of round {self.number}."} for page in some}
                sandbox.post("/_sandbox/pages", json=edits).raise_for_status()


def _work_seconds(took: Measured) -> float:
    """Of a rival, which tells it: its start does not count against it."""
    return float(took.out)


@contextmanager
def rounds(pages: int, server: SeaweedFS, pairs: int) -> Iterator[tuple[Stage, Iterator[Round]]]:
    """A stage with so many pages, and any number of rounds on it."""
    with stage(pages) as on:
        with on.sandbox() as sandbox:
            sandbox.post("/_sandbox/switches", json=_UNLIMITED).raise_for_status()
        token = _user_token(on)
        with reading(on.environ) as env:
            fields = ",".join(read_graph(env).page_fields)
        yield (
            on,
            (Round(on, server, number, token, fields, pairs) for number in range(1, sys.maxsize)),
        )


def _user_token(on: Stage) -> str:
    with closing(Database(on.database_url)) as database:
        (user,) = Vault(database, read_key_file(on.folder / "token.key")).users()
    return user.token


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(prog="bench/sync", description=__doc__)
    parser.add_argument("--pages", type=int, action="append", help=f"default: {PAGES}; repeatable")
    parser.add_argument("--rounds", type=int, default=3, help="with each number of pages")
    parser.add_argument(
        "--pairs", type=int, default=5, help="of an unchanged poll and of hashing, in each round"
    )
    parser.add_argument(
        "--tutorial-up-to", type=int, default=1_000, help="pages; it takes long for more"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    found: list[Run] = []
    with seaweedfs() as server:
        for pages in given.pages or PAGES:
            with rounds(pages, server, given.pairs) as (on, made):
                about = machine.describe(on.folder)
                for _ in range(given.rounds):
                    found += next(made).runs(with_tutorial=pages <= given.tutorial_up_to)
    if given.json:
        told = [asdict(run) for run in found]
        print(json.dumps({"machine": about, "plan": vars(given), "runs": told}, indent=2))
        return
    print(markdown(COLUMNS, rows(found)))
    print("\n".join(goals(found)))


if __name__ == "__main__":
    main()
