"""Listeners and workers that are killed again and again under load; nothing may be lost.

    python -m tests.kill_loop --target listener --kills 300
    python -m tests.kill_loop --target worker --kills 300
    python -m tests.kill_loop --target cluster --kills 100 --database postgresql --seed 7

`listener` kills a listener with its worker at random moments, `worker` two of three workers at each
point of witness.py and at random moments, `cluster` any of two listeners and four workers while
PostgreSQL is restarted by immediate shutdowns. It prints what it found; 1 is the status of a fault.
What is left to chance follows the seed that it prints; how the processes interleave does not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from signal import SIGQUIT, SIGTERM

from cryptography.fernet import Fernet
from sqlalchemy import select

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.inbox import DatabaseInbox
from fbsync.database.schema import deliveries
from fbsync.page import PageId
from fbsync.ports import etag_of, history_key, page_key
from fbsync.sandbox.world import World
from fbsync.store.directory import DirectoryStore
from tests import servers
from tests.actors import LISTEN, LISTEN_ONLY, WORK, Actor, a_point
from tests.buckets import keys_in
from tests.fbsync_process import environ_of
from tests.ports import free_port
from tests.servers import PostgresCluster, Sandbox, wait_until
from tests.signed_load import SignedLoad
from tests.witness import NEVER
from tests.witness_log import TAKEOVER_SECONDS, Findings, examine, read_log

APP_ID, APP_SECRET = "123456789012345", "0123456789abcdef" * 2
PAGES = 300  # a dead worker's claim keeps up to 50 of them for the length of its lease
QUIET_SECONDS = 180.0
CASTS = {
    "listener": [LISTEN],
    "worker": [LISTEN_ONLY, WORK, WORK, WORK],
    "cluster": [LISTEN_ONLY] * 2 + [WORK] * 4,
}


@dataclass
class Result:
    """What a loop did and found."""

    kills: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    acknowledged: int = 0
    answers: int = 0
    findings: Findings = field(default_factory=Findings)
    faults: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"kills: {self.kills.total()} ({dict(self.kills)})"
        if self.restarts:
            yield f"immediate restarts of PostgreSQL: {self.restarts}"
        yield f"answered with 200: {self.answers}, of distinct bodies: {self.acknowledged}"
        yield f"claims: {self.findings.claims}, versions: {self.findings.versions}"
        count, longest = len(self.findings.takeovers), self.findings.longest_takeover
        yield f"pages taken over: {count}, the slowest after {longest:.1f} s"
        yield from (f"FAULT: {fault}" for fault in self.faults)
        yield "no faults" if not self.faults else f"{len(self.faults)} faults"


class KillLoop:
    """One loop in one folder: the sandbox, the cast and the load."""

    def __init__(
        self,
        folder: Path,
        target: str,
        sandbox: Sandbox,
        cluster: PostgresCluster | None,
        seed: int,
    ) -> None:
        self._folder, self._seed = folder, seed
        self._chance = Random(seed)  # noqa: S311 - no secret
        self._target, self._sandbox, self._cluster = target, sandbox, cluster
        self.url = cluster.server.new_database() if cluster else sqlite_url(folder / "f.sqlite3")
        self._store = DirectoryStore(folder / "store", "facebook")
        self._environ = environ_of(
            {
                "FACEBOOK_APP_ID": APP_ID,
                "FACEBOOK_APP_SECRET": APP_SECRET,
                "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
                "FACEBOOK_GRAPH_URL": sandbox.url,
                "FACEBOOK_REDIRECT_URI": f"http://localhost:{free_port()}/facebook/callback",
                "FBSYNC_DATABASE_URL": self.url,
                "FBSYNC_TOKEN_KEY": Fernet.generate_key().decode(),
                "FBSYNC_STORE_DIR": str(folder / "store"),
            }
        )
        self._actors: list[Actor] = []
        self._result = Result()

    def run(self, kills: int) -> Result:
        """Kill so often, let all come to its end, and look."""
        self._log_in()
        pages = list(self._sandbox.world.page_ids)
        self._actors = [self._start(role, free_port()) for role in CASTS[self._target]]
        self._await_start()
        ports = [actor.port for actor in self._actors if actor.role != WORK]
        connections = 8 if self._target == "worker" else 64
        try:
            with SignedLoad(
                ports,
                APP_SECRET,
                pages,
                self._rename,
                Random(self._seed),  # noqa: S311 - no secret; its own, as it has its own thread
                connections=connections,
            ) as load:
                while self._result.kills.total() < kills:
                    self._disturb()
                self._disarm()
            self._await_quiet()
            self._end()
        finally:
            for actor in self._actors:
                actor.kill()
        self._result.acknowledged, self._result.answers = len(load.acknowledged), load.answers
        self._examine(pages, load.acknowledged)
        return self._result

    def _rename(self, page: str, name: str) -> None:
        self._sandbox.world.edit(page, {"name": name})

    def _disturb(self) -> None:
        """One kill at random, or one restart of PostgreSQL; whoever died is replaced."""
        self._sandbox.world.call_count = 0  # else the sandbox's limits would be used up
        time.sleep(self._chance.uniform(0, 1.5))
        if self._cluster and self._chance.random() < 0.1:
            self._await_start()
            self._cluster.stop(SIGQUIT)
            self._cluster.start(fsync=True)
            self._result.restarts += 1
            return
        victims = [actor for actor in self._actors if self._is_victim(actor)]
        if victims:
            self._kill(self._chance.choice(victims))
        for at, actor in enumerate(self._actors):
            if actor.is_dead:
                self._note_death(actor)
                self._actors[at] = self._start(
                    actor.role, actor.port, a_point(actor.role, self._chance)
                )

    def _is_victim(self, actor: Actor) -> bool:
        """Those with a point of their own die there."""
        return self._may_die(actor) and actor.point == NEVER and actor.is_up

    def _may_die(self, actor: Actor) -> bool:
        """Beside workers that die, one lives on, so that each takeover can be timed."""
        return self._target != "worker" or actor in self._actors[2:]

    def _kill(self, victim: Actor) -> None:
        at = victim.kill()
        with open(self._folder / "witness.log", "a", encoding="utf-8") as log:
            log.write(f"{at:.6f} {victim.process.pid} killed - -\n")

    def _note_death(self, actor: Actor) -> None:
        self._result.kills[actor.death] += 1
        if self._result.kills.total() % 25 == 0:
            print(f"{self._result.kills.total()} kills", file=sys.stderr, flush=True)

    def _disarm(self) -> None:
        """From now on nobody dies."""
        for at, actor in enumerate(self._actors):
            if actor.point != NEVER or actor.is_dead:
                self._kill(actor)
                self._note_death(actor)
                self._actors[at] = self._start(actor.role, actor.port)
        self._await_start()

    def _start(self, role: str, port: int, point: str = NEVER) -> Actor:
        return Actor(role, port, self._folder, self._environ, self._chance, point)

    def _await_start(self) -> None:
        wait_until(lambda: all(actor.is_up for actor in self._actors), "the start of all")

    def _log_in(self) -> None:
        with open(self._folder / "login.log", "wb") as log:
            subprocess.run(
                [sys.executable, "-m", "fbsync", "login", "--only"],
                env=self._environ,
                stdout=log,
                stderr=log,
                check=True,
            )

    def _await_quiet(self) -> None:
        """Until all that is marked is settled."""
        with closing(Database(self.url)) as database:
            inbox = DatabaseInbox(database)
            wait_until(lambda: inbox.status().waiting == 0, "the quiet", QUIET_SECONDS)

    def _end(self) -> None:
        for actor in self._actors:
            actor.process.send_signal(SIGTERM)
        for actor in self._actors:
            status = actor.process.wait(30)
            if status != 0:
                self._result.faults.append(f"{actor.role} ended with {status} after SIGTERM")

    def _examine(self, pages: list[str], acknowledged: set[str]) -> None:
        result = self._result
        result.findings = examine(read_log((self._folder / "witness.log").read_text()))
        result.faults += result.findings.faults
        slow = result.findings.longest_takeover
        # Elsewhere it may be that nobody is there to take over, as all of them can be dead.
        if slow > TAKEOVER_SECONDS and self._target == "worker":
            result.faults.append(f"a takeover took {slow:.1f} s")
        with closing(Database(self.url)) as database:
            with database.read() as connection:
                kept = set(connection.execute(select(deliveries.c.digest)).scalars())
            states = DatabaseInbox(database).pages()
        if lost := acknowledged - kept:
            result.faults.append(f"{len(lost)} deliveries were answered with 200 and are lost")
        for key, etag in result.findings.etags.items():
            if etag_of(self._store.get(key) or b"") != etag:
                result.faults.append(f"{key} has other bytes than it was created with")
        keys: dict[str, list[str]] = {}
        for key in keys_in(self._store):
            keys.setdefault(key.partition("/")[0], []).append(key)
        for page in pages:
            last = states[PageId(page)].last if PageId(page) in states else None
            versions = [key for key in keys.get(page, []) if "/history/" in key]
            newest = last.number if last else 0
            result.faults += self._examine_store(PageId(page), newest, versions)

    def _examine_store(self, page: PageId, newest: int, keys: list[str]) -> Iterator[str]:
        """The page is as the sandbox has it, and its history ends with that, without a gap."""
        if keys != [history_key(page, number + 1) for number in range(newest)]:
            yield f"page {page} has the versions {keys}, not 1 to {newest}"
        truth = self._sandbox.world.page(page) or {}
        stored = json.loads(self._store.get(page_key(page)) or b"{}")
        if keys and {name: truth.get(name) for name in stored} != stored:
            yield f"page {page} is stored as {stored.get('name')}, and is {truth.get('name')}"
        if keys and json.loads(self._store.get(keys[-1]) or b"{}").get("snapshot") != stored:
            yield f"page {page}: its newest version is not the page"


@contextmanager
def kill_loop(
    folder: Path, target: str, database: str, page_count: int = PAGES, seed: int | None = None
) -> Iterator[KillLoop]:
    """The loop with all its servers; `database` is "sqlite" or "postgresql"."""
    if seed is None:
        seed = SystemRandom().randrange(2**32)
    print(f"seed: {seed}", flush=True)
    world = World(page_count=page_count, app_id=APP_ID, app_secret=APP_SECRET, auto_consent=True)
    with ExitStack() as stack:
        cluster = None
        if database == "postgresql":
            cluster = stack.enter_context(servers.postgresql_cluster())
            cluster.start(fsync=True)
        sandbox = stack.enter_context(servers.sandbox(world))
        yield KillLoop(folder, target, sandbox, cluster, seed)


def main() -> None:
    """Read the options, run the loop, print what it found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--target", choices=list(CASTS), required=True)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="fbsync-kill-")
    print(f"Logs, database and store: {folder}", flush=True)
    with kill_loop(Path(folder), given.target, given.database, seed=given.seed) as loop:
        result = loop.run(given.kills)
    print("\n".join(result.lines()))
    sys.exit(1 if result.faults else 0)


if __name__ == "__main__":
    main()
