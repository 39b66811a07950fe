"""The command `fbsync status`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from fbsync.console import Console
from fbsync.errors import StoreUnavailable
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, environ_of
from fbsync.settings.database import read_inbox
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app_id
from fbsync.settings.limits import Limits, read_limits
from fbsync.settings.store import DirectorySettings, SpacesSettings, read_store

if TYPE_CHECKING:
    from fbsync.standing import Standing


def status(context: typer.Context, as_json: JsonFlag = False, env_file: EnvFile = None) -> None:
    """Show what waits, what is set aside, the logins, the last sync, and what needs attention."""
    with reading(environ_of(context, env_file)) as env:
        place, limits, store = read_inbox(env), read_limits(env), read_store(env)
        app_id = read_app_id(env) if env.get("FACEBOOK_APP_ID") else ""
    from fbsync.database.place import database_url
    from fbsync.standing_report import show_standing, standing_as_json

    console = Console(quiet_results=as_json)
    found = _look(database_url(place.app_id, place.url), limits)
    found = replace(found, store_fault=_store_fault(store, app_id, found.store))
    if as_json:
        console.json(standing_as_json(found))
    else:
        show_standing(console, found)
    raise typer.Exit(NEEDS_ATTENTION if found.attention else 0)


def _look(url: str, limits: Limits) -> Standing:
    """Everything from the database."""
    from fbsync.database.delivery_log import DeliveryLog
    from fbsync.database.inbox import DatabaseInbox
    from fbsync.database.last_sync import LastSync
    from fbsync.database.lifetimes import lifetimes
    from fbsync.database.missed_webhooks import MissedWebhookLog
    from fbsync.database.moving_pages import MovingPages
    from fbsync.database.parked import parked_pages
    from fbsync.database.place import open_database, told_address
    from fbsync.database.put_off import last_put_off
    from fbsync.database.size import measure
    from fbsync.database.store_address import StoreAddress
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
            moving=MovingPages(database).count(),
        )


def _store_fault(
    settings: SpacesSettings | DirectorySettings, app_id: str, known: str | None
) -> str | None:
    """Why the store of the settings cannot be used; it is asked one thing."""
    from fbsync.database.store_address import is_same_store
    from fbsync.store.move import ask
    from fbsync.store.place import open_store

    is_named = not isinstance(settings, DirectorySettings) or settings.folder is not None
    if not is_named and not app_id:
        return None
    store = open_store(settings, app_id, is_glance=True)
    if known is not None and not is_same_store(known, store.identity):
        if not is_named:
            return None  # as beside a listener that only records
        return (
            f"the settings here name the store {store.identity}, but the pages were stored in"
            f" {known} last; give all programs the same, then run fbsync sync"
        )
    try:
        ask(store)
    except StoreUnavailable as error:
        return str(error)
    return None
