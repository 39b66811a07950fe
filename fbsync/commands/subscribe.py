"""The command `fbsync subscribe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fbsync.console import Console
from fbsync.errors import NoAccess
from fbsync.exit_status import FAILED, NEEDS_ATTENTION
from fbsync.parameters import EnvFile, JsonFlag, SomePages, environ_of, page_ids, webhook_fields
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_callback, read_graph

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fbsync.errors import TokenRefused
    from fbsync.page import PageAccess, PageId
    from fbsync.subscription_plan import Wish
    from fbsync.wiring import Access

Fields = Annotated[
    str | None,
    typer.Option(
        "--fields", metavar="NAMES", help="These, such as name,phone, not FACEBOOK_WEBHOOK_FIELDS."
    ),
]
Remove = Annotated[
    bool, typer.Option("--remove", help="Take off what fbsync added, or of it --fields.")
]
Replace = Annotated[
    bool, typer.Option("--replace-callback", help="Take over from another callback.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan, change nothing.")]


def subscribe(
    context: typer.Context,
    pages: SomePages = None,
    fields: Fields = None,
    remove: Remove = False,
    replace_callback: Replace = False,
    dry_run: DryRun = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Switch on the webhooks, for the app and for each page; changes only what differs."""
    wanted, named = page_ids(pages), webhook_fields(fields)
    with reading(environ_of(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        callback = read_callback(env)
    from fbsync.subscribe.report import show_polled
    from fbsync.subscription_plan import Wish
    from fbsync.webhook_fields import polled_only
    from fbsync.wiring import open_access

    default = None if remove else frozenset(callback.fields)
    some = wanted is not None
    wish = Wish(callback.address, frozenset(named) or default, remove, replace_callback, some)
    console = Console(quiet_results=as_json)
    with open_access(app_settings, graph, database, warn=console.say) as access:
        sealed: dict[PageId, TokenRefused] = {}
        found = access.vault.accesses(wanted, refused=sealed.__setitem__)
        if unknown := sorted(set(wanted or ()) - found.keys() - sealed.keys()):
            raise NoAccess(f"No token is stored for page {', '.join(unknown)}.\nRun: fbsync login")
        if not found and not sealed:
            raise NoAccess("Nobody is logged in, so there are no pages.\nRun: fbsync login")
        token = None if dry_run else callback.verify_token
        status, told = _plan_and_apply(console, access, found.values(), sealed, wish, token)
    polled = polled_only(graph.page_fields)
    show_polled(console, polled)
    if as_json:
        console.json({"ok": status == 0, "dry_run": dry_run, **told, "polled_only": polled})
    raise typer.Exit(status)


def _plan_and_apply(
    console: Console,
    access: Access,
    accesses: Collection[PageAccess],
    sealed: Mapping[PageId, TokenRefused],
    wish: Wish,
    verify_token: str | None,
) -> tuple[int, dict[str, object]]:
    """The exit status, and what came of it as JSON. Without a verify token, the plan alone.

    `sealed` are pages whose token was encrypted with another key.
    """
    from fbsync.subscribe.report import (
        plan_as_json,
        result_as_json,
        show_obstacles,
        show_plan,
        show_result,
    )
    from fbsync.subscribe.subscriber import Subscriber

    subscriber = Subscriber.on(access.connection, access.database)
    plan = subscriber.plan(accesses, wish, sealed)
    show_plan(console, plan)
    if verify_token is None:
        show_obstacles(console, plan)
        app_ok, pages_ok, told = plan.app_ok, plan.pages_ok, plan_as_json(plan)
    else:
        found = subscriber.apply(plan, accesses, wish, verify_token)
        if not wish.remove:
            access.inbox.unpark(found.good_pages)
        show_result(console, found)
        app_ok, pages_ok, told = found.app.ok, found.pages_ok, result_as_json(plan, found)
    status = FAILED if not app_ok else 0 if pages_ok else NEEDS_ATTENTION
    return status, {"wanted": sorted(wish.wanted), **told}
