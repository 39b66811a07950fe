"""`fbsync pages`: how each page stands: its token, its webhooks, its newest copy, its last event.

Everything but the webhooks comes from the database; those are read from Facebook, 50 pages in a
request.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from fbsync.database.vault import Vault
from fbsync.errors import FbsyncError, PermanentFailure, TemporaryFailure, TokenRefused
from fbsync.expiry import ends_soon, first_end
from fbsync.graph.subscriptions import GraphSubscriptions
from fbsync.page import PageAccess, PageId
from fbsync.ports import Inbox, PageState
from fbsync.subscription_plan import AppSubscription, Fields, delivered
from fbsync.wording import counted

TokenKind = Literal["ok", "stored", "expires", "expired", "refused", "none"]
"""The token works; is stored and was not tried; its login ends soon, or has ended; it is refused,
by Facebook or as it was encrypted with another key; there is none."""


@dataclass(frozen=True)
class PageRow:
    """One page. `live` are the wanted webhook fields that are on at both levels, None if unknown.

    `login_ends` is when the person whose login gave the token must log in again; that token has no
    end of its own (Meta, "Long-lived tokens"). `attention` says what somebody should mend.
    """

    page_id: PageId
    name: str
    token: TokenKind
    login_ends: datetime | None
    live: Fields | None
    version: int
    stored_at: datetime | None
    last_event_at: datetime | None
    attention: tuple[str, ...]


@dataclass(frozen=True)
class Overview:
    """All rows. `app` is the app's subscription; `failure` says why nothing could be read live.

    `unmanaged` counts the ids that are left out: events named them, and nobody here manages them.
    """

    rows: tuple[PageRow, ...]
    app: AppSubscription | None
    failure: str | None
    wanted: Fields
    unmanaged: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing needs attention, as far as could be seen."""
        return self.failure is None and not any(row.attention for row in self.rows)


@dataclass(frozen=True)
class Expected:
    """What the settings want: these fields, delivered to `address`; "" for no webhooks at all."""

    fields: Fields
    address: str


def survey(
    vault: Vault,
    inbox: Inbox,
    graph: GraphSubscriptions,
    expected: Expected,
    only: Collection[PageId] | None,
    now: datetime,
) -> Overview:
    """Every page that has a token or is mirrored, or `only` some.

    Raises DatabaseUnavailable, and TokenRefused where the key opens nobody's token.
    """
    on: dict[PageId, Fields | FbsyncError] = {}
    accesses = vault.accesses(only, refused=on.__setitem__)
    # Not all pages that events ever named: there may be a million of them.
    states = inbox.pages({*accesses, *on, *inbox.mirrored()} if only is None else only)
    ends = _login_ends(vault, only)
    app, failure = _read_app(graph)
    if failure is None:
        on |= graph.of_pages(accesses.values())
        failure = _common_failure(on)
    app_fields = delivered(app, expected.address or (app.callback_url if app else ""))
    rows = [
        _row(
            _Known(
                page=page,
                access=accesses.get(page),
                state=states.get(page),
                login_ends=ends.get(page),
                on=on.get(page),
                is_named=only is not None,
            ),
            expected,
            app_fields,
            now,
        )
        for page in sorted({*accesses, *on, *states, *(only or ())})
    ]
    unmanaged = 0 if only is not None else inbox.status().pages - len(states)
    return Overview(tuple(rows), app, failure, expected.fields, unmanaged)


def _login_ends(vault: Vault, only: Collection[PageId] | None) -> dict[PageId, datetime | None]:
    """When the login ends that gave each page's access."""
    ends = {lifetime.user_id: first_end(lifetime) for lifetime in vault.lifetimes()}
    return {page: ends.get(owner) for page, owner in vault.owners(only).items()}


def _read_app(graph: GraphSubscriptions) -> tuple[AppSubscription | None, str | None]:
    try:
        return graph.of_app(), None
    except (TemporaryFailure, PermanentFailure) as error:
        return None, str(error)


def _common_failure(on: Mapping[PageId, Fields | FbsyncError]) -> str | None:
    """Why pages could not be read for the time being; nothing that is the matter with a page."""
    failures = [str(found) for found in on.values() if isinstance(found, TemporaryFailure)]
    return (
        f"{counted(len(failures), 'page')} could not be read: {failures[0]}" if failures else None
    )


@dataclass(frozen=True)
class _Known:
    """All that is known of one page."""

    page: PageId
    access: PageAccess | None
    state: PageState | None
    login_ends: datetime | None
    on: Fields | FbsyncError | None  # TokenRefused without access: under another key
    is_named: bool  # by the operator


def _row(known: _Known, expected: Expected, app_fields: Fields, now: datetime) -> PageRow:
    state, last = known.state, known.state.last if known.state else None
    live = None
    if known.on is not None and not isinstance(known.on, FbsyncError):
        live = known.on & app_fields & expected.fields
    return PageRow(
        page_id=known.page,
        name=known.access.name
        if known.access
        else str(last.fields.get("name", "") if last else ""),
        token=_token(known, now),
        login_ends=known.login_ends,
        live=live,
        version=last.number if last else 0,
        stored_at=state.stored_at if state else None,
        last_event_at=state.last_event_at if state else None,
        attention=tuple(_attention(known, expected, live, now)),
    )


def _token(known: _Known, now: datetime) -> TokenKind:
    if isinstance(known.on, TokenRefused):
        return "refused"
    if known.access is None:
        return "none"
    ends = known.login_ends
    if ends is not None and ends_soon(ends, now):
        return "expired" if ends <= now else "expires"
    return "stored" if known.on is None or isinstance(known.on, TemporaryFailure) else "ok"


def _attention(known: _Known, expected: Expected, live: Fields | None, now: datetime) -> list[str]:
    has_token = known.access is not None or isinstance(known.on, TokenRefused)
    if not has_token and (known.state is None or known.state.last is None):
        if known.is_named:
            return ["nobody who logged in here manages it; check the id"]
        return []  # anybody's page, or none at all: an event named it
    if known.state and known.state.parked:
        # Whatever else is the matter follows from that, or shows once it is mended.
        return [f"set aside: {' '.join((known.state.reason or '').split())}"]
    advice: dict[TokenKind, str] = {
        "none": "no token is stored; run fbsync login",
        "expires": "its login ends soon; run fbsync login",
        "expired": "its login has ended; run fbsync login",
    }
    token = _token(known, now)
    found = [advice[token]] if token in advice else []
    if isinstance(known.on, PermanentFailure):
        found.append(" ".join(str(known.on).split()))
    missing = len(expected.fields) - len(live) if live is not None else 0
    if missing and expected.address:
        found.append(f"{counted(missing, 'webhook field')} off; run fbsync subscribe")
    return found
