"""The commands of `fbsync`, each loaded when it is asked for.

`fbsync sync` pays for its own command alone: building all of them takes 20 ms of every start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup

# In the order of the help. Each is a function, or a Typer if it has commands or a help of its own.
PLACES = {
    "login": "login:login",
    "subscribe": "subscribe:subscribe",
    "listen": "listen:listen",
    "worker": "worker:worker",
    "test-webhook": "test_webhook:probe_webhook",
    "sync": "sync:sync",
    "pages": "pages:pages",
    "history": "history:history",
    "diff": "diff:diff",
    "show": "show:show",
    "status": "status:status",
    "events": "events:events",
    "logout": "logout:logout",
    "doctor": "doctor:doctor",
    "sandbox": "sandbox:app",
    "demo": "demo:demo",
}


class LoadedWhenAsked(Mapping[str, Any]):
    """Commands by name, as typer's groups keep them. The names and their number load nothing."""

    def __init__(self) -> None:
        """None is loaded yet."""
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """The command, ready to be called. Raises KeyError."""
        if name not in self._loaded:
            self._loaded[name] = _load(name, PLACES[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        """The names, in the help's order."""
        return iter(PLACES)

    def __len__(self) -> int:
        """How many there are."""
        return len(PLACES)


class CommandGroup(TyperGroup):
    """The group that `fbsync` itself is."""

    def __init__(self, **settings: Any) -> None:
        """See typer."""
        super().__init__(**settings)
        self.commands = cast(Any, LoadedWhenAsked())  # typer reads it, and never adds to it


def _load(name: str, place: str) -> Any:
    """One command, built by typer."""
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"fbsync.commands.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command()(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = name
    return command
