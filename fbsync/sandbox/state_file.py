"""The state in a file, so that tokens given out before still work after a new start.

The file is the sandbox's own business: its form may change, and it holds the invented secrets.
"""

import json
import os
import threading
from pathlib import Path

from fbsync.sandbox.plain import from_plain, to_plain
from fbsync.sandbox.world import World


class StateError(Exception):
    """The text says what is wrong with the file, and what to do."""


class StateFile:
    """JSON, readable by its owner alone (0600); always whole, as a new one replaces the old."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def load(self) -> World | None:
        """The world as it was; None where there is no file. Raises StateError."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(self._explained("cannot be read", error)) from None
        try:
            world: World = from_plain(World, json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise StateError(
                f"{self._path} is no state of a sandbox.\nRemove it, or choose another --state."
            ) from None
        return world

    def save(self, world: World) -> None:
        """Write the world. Raises StateError."""
        with self._lock:
            with world.lock:
                text = json.dumps(to_plain(world), indent=1)
            temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
            try:
                temporary.unlink(missing_ok=True)
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self._path)
            except OSError as error:
                raise StateError(self._explained("cannot be written", error)) from None

    def _explained(self, what: str, error: OSError) -> str:
        return f"{self._path} {what}: {error.strerror}.\nChoose another --state."
