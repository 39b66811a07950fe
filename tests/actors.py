"""The processes of a kill loop: `fbsync` under a witness, each with a log of its own."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from signal import SIGKILL

from tests.witness import NEVER, POINTS

LISTEN, LISTEN_ONLY, WORK = "listen", "listen --no-worker", "worker"
_UP = {LISTEN: b"Listening on", LISTEN_ONLY: b"Listening on", WORK: b"Mirroring marked pages"}
_FEW = ("after the claim", "after the read")  # points that a worker passes once a batch


class Actor:
    """One process; it dies by itself at its point, or never."""

    def __init__(
        self,
        role: str,
        port: int,
        folder: Path,
        environ: Mapping[str, str],
        chance: Random,
        point: str = NEVER,
    ) -> None:
        self.role, self.port, self.point = role, port, point
        count = chance.randint(1, 2 if point in _FEW else 60)
        armed = ["tests.witness", str(folder / "witness.log"), point, str(count)]
        options = ["--port", str(port)] if role != WORK else []
        self.log = folder / f"{role.partition(' ')[0]}-{time.monotonic_ns()}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *armed, *role.split(), *options],
                env=environ,
                stdout=log,
                stderr=log,
            )

    @property
    def is_dead(self) -> bool:
        """Whether it was killed. Raises AssertionError where it ended in another way."""
        status = self.process.poll()
        assert status in (None, -SIGKILL), f"{self.role} ended with {status}, see {self.log}"
        return status is not None

    @property
    def is_up(self) -> bool:
        """Whether it has started, or is dead already."""
        return self.is_dead or _UP[self.role] in self.log.read_bytes()

    @property
    def death(self) -> str:
        """How it died or will die, for people."""
        return f"{self.role}, at random" if self.point == NEVER else f"{self.role}, {self.point}"

    def kill(self) -> float:
        """Kill it now; when that was."""
        at = time.monotonic()
        self.process.kill()
        self.process.wait()
        return at


def a_point(role: str, chance: Random) -> str:
    """Where an actor of this role shall die; listeners die at random moments only."""
    return chance.choice((*POINTS, NEVER)) if role == WORK else NEVER
