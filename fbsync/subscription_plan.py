"""What a subscription should become, level by level: a plan made of what was read; and what became
of it. No I/O.

    what is on, what fbsync added, what is wished for -> add, keep, stale, foreign, remove
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fbsync.errors import FbsyncError
from fbsync.page import PageId

Fields = frozenset[str]
NO_FIELDS: Fields = frozenset()

CallbackState = Literal["none", "ours", "foreign"]
"""Whom the app's subscription calls: nobody yet, our address, or somebody else's."""


@dataclass(frozen=True)
class AppSubscription:
    """The app's webhook subscription for pages (Meta, "App subscriptions")."""

    callback_url: str
    active: bool
    fields: Fields


def delivered(app: AppSubscription | None, address: str) -> Fields:
    """The app's fields whose events come to this address; none where it is off or another's."""
    is_live = app is not None and app.active and app.callback_url == address
    return app.fields if app and is_live else NO_FIELDS


@dataclass(frozen=True)
class Wish:
    """What an operator asks for: these fields on, delivered to `address`.

    With `remove` it is the contrary: the fields that fbsync added, off; `fields` narrows that down,
    and None stands for all of them. `some_pages` tells that not all pages are meant: the app's
    fields then stay, as they serve the others too.
    """

    address: str
    fields: Fields | None
    remove: bool = False
    replace_callback: bool = False
    some_pages: bool = False

    @property
    def wanted(self) -> Fields:
        """The fields that shall be on at both levels."""
        return NO_FIELDS if self.remove or self.fields is None else self.fields


@dataclass(frozen=True)
class FieldPlan:
    """One level's fields. What is on now is in `keep`, `stale`, `foreign` or `remove`."""

    add: Fields = NO_FIELDS
    keep: Fields = NO_FIELDS
    """On and wanted."""
    stale: Fields = NO_FIELDS
    """Added by fbsync and not wanted any more: they stay until they are removed on demand."""
    foreign: Fields = NO_FIELDS
    """On, though neither wanted nor added by fbsync: never taken off."""
    remove: Fields = NO_FIELDS
    gone: Fields = NO_FIELDS
    """Added by fbsync once, and switched off by somebody else since."""

    @property
    def before(self) -> Fields:
        """What is on now."""
        return self.keep | self.stale | self.foreign | self.remove

    @property
    def after(self) -> Fields:
        """What shall be on."""
        return (self.before - self.remove) | self.add

    @property
    def differs(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.add or self.remove)


@dataclass(frozen=True)
class AppPlan:
    """The app's level. `found` is what is there now, None where there is no subscription."""

    fields: FieldPlan
    callback: CallbackState
    found: AppSubscription | None
    replace_callback: bool = False

    @property
    def blocked(self) -> bool:
        """Whether somebody else's working webhook would be overwritten, which takes a demand."""
        return self.subscribes and self.callback == "foreign" and not self.replace_callback

    @property
    def obstacle(self) -> str:
        """What to do where the plan is blocked; empty where it is not."""
        if not (self.blocked and self.found):
            return ""
        calls = self.found.callback_url
        return f"the app already calls {calls}; to replace it, use --replace-callback"

    @property
    def subscribes(self) -> bool:
        """Whether the subscription is to be written: fields, callback, or switched off."""
        if not (self.fields.add or self.fields.keep):
            return False  # nothing is wanted
        is_live = self.callback == "ours" and self.found is not None and self.found.active
        return bool(self.fields.add) or not is_live

    @property
    def differs(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.fields.remove) or self.subscribes


@dataclass(frozen=True)
class Plan:
    """Both levels; an error stands for a level that could not be read."""

    app: AppPlan | FbsyncError
    pages: Mapping[PageId, FieldPlan | FbsyncError]

    @property
    def app_ok(self) -> bool:
        """Whether the app's level was read and may be written."""
        return not isinstance(self.app, FbsyncError) and not self.app.blocked

    @property
    def pages_ok(self) -> bool:
        """Whether all pages could be read."""
        return not any(isinstance(page, FbsyncError) for page in self.pages.values())


def plan_fields(on: Fields, ours: Fields, wish: Wish) -> FieldPlan:
    """One level's plan. `on` is what is on now, `ours` what fbsync added there."""
    gone, ours = ours - on, ours & on
    if wish.remove:
        remove = ours if wish.fields is None else ours & wish.fields
        return FieldPlan(stale=ours - remove, foreign=on - ours, remove=remove, gone=gone)
    return FieldPlan(
        add=wish.wanted - on,
        keep=wish.wanted & on,
        stale=ours - wish.wanted,
        foreign=on - ours - wish.wanted,
        gone=gone,
    )


def plan_app(found: AppSubscription | None, ours: Fields, wish: Wish) -> AppPlan:
    """The app's plan. What serves somebody else's callback, or other pages, is not removed."""
    on = found.fields if found else NO_FIELDS
    callback: CallbackState = "none"
    if found and found.callback_url:
        callback = "ours" if found.callback_url == wish.address else "foreign"
    if wish.remove and (wish.some_pages or callback == "foreign"):
        return AppPlan(FieldPlan(stale=on & ours, foreign=on - ours), callback, found)
    return AppPlan(plan_fields(on, ours, wish), callback, found, wish.replace_callback)


Action = Literal["added", "changed", "removed", "kept", "failed"]


@dataclass(frozen=True)
class Level:
    """What became of one subscription: the app's, or a page's (then `page_id` is set).

    `on` are its fields as they were read last.
    """

    action: Action
    detail: str
    on: Fields = NO_FIELDS
    page_id: PageId | None = None

    @property
    def ok(self) -> bool:
        """Whether the subscription is now as it should be."""
        return self.action != "failed"


def not_there(differing: Fields) -> str:
    """The detail of a level whose change Meta took, and which is not as asked all the same."""
    names = ", ".join(sorted(differing))
    return f"Facebook took the change, but did not make it: {names}.\nRun fbsync subscribe again."
