"""The command `fbsync events`: what the listener has kept."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from fbsync.console import Console
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, environ_of, moment, one_page
from fbsync.settings.database import read_inbox
from fbsync.settings.environment import reading

if TYPE_CHECKING:
    from fbsync.database.delivery_log import KeptDelivery, Wanted
    from fbsync.database.engine import Database

_DEFAULT = "list"

State = Annotated[
    str | None,
    typer.Option("--state", metavar="STATE", help="waiting, handled, failed or dead; any if none."),
]
Page = Annotated[str | None, typer.Option("--page", metavar="ID", help="Events about this page.")]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Received since: so long ago, as 2h, or 2026-11-24T10:00 (UTC)."
    ),
]

Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Received before: a time as with --since.")
]


class ListByDefault(TyperGroup):
    """`fbsync events --state failed` is `fbsync events list --state failed`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See typer."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


events = typer.Typer(
    cls=ListByDefault,
    add_completion=False,
    help="The events that are kept: list, show, replay or export them.",
)


@events.command(_DEFAULT)
def list_events(
    context: typer.Context,
    state: State = None,
    page: Page = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """List the newest events: when they came, their pages, and how far they have come."""
    wanted = _wanted(state, page, since, until)
    with _opened(context, env_file) as database:
        from fbsync.database.delivery_log import DeliveryLog
        from fbsync.delivery_report import event_as_json, show_events

        found = list(islice(DeliveryLog(database).find(wanted), limit + 1))
    more, shown = len(found) > limit, found[:limit]
    console = Console(quiet_results=as_json)
    if as_json:
        console.json({"events": [event_as_json(one) for one in shown], "more": more})
    else:
        show_events(console, shown, more=more)


@events.command()
def show(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="ID", help="Its first 6 characters are enough.")],
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Show all of one event, its body too, which may hold a person's data."""
    prefix = _prefix(event)
    with _opened(context, env_file) as database:
        from fbsync.database.delivery_log import DeliveryLog
        from fbsync.delivery_report import event_as_json, show_event, stands_as_json

        log = DeliveryLog(database)
        found = log.one(prefix)
        stands, body = log.stands(found.number), log.body(found.number) or b""
    console = Console(quiet_results=as_json)
    if as_json:
        console.json(event_as_json(found, body) | stands_as_json(stands, body))
    else:
        show_event(console, found, stands, body)


@events.command()
def replay(
    context: typer.Context,
    event: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All that failed, and all dead letters.")
    ] = False,
    since: Since = None,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Have the pages of these events read again, as if the events had come just now."""
    if bool(event) == bool(failed or since):
        raise typer.BadParameter("say which: ids, or --failed or --since or both of these")
    prefixes = [_prefix(one) for one in event or ()]
    chosen = [_wanted(state, None, since) for state in (("failed", "dead") if failed else (None,))]
    with _opened(context, env_file) as database:
        from fbsync.database.replay import Replay
        from fbsync.delivery_report import replayed_as_json, show_replayed

        found = Replay(database).run(one.number for one in _chosen(database, prefixes, chosen))
    console = Console(quiet_results=as_json)
    if as_json:
        console.json(replayed_as_json(found))
    else:
        show_replayed(console, found)
    raise typer.Exit(NEEDS_ATTENTION if found.still_dead else 0)


@events.command()
def export(
    context: typer.Context,
    state: State = None,
    page: Page = None,
    since: Since = None,
    until: Until = None,
    body: Annotated[
        bool, typer.Option("--body", help="With the raw body of each, in base64.")
    ] = False,
    _as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as in any case.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Print every event as one JSON object a line, newest first, however many there are."""
    wanted = _wanted(state, page, since, until)
    with _opened(context, env_file) as database:
        from fbsync.database.delivery_log import DeliveryLog
        from fbsync.delivery_report import event_as_json

        log = DeliveryLog(database)
        for found in log.find(wanted):
            raw = log.body(found.number) if body else None
            if body and raw is None:
                continue  # pruned or deleted since the walk came by
            line = json.dumps(event_as_json(found, raw))  # ASCII, as Console.json
            sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def _opened(context: typer.Context, env_file: Path | None) -> Iterator[Database]:
    """The database alone: neither Facebook nor the store is asked for anything."""
    with reading(environ_of(context, env_file)) as env:
        place = read_inbox(env)
    from fbsync.database.place import database_url, open_database

    with open_database(database_url(place.app_id, place.url)) as database:
        yield database


def _wanted(
    state: str | None, page: str | None, since: str | None, until: str | None = None
) -> Wanted:
    from fbsync.database.delivery_log import Wanted
    from fbsync.database.delivery_state import DELIVERY_STATES

    if state is not None and state not in DELIVERY_STATES:
        raise typer.BadParameter(f"one of {', '.join(DELIVERY_STATES)}", param_hint="--state")
    return Wanted(
        state=state,
        page=None if page is None else one_page(page, "--page"),
        since=None if since is None else moment(since, "--since"),
        until=None if until is None else moment(until, "--until"),
    )


def _chosen(
    database: Database, prefixes: list[str], conditions: list[Wanted]
) -> Iterator[KeptDelivery]:
    """Those that are named, each of which must be there, or all that meet one of the conditions."""
    from fbsync.database.delivery_log import DeliveryLog

    log = DeliveryLog(database)
    if prefixes:
        yield from [log.one(prefix) for prefix in prefixes]
        return
    for wanted in conditions:
        yield from log.find(wanted)


def _prefix(text: str) -> str:
    """The beginning of an event's id or of its SHA-256."""
    from fbsync.database.delivery_log import MIN_PREFIX

    if re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},64}}", text) is None:
        fault = f"an event's id is {MIN_PREFIX} to 64 of 0-9 and a-f; see fbsync events"
        raise typer.BadParameter(fault, param_hint="ID")
    return text
