"""Whether a webhook should have told what a poll found first."""

from collections.abc import Collection
from dataclasses import dataclass

from fbsync.hallway.refresh import Outcome
from fbsync.page import PageId
from fbsync.webhook_fields import webhook_field


@dataclass(frozen=True)
class MissedWebhook:
    """A change of these page fields, stored as the version `number` because of a poll."""

    page_id: PageId
    number: int
    fields: tuple[str, ...]


def missed_by(found: Outcome, wanted: Collection[str]) -> MissedWebhook | None:
    """What no webhook told, though the webhook fields `wanted` are subscribed; None for the rest.

    A page's first version is no change; and not every field has a webhook.
    """
    version = found.version
    if found.kind != "stored" or version is None or version.number == 1:
        return None
    if version.noticed_by != "sync":
        return None
    fields = tuple(
        change.name for change in version.changes if webhook_field(change.name) in wanted
    )
    return MissedWebhook(version.page_id, version.number, fields) if fields else None
