"""The command `fbsync subscribe`."""

from __future__ import annotations

from typing import Annotated

import typer

from fbsync.console import Console
from fbsync.environment import reading
from fbsync.errors import NoAccess
from fbsync.exit_status import FAILED, NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, SomePages, environ_of, page_ids, webhook_fields
from fbsync.settings import read_app, read_callback, read_database, read_graph


def subscribe(
    context: typer.Context,
    pages: SomePages = None,
    fields: Annotated[
        str | None,
        typer.Option(metavar="a,b", help="These, not those of FACEBOOK_WEBHOOK_FIELDS."),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take off what fbsync added, or of it --fields.")
    ] = False,
    replace_callback: Annotated[
        bool, typer.Option("--replace-callback", help="Take over from another callback.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, change nothing.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Switch on the webhooks, for the app and for each page; changes only what differs."""
    wanted, named = page_ids(pages), webhook_fields(fields)
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        callback = read_callback(env)
    from fbsync import subscription_report as report
    from fbsync.subscribe import Subscriber
    from fbsync.subscription_plan import Wish
    from fbsync.webhook_fields import polled_only
    from fbsync.wiring import open_access

    wish = Wish(
        address=callback.address,
        fields=frozenset(named or callback.fields) if named or not remove else None,
        remove=remove,
        replace_callback=replace_callback,
        some_pages=wanted is not None,
    )
    console = Console(quiet_results=as_json)
    with open_access(app_settings, graph, database, warn=console.say) as access:
        accesses = access.vault.accesses(wanted).values()
        if not accesses or (wanted and len(accesses) < len(set(wanted))):
            raise NoAccess("No token is stored for some of these pages.\nRun: fbsync login")
        subscriber = Subscriber(access.subscriptions, access.added_fields, access.handshakes)
        plan = subscriber.plan(accesses, wish)
        report.show_plan(console, plan)
        if dry_run:
            app_ok, pages_ok, told = plan.app_ok, plan.pages_ok, report.plan_as_json(plan)
        else:
            found = subscriber.apply(plan, accesses, wish, callback.verify_token)
            access.inbox.unpark(found.good_pages)
            report.show_result(console, found)
            app_ok, pages_ok = found.app.ok, found.pages_ok
            told = report.result_as_json(plan, found)
    polled = polled_only(graph.page_fields)
    report.show_polled(console, polled)
    if as_json:
        head = {"ok": app_ok and pages_ok, "dry_run": dry_run, "wanted": sorted(wish.wanted)}
        console.json({**head, **told, "polled_only": polled})
    raise typer.Exit(FAILED if not app_ok else 0 if pages_ok else NEEDS_ATTENTION)
