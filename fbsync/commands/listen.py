"""The command `fbsync listen`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from fbsync.console import Console
from fbsync.environment import reading
from fbsync.parameters import EnvFile, environ_of
from fbsync.settings import (
    read_app,
    read_callback_address,
    read_database,
    read_graph,
    read_login,
    read_store,
    read_verify_token,
    read_webhook_fields,
)

if TYPE_CHECKING:
    from fbsync.listener_process import Reporting
    from fbsync.notice_limit import NoticeLimit
    from fbsync.page_overview import Overview
    from fbsync.subscription_watch import SubscriptionWatch
    from fbsync.wiring import Access


def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 5000,
    env_file: EnvFile = None,
) -> None:
    """Verify and record Meta's events, answer, then mirror the pages that they are about."""
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        verify_token, login_settings = read_verify_token(env), read_login(env, anywhere=True)
        store, public_address = read_store(env), read_callback_address(env, required=False)
        fields = read_webhook_fields(env)
    from fbsync.graph.pace import EVENTS
    from fbsync.listener_process import address_of, bind, serve
    from fbsync.notice_limit import NoticeLimit
    from fbsync.patience import WORKER_PATIENCE
    from fbsync.person_callbacks import PersonCallbacks
    from fbsync.report import show_notice
    from fbsync.wiring import open_access, open_store

    console = Console()
    listening = bind(host, port)
    with (
        open_access(
            app_settings, graph, database, warn=console.say, patience=WORKER_PATIENCE, lane=EVENTS
        ) as access,
        NoticeLimit(partial(show_notice, console)) as show_request,
    ):
        reporting = _reporting(console, show_request, address_of(listening))
        person = PersonCallbacks(
            app_settings.app_secret, access.departures, reporting.request, public_address
        )
        refresher = access.refresher(open_store(store, app_settings.app_id, console.say))
        with _subscription_watch(console, access, fields, public_address):
            serve(
                listening,
                access.inbox,
                refresher,
                access.durability,
                app_secret=app_settings.app_secret,
                verify_token=verify_token,
                redirect_uri=login_settings.redirect_uri,
                reporting=reporting,
                record_handshakes=access.handshakes.record,
                further=person.routes(),
            )
    console.say("Stopped. What is recorded and not yet mirrored waits in the database.")


def _subscription_watch(
    console: Console, access: Access, fields: Sequence[str], address: str
) -> SubscriptionWatch:
    """Where nobody has logged in yet, there is nothing to look at."""
    from fbsync.page_overview import Expected, survey
    from fbsync.subscription_watch import SubscriptionWatch

    expected = Expected(frozenset(fields), address)

    def look() -> Overview | None:
        if not access.vault.page_ids():
            return None
        now = datetime.now(UTC)
        return survey(access.vault, access.inbox, access.subscriptions, expected, None, now)

    return SubscriptionWatch(look, address, console.say)


def _reporting(console: Console, show_request: NoticeLimit, address: str) -> Reporting:
    from fbsync.listener_process import Reporting
    from fbsync.report import show_outcome

    return Reporting(
        request=show_request,
        outcome=lambda outcome: show_outcome(console, outcome),
        started=lambda _: console.say(f"Listening on {address}; stop with Ctrl-C."),
    )
