"""The command `fbsync login`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.checklist import Checklist
from fbsync.console import Console
from fbsync.exit_status import NEEDS_ATTENTION
from fbsync.login.browser import show_dialog
from fbsync.parameters import EnvFile, JsonFlag, duration, environ_of
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_callback, read_graph, read_login
from fbsync.settings.store import read_store


def login(
    context: typer.Context,
    only: Annotated[bool, typer.Option("--only", help="Stop after the tokens.")] = False,
    rerequest: Annotated[
        bool, typer.Option("--rerequest", help="Ask again for permissions that were declined.")
    ] = False,
    paste: Annotated[
        bool,
        typer.Option("--paste", help="Read the address that the browser ended at from stdin."),
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open nothing.")
    ] = False,
    wait: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to wait for the dialog's answer.")
    ] = "5m",
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Log in to Facebook; then subscribe the pages, mirror their data and test the webhook."""
    limit = duration(wait, "--wait")
    environ = environ_of(context, env_file)
    with reading(environ) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        settings = read_login(env, anywhere=paste)
        store = None if only else read_store(env)
        # Without an address there is nothing to subscribe, and that is no fault of a login.
        has_address = not only and env.get("FACEBOOK_WEBHOOK_ADDRESS")
        callback = read_callback(env) if has_address else None
    from fbsync.graph.accounts import Accounts
    from fbsync.graph.oauth import OAuth
    from fbsync.login.login import Dialog, ask_for_code, ask_for_paste, log_in
    from fbsync.login.report import login_as_json, tell
    from fbsync.store.place import open_store
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    checklist = Checklist(console.step)
    dialog = Dialog(
        address=f"{settings.dialog_url}/{graph.version}/dialog/oauth",
        app_id=app_settings.app_id,
        redirect_uri=settings.redirect_uri,
        scopes=settings.scopes,
        config_id=settings.config_id,
        rerequest=rerequest,
    )

    def show(url: str, relayed: bool) -> None:
        open_browser = not (no_browser or paste)
        show_dialog(console, environ, url, relayed=relayed, open_browser=open_browser)

    with open_access(
        app_settings,
        graph,
        database,
        warn=console.say,
        warn_of_expiry=False,
        makes_database=True,
    ) as access:
        if paste:
            code = ask_for_paste(dialog, show, console.say)
        else:
            code = ask_for_code(dialog, show, limit.total_seconds())
        oauth, accounts = OAuth(access.connection), Accounts(access.connection)
        person = log_in(code, dialog.redirect_uri, oauth, accounts, access.vault, access.inbox)
        tell(checklist, person, settings.scopes)
        if store is not None:
            from fbsync.login.after_login import follow
            from fbsync.subscribe.subscriber import Subscriber

            refresher = access.refresher(open_store(store, app_settings.app_id, console.say))
            follow(
                checklist,
                Subscriber.on(access.connection, access.database),
                access.inbox,
                refresher,
                person.accesses,
                callback,
                app_settings.app_secret,
            )
    if as_json:
        found = {"ok": checklist.ok, "steps": checklist.as_json()}
        console.json(found | {"login": login_as_json(person, settings.scopes)})
    raise typer.Exit(0 if checklist.ok else NEEDS_ATTENTION)
