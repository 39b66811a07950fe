"""The command `fbsync diff`."""

from __future__ import annotations

import typer

from fbsync.console import Console
from fbsync.parameters import AVersion, EnvFile, JsonFlag, OnePage, environ_of, one_page


def diff(
    context: typer.Context,
    page: OnePage,
    a: AVersion = None,
    b: AVersion = None,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Show what changed from version A to B, field by field.

    Without B to the newest version, and without both from the one before it.
    """
    wanted = one_page(page)
    environ = environ_of(context, env_file)
    from fbsync.difference_report import differences_as_json, show_differences
    from fbsync.mirror_place import mirror_at

    found = mirror_at(environ).differences(wanted, a, b)
    console = Console()
    if as_json:
        console.json(differences_as_json(wanted, found))
    else:
        show_differences(console, wanted, found)
