"""The command `fbsync login`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.browser import show_dialog
from fbsync.checklist import Checklist
from fbsync.console import Console
from fbsync.environment import reading
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, duration, environ_of
from fbsync.settings import (
    read_app,
    read_callback,
    read_database,
    read_graph,
    read_login,
    read_store,
)


def login(
    context: typer.Context,
    only: Annotated[bool, typer.Option("--only", help="Stop after the tokens.")] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open nothing.")
    ] = False,
    wait: Annotated[str, typer.Option(help="How long to wait for the dialog's answer.")] = "5m",
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Log in to Facebook; then subscribe the pages, mirror their data and test the webhook."""
    limit = duration(wait, "--wait")
    environ = environ_of(context, env_file)
    with reading(environ) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        settings = read_login(env)
        store = None if only else read_store(env)
        # Without an address there is nothing to subscribe, and that is no fault of a login.
        has_address = not only and env.get("FACEBOOK_WEBHOOK_ADDRESS")
        callback = read_callback(env) if has_address else None
    from fbsync.login import Dialog, ask_for_code, log_in
    from fbsync.wiring import open_access, open_store

    console = Console(quiet_results=as_json)
    checklist = Checklist(console.step)
    dialog = Dialog(
        address=f"{settings.dialog_url}/{graph.version}/dialog/oauth",
        app_id=app_settings.app_id,
        redirect_uri=settings.redirect_uri,
        scopes=settings.scopes,
    )
    with open_access(app_settings, graph, database, warn=console.say) as access:
        code = ask_for_code(
            dialog,
            lambda url, relayed: show_dialog(
                console, environ, url, relayed=relayed, open_browser=not no_browser
            ),
            limit.total_seconds(),
        )
        person = log_in(code, dialog.redirect_uri, access.graph, access.vault, access.inbox)
        until = f"until {person.user.expires_at:%Y-%m-%d}" if person.user.expires_at else "no end"
        names = f"{person.user.name}, {len(person.accesses)} pages; token: {until}"
        checklist.add("login", "done", names)
        if person.without_token:
            detail = f"no token came for: {', '.join(person.without_token)}"
            checklist.add("page tokens", "failed", detail)
        mirrored = not person.without_token
        if store is not None:
            from fbsync.after_login import follow
            from fbsync.subscribe import Subscriber

            refresher = access.refresher(open_store(store, app_settings.app_id, console.say))
            mirrored &= follow(
                checklist,
                Subscriber(access.subscriptions, access.added_fields, access.handshakes),
                access.inbox,
                refresher,
                person.accesses,
                callback,
                app_settings.app_secret,
            )
    if as_json:
        console.json({"ok": checklist.ok, "steps": checklist.as_json()})
    raise typer.Exit(0 if mirrored else NEEDS_ATTENTION)
