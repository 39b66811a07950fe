"""What `fbsync pages --forget` did, in words and as data."""

from collections.abc import Sequence

from fbsync.console import Console
from fbsync.database.forgetting import Forgotten
from fbsync.wording import counted

_STAYS = (
    "What the store has of a page stays there. Where somebody who is logged in still lists it, the"
    " next fbsync sync finds it anew."
)


def show_forgotten(console: Console, found: Sequence[Forgotten]) -> None:
    """A line for each page, and what stays of those that were forgotten."""
    for one in found:
        name = f" ({one.name})" if one.name else ""
        if one.refusal is None:
            stays = f"; {counted(one.versions, 'version')} in the store"
            told = f"forgotten{stays if one.versions else ''}"
            console.line("✓", f"page {one.page_id}{name}: {told}", "green")
        else:
            told = f"not forgotten, as {one.refusal}; see fbsync pages {one.page_id}"
            console.line("✗", f"page {one.page_id}{name}: {told}", "bold red")
    if any(one.refusal is None for one in found):
        console.say(_STAYS)


def forgotten_as_json(found: Sequence[Forgotten]) -> dict[str, object]:
    """As `--json` prints it; `reason` is None for a page that was forgotten."""
    return {
        "ok": all(one.refusal is None for one in found),
        "pages": [
            {
                "page_id": one.page_id,
                "name": one.name,
                "forgotten": one.refusal is None,
                "versions": one.versions,
                "reason": one.refusal,
            }
            for one in found
        ],
    }
