"""The commands: parse, wire, call once, print. What each does lives in a module of its own."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fbsync import __version__
from fbsync.browser import show_dialog
from fbsync.checklist import Checklist
from fbsync.console import Console
from fbsync.environment import is_http_url, reading
from fbsync.errors import FbsyncError, NoAccess, SettingsError, TemporaryFailure
from fbsync.parameters import EnvFile, JsonFlag, SomePages, duration, page_ids
from fbsync.settings import (
    DirectorySettings,
    SpacesSettings,
    read_app,
    read_callback,
    read_callback_address,
    read_database,
    read_graph,
    read_login,
    read_store,
    read_verify_token,
)

if TYPE_CHECKING:
    from fbsync.page import PageId
    from fbsync.ports import ObjectStore
    from fbsync.refresh import Outcome
    from fbsync.report import SyncReport
    from fbsync.sync import Difference
    from fbsync.wiring import Access

# Imported by the commands that use them: fbsync.wiring (SQLAlchemy, httpx, cryptography), and all
# modules above it, the listener (Starlette, uvicorn), the sandbox and the demo. `fbsync --help`
# then answers at once.

FAILED, WRONG_USAGE, NEEDS_ATTENTION = 1, 2, 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its frames show local variables, and those may be secrets
)


def print_version(wanted: bool) -> None:
    """Print the version and end, before a command is asked for."""
    if wanted:
        typer.echo(f"fbsync {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    env_file: EnvFile = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version),
    ] = False,
) -> None:
    """Keep a live, verified copy of your Facebook Pages in DigitalOcean Spaces."""
    context.obj = env_file


@app.command()
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
    environ = _environ(context, env_file)
    with reading(environ) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        settings = read_login(env)
        store = None if only else read_store(env)
        # Without an address there is nothing to subscribe, and that is no fault of a login.
        has_address = not only and env.get("FACEBOOK_WEBHOOK_ADDRESS")
        callback = read_callback(env) if has_address else None
    from fbsync.login import Dialog, ask_for_code, log_in
    from fbsync.wiring import open_access

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

            refresher = access.refresher(_open_store(console, store, app_settings.app_id))
            mirrored &= follow(
                checklist,
                access.graph,
                access.inbox,
                refresher,
                person.accesses,
                callback,
                app_settings.app_secret,
            )
    if as_json:
        console.json({"ok": checklist.ok, "steps": checklist.as_json()})
    raise typer.Exit(0 if mirrored else NEEDS_ATTENTION)


@app.command()
def subscribe(
    context: typer.Context,
    pages: SomePages = None,
    replace_callback: Annotated[
        bool, typer.Option("--replace-callback", help="Take over from another callback.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Switch on the webhooks, for the app and for each page; changes only what differs."""
    wanted = page_ids(pages)
    with reading(_environ(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        callback = read_callback(env)
    from fbsync.report import level_as_json, show_levels
    from fbsync.subscribe import subscribe_app, subscribe_pages
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    with open_access(app_settings, graph, database, warn=console.say) as access:
        accesses = access.vault.accesses(wanted)
        if not accesses or (wanted and len(accesses) < len(wanted)):
            raise NoAccess("No token is stored for some of these pages.\nRun: fbsync login")
        app_level = subscribe_app(access.graph, callback, replace_callback=replace_callback)
        levels = subscribe_pages(access.graph, accesses.values(), callback.fields)
        access.inbox.unpark([level.page_id for level in levels if level.page_id and level.ok])
    failed_pages = [level for level in levels if not level.ok]
    if as_json:
        console.json(
            {
                "ok": app_level.ok and not failed_pages,
                "app": level_as_json(app_level),
                "pages": [level_as_json(level) for level in levels],
            }
        )
    else:
        show_levels(console, app_level, levels)
    raise typer.Exit(FAILED if not app_level.ok else NEEDS_ATTENTION if failed_pages else 0)


@app.command()
def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 5000,
    env_file: EnvFile = None,
) -> None:
    """Verify and record Meta's events, answer, then mirror the pages that they are about."""
    with reading(_environ(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        verify_token, login_settings, store = (
            read_verify_token(env),
            read_login(env),
            read_store(env),
        )
    from fbsync.listener_process import Reporting, address_of, bind, serve
    from fbsync.patience import WORKER_PATIENCE
    from fbsync.report import show_notice, show_outcome
    from fbsync.wiring import open_access

    console = Console()
    listening = bind(host, port)
    address = address_of(listening)
    with open_access(
        app_settings, graph, database, warn=console.say, patience=WORKER_PATIENCE
    ) as access:
        serve(
            listening,
            access.inbox,
            access.refresher(_open_store(console, store, app_settings.app_id)),
            app_secret=app_settings.app_secret,
            verify_token=verify_token,
            redirect_uri=login_settings.redirect_uri,
            reporting=Reporting(
                request=lambda notice: show_notice(console, notice),
                outcome=lambda outcome: show_outcome(console, outcome),
                started=lambda _: console.say(f"Listening on {address}; stop with Ctrl-C."),
            ),
        )
    console.say("Stopped. What is recorded and not yet mirrored waits in the database.")


@app.command("test-webhook")
def probe_webhook(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Argument(help="A listener's address; the one on this machine.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Test FACEBOOK_WEBHOOK_ADDRESS.")
    ] = False,
    case: Annotated[
        list[str] | None,
        typer.Option("--case", metavar="NAME", help="What to send, or all; see the README."),
    ] = None,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Send what Meta would send: a handshake, a signed event, a forged one; judge the answers."""
    if url and public:
        raise typer.BadParameter("give an address or --public, not both")
    if url and not is_http_url(url):
        raise typer.BadParameter(f"{url} is no address such as http://127.0.0.1:5000/path")
    with reading(_environ(context, env_file)) as env:
        secret, verify_token = read_app(env).app_secret, read_verify_token(env)
        address = read_callback_address(env, required=public)
    from fbsync.probe import Target, local_url, probe
    from fbsync.probe_cases import ALL, DEFAULT

    names = ALL if case == ["all"] else tuple(case or DEFAULT)
    if unknown := [name for name in names if name not in ALL]:
        raise typer.BadParameter(f"--case {unknown[0]}: choose all or some of {', '.join(ALL)}")

    console = Console(quiet_results=as_json)
    checklist = Checklist(console.step)
    target = Target(url or (address if public else local_url(address)), secret, verify_token)
    console.say(f"Testing {target.url}")
    probe(target, checklist, names)
    if as_json:
        ok = {"ok": checklist.ok, "url": target.url, "steps": checklist.as_json()}
        console.json(ok)
    raise typer.Exit(0 if checklist.ok else FAILED)


@app.command()
def sync(
    context: typer.Context,
    pages: SomePages = None,
    every: Annotated[
        str | None, typer.Option(metavar="15m", help="Go on polling at this interval.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what differs, change nothing.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Poll the pages and mirror those that changed: the safety net under the webhooks."""
    wanted, interval = page_ids(pages), duration(every, "--every") if every else None
    with reading(_environ(context, env_file)) as env:
        app_settings, graph, database = read_app(env), read_graph(env), read_database(env)
        store = read_store(env)
    from fbsync.wiring import open_access

    console = Console(quiet_results=as_json)
    with open_access(app_settings, graph, database, warn=console.say) as access:
        opened = _open_store(console, store, app_settings.app_id)
        while True:
            try:
                report = _poll_once(console, access, opened, wanted, dry_run)
            except TemporaryFailure as error:
                if interval is None:
                    raise
                console.error(error)
            else:
                if as_json:
                    console.json(report.as_json())
                else:
                    report.show(console)
                if interval is None:
                    raise typer.Exit(NEEDS_ATTENTION if report.needs_attention else 0)
            time.sleep(interval.total_seconds())


@app.command()
def sandbox(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 8090,
    pages: Annotated[int, typer.Option(min=0, max=100_000, help="How many pages to invent.")] = 3,
    auto_consent: Annotated[
        bool, typer.Option("--auto-consent", help="The login dialog answers Continue by itself.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Serve a Graph API of invented pages on this machine, to try everything offline."""
    app_settings = None
    environ = _environ(context, env_file)
    if environ.get("FACEBOOK_APP_ID") or environ.get("FACEBOOK_APP_SECRET"):
        with reading(environ) as env:
            app_settings = read_app(env)
    from fbsync.sandbox.server import run

    try:
        run(
            host=host,
            port=port,
            pages=pages,
            auto_consent=auto_consent,
            app_id=app_settings.app_id if app_settings else None,
            app_secret=app_settings.app_secret if app_settings else None,
        )
    except OSError as error:
        raise FbsyncError(
            f"The sandbox cannot listen on {host} port {port}: {error.strerror}.\n"
            "Stop what holds the port, or choose others with --host and --port."
        ) from None


@app.command()
def demo(
    context: typer.Context,
    spaces: Annotated[
        bool, typer.Option("--spaces", help="Write to the bucket of the SPACES_ settings.")
    ] = False,
    as_json: JsonFlag = False,
    env_file: EnvFile = None,
) -> None:
    """Play the whole story against the sandbox: log in, subscribe, mirror, see a change arrive."""
    store = None
    if spaces:
        environ = _environ(context, env_file)
        with reading(environ) as env:
            env.require("SPACES_BUCKET", "my-bucket")
            store = read_store(env)
    from fbsync.demo import play

    console = Console(quiet_results=as_json)
    story = play(console, store)
    if as_json:
        console.json(story.as_json())
    raise typer.Exit(0 if story.checklist.ok else FAILED)


def main() -> None:
    """The console script: one place turns errors into an exit status."""
    try:
        app()
    except SettingsError as error:
        Console().error(error)
        sys.exit(WRONG_USAGE)
    except FbsyncError as error:
        Console().error(error)
        sys.exit(FAILED)


def _environ(context: typer.Context, env_file: Path | None) -> dict[str, str]:
    from fbsync.wiring import load_environ

    return load_environ(env_file or context.obj)


def _open_store(
    console: Console, settings: SpacesSettings | DirectorySettings, app_id: str
) -> ObjectStore:
    from fbsync.wiring import open_store

    store = open_store(settings, app_id)
    local = " (a local folder, as SPACES_BUCKET is not set)"
    console.say(f"Store: {store.address}{local if isinstance(settings, DirectorySettings) else ''}")
    return store


def _poll_once(
    console: Console,
    access: Access,
    store: ObjectStore,
    wanted: list[PageId] | None,
    dry_run: bool,
) -> SyncReport:
    from rich.progress import Progress

    from fbsync.report import SyncReport
    from fbsync.sync import Poll

    report = SyncReport()
    known = access.vault.page_ids()
    with Progress(console=console.messages, disable=not console.messages.is_terminal) as progress:
        bar = progress.add_task("Polling", total=len(wanted or known) or None)

        def add(found: Outcome | Difference) -> None:
            report.add(found)
            progress.advance(bar)

        poll = Poll(
            access.inbox,
            access.refresher(store, dry_run=dry_run),
            add,
            wanted=wanted,
            dry_run=dry_run,
            say=console.say,
        )
        poll.run(access.poll(keep_tokens=not dry_run), known)
    return report
