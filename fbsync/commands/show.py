"""The command `fbsync show`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fbsync.console import Console
from fbsync.parameters import EnvFile, JsonFlag, OnePage, environ_of, one_page


def show(
    context: typer.Context,
    page: OnePage,
    version: Annotated[
        int | None, typer.Option(min=1, help="This version's entry in the history.")
    ] = None,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Print a page's document as it is stored, byte for byte; on a terminal, coloured."""
    wanted = one_page(page)
    environ = environ_of(context, env_file)
    from fbsync.mirror import document_key
    from fbsync.mirror_place import mirror_at
    from fbsync.version_document import parse_object

    mirror = mirror_at(environ)
    body = mirror.document(wanted, version)
    if body is None:
        if version is not None and mirror.numbers(wanted):
            raise mirror.no_version(wanted, version)
        raise mirror.nothing_of(wanted)
    if as_json:
        document = parse_object(document_key(wanted, version), body)
        Console.json({"page_id": wanted, "version": version, "document": document})
    elif Console().results.is_terminal:
        Console().document(body.decode(errors="replace"))
    else:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
