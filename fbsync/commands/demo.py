"""The command `fbsync demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.console import Console
from fbsync.exit_status import FAILED
from fbsync.parameters import EnvFile, JsonFlag, environ_of
from fbsync.settings.environment import reading
from fbsync.settings.store import read_store


def demo(
    context: typer.Context,
    spaces: Annotated[
        bool, typer.Option("--spaces", help="Write to the bucket of the SPACES_ settings.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Play the whole story against the sandbox: log in, subscribe, mirror, see a change arrive."""
    store = None
    if spaces:
        environ = environ_of(context, env_file)
        with reading(environ) as env:
            env.require("SPACES_BUCKET", "my-bucket")
            store = read_store(env)
    from fbsync.demo import play

    console = Console(quiet_results=as_json)
    story = play(console, store)
    if as_json:
        console.json(story.as_json())
    raise typer.Exit(0 if story.checklist.ok else FAILED)
