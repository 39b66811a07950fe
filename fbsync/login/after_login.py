"""What follows a login: subscribe its pages, mirror their first data, test the webhook.

Each is a line of the checklist. None of them undoes the login: the tokens are stored by then.
"""

from collections import Counter
from collections.abc import Sequence

from fbsync.checklist import Checklist
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome, Refresher
from fbsync.page import PageAccess
from fbsync.patience import POLL_PATIENCE, Patience
from fbsync.ports import Inbox
from fbsync.probe import Target, is_up, local_url, probe
from fbsync.settings.facebook import CallbackSettings
from fbsync.subscribe.subscriber import Subscriber
from fbsync.subscription_plan import Wish
from fbsync.sync.difference import Difference
from fbsync.sync.sync import Poll
from fbsync.wording import counted


def follow(
    checklist: Checklist,
    subscriber: Subscriber,
    inbox: Inbox,
    refresher: Refresher,
    accesses: Sequence[PageAccess],
    callback: CallbackSettings | None,
    app_secret: str,
    patience: Patience = POLL_PATIENCE,
) -> None:
    """Run the three steps; the checklist says how each ended.

    Without a callback there is nothing to subscribe or to test, and the checklist says so.
    """
    if callback is None:
        for name in ("app subscription", "page subscriptions"):
            checklist.add(name, "skipped", "FACEBOOK_WEBHOOK_ADDRESS is not set")
    else:
        _subscribe(checklist, subscriber, accesses, callback)
    _mirror(checklist, inbox, refresher, accesses, patience)
    if callback is None:
        checklist.add("webhook test", "skipped", "FACEBOOK_WEBHOOK_ADDRESS is not set")
    else:
        url = local_url(callback.address)
        _test(checklist, Target(url, app_secret, callback.verify_token))


def _subscribe(
    checklist: Checklist,
    subscriber: Subscriber,
    accesses: Sequence[PageAccess],
    wanted: CallbackSettings,
) -> None:
    """Both levels; the app's needs a listener that Meta can reach."""
    wish = Wish(wanted.address, frozenset(wanted.fields))
    plan = subscriber.plan(accesses, wish)
    found = subscriber.apply(plan, accesses, wish, wanted.verify_token)
    app = found.app
    checklist.add("app subscription", "done" if app.ok else "failed", app.detail)
    failed = [level for level in found.pages if not level.ok]
    if failed:
        detail = f"{len(failed)} of {counted(len(found.pages), 'page')}: {failed[0].detail}"
        checklist.add("page subscriptions", "failed", detail)
    else:
        counts = Counter[str](level.action for level in found.pages)
        checklist.add("page subscriptions", "done", _count(counts))


def _mirror(
    checklist: Checklist,
    inbox: Inbox,
    refresher: Refresher,
    accesses: Sequence[PageAccess],
    patience: Patience,
) -> None:
    """Read each page once and store what differs."""
    outcomes: list[Outcome | Difference] = []
    page_ids = [access.page_id for access in accesses]
    try:
        poll = Poll(inbox, refresher, outcomes.append, wanted=page_ids, patience=patience)
        poll.run([], page_ids)
    except FbsyncError as error:
        checklist.add("first data", "failed", str(error))
        return
    counts = Counter[str](found.kind for found in outcomes if isinstance(found, Outcome))
    troubled = [
        found
        for found in outcomes
        if isinstance(found, Outcome) and found.kind in ("put off", "parked")
    ]
    detail = _count(counts) if not troubled else f"{_count(counts)}: {troubled[0].reason}"
    checklist.add("first data", "failed" if troubled else "done", detail)


def _test(checklist: Checklist, target: Target) -> None:
    """The webhook test, where a listener runs."""
    if not is_up(target.url):
        detail = f"no listener at {target.url}; start fbsync listen, then run fbsync test-webhook"
        checklist.add("webhook test", "skipped", detail)
        return
    checks = Checklist(lambda step: None)
    probe(target, checks)
    failed = [step for step in checks.steps if not step.ok]
    if failed:
        checklist.add("webhook test", "failed", f"{failed[0].name}: {failed[0].detail}")
    else:
        checklist.add("webhook test", "done", f"{counted(len(checks.steps), 'check')} passed")


def _count(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "no pages"
