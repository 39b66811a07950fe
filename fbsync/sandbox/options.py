"""What the sandbox is started with, and the world that follows from it."""

from dataclasses import dataclass, field
from pathlib import Path

from fbsync.sandbox.seeded import seeded_faults
from fbsync.sandbox.state_file import StateError, StateFile
from fbsync.sandbox.switches import read_settings
from fbsync.sandbox.world import World

MAX_PAGES = 100_000


class SandboxError(Exception):
    """The sandbox cannot start; the text says why, and what to do."""


class WrongOption(SandboxError):
    """Wrong usage: an option's value cannot be."""


@dataclass(frozen=True)
class Options:
    """As on the command line; `app_id` and `app_secret` come from the environment.

    `until_stdin_ends`: stop as well once nobody holds the other end of standard input.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    pages: int = 3
    auto_consent: bool = False
    state: Path | None = None
    faults: int | None = None
    switches: tuple[str, ...] = ()
    app_id: str | None = None
    app_secret: str | None = field(default=None, repr=False)
    until_stdin_ends: bool = False

    @property
    def state_file(self) -> StateFile | None:
        """Where the state is kept."""
        return StateFile(self.state) if self.state else None

    def world(self) -> World:
        """The world of the state file, else a new one. Raises SandboxError."""
        if not 0 <= self.port <= 65535 or not 0 <= self.pages <= MAX_PAGES:
            raise WrongOption(f"--port goes up to 65535, --pages up to {MAX_PAGES}.")
        try:
            kept = self.state_file.load() if self.state_file else None
            world = kept or World(page_count=self.pages)
            world.switches.set(read_settings(list(self.switches)))
        except StateError as error:
            raise SandboxError(str(error)) from None
        except ValueError as error:
            raise WrongOption(f"--switch: {error}; --help lists all.") from None
        world.auto_consent = self.auto_consent
        world.app_id = self.app_id or world.app_id
        world.app_secret = self.app_secret or world.app_secret
        is_new = world.seeded is None or world.seeded.seed != self.faults
        if self.faults is not None and is_new:
            world.seeded = seeded_faults(self.faults)
        return world
