"""The command `fbsync status`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from fbsync.console import Console
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, environ_of
from fbsync.settings.database import read_inbox
from fbsync.settings.environment import reading
from fbsync.settings.limits import Limits, read_limits

if TYPE_CHECKING:
    from fbsync.standing import Standing


def status(context: typer.Context, as_json: JsonFlag = False, env_file: EnvFile = None) -> None:
    """Show what waits, what is set aside, the logins, the last sync, and what needs attention."""
    with reading(environ_of(context, env_file)) as env:
        place, limits = read_inbox(env), read_limits(env)
    from fbsync.database_place import database_url
    from fbsync.standing_report import show_standing, standing_as_json

    console = Console(quiet_results=as_json)
    found = _look(database_url(place.app_id, place.url), limits)
    if as_json:
        console.json(standing_as_json(found))
    else:
        show_standing(console, found)
    raise typer.Exit(NEEDS_ATTENTION if found.attention else 0)


def _look(url: str, limits: Limits) -> Standing:
    """Everything from the database: neither Facebook nor the store is asked."""
    from fbsync.database.delivery_log import DeliveryLog
    from fbsync.database.inbox import DatabaseInbox
    from fbsync.database.last_sync import LastSync
    from fbsync.database.missed_webhooks import MissedWebhookLog
    from fbsync.database.parked import parked_pages
    from fbsync.database.put_off import last_put_off
    from fbsync.database.size import measure
    from fbsync.database.store_address import StoreAddress
    from fbsync.database.vault import lifetimes
    from fbsync.database_place import open_database, told_address
    from fbsync.standing import FRESH, Standing

    now = datetime.now(UTC)
    with open_database(url) as database:
        return Standing(
            now=now,
            database=told_address(url),
            size=measure(database),
            store=StoreAddress(database).known(),
            inbox=DatabaseInbox(database).status(),
            limits=limits,
            parked=parked_pages(database),
            put_off=last_put_off(database),
            dead=DeliveryLog(database).count_dead(),
            fresh_dead=DeliveryLog(database).count_dead(since=now - FRESH),
            logins=lifetimes(database),
            last_sync=LastSync(database).ended_at(),
            missed=MissedWebhookLog(database).summary(),
        )
