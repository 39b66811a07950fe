"""Permissions (Meta, "Permissions"): what was asked for, and what the person made of it."""

from collections.abc import Collection
from dataclasses import dataclass

SHOW_LIST = "pages_show_list"
BUSINESS = "business_management"

# Meta, "Page", "Webhooks for Pages", "User accounts".
_NEEDED_FOR = {
    SHOW_LIST: "without it Facebook's list of pages is empty, and that is no error",
    "pages_manage_metadata": "without it no webhook can be subscribed",
    "pages_read_engagement": "without it descriptions and most other fields cannot be read",
    BUSINESS: "without it pages of business portfolios are missing",
}
_ASK_AGAIN = "To be asked again, run: fbsync login --rerequest"


@dataclass(frozen=True)
class Permissions:
    """The answer of /me/permissions, by status. Expired: not used for 90 days."""

    granted: frozenset[str]
    declined: frozenset[str] = frozenset()
    expired: frozenset[str] = frozenset()

    def missing(self, asked: Collection[str]) -> list[str]:
        """Those of `asked` that were neither granted nor declined, nor are expired."""
        return sorted(set(asked) - self.granted - self.declined - self.expired)

    def faults(self, asked: Collection[str]) -> list[str]:
        """A line for each of `asked` that is not granted: what fails without it; then what to do.

        No line where all are granted.
        """
        refused = set(asked) & (self.declined | self.expired)
        lines = [
            f"{'expired' if name in self.expired else 'declined'}: {_described(name)}"
            for name in sorted(refused)
        ]
        lines += [_ASK_AGAIN] if refused else []
        missing = self.missing(asked)
        if missing:
            lines += [f"not offered: {_described(name)}" for name in missing]
            lines.append(
                "Facebook did not ask for it: add it to your app in the dashboard (App Review, or"
                " the configuration of FACEBOOK_CONFIG_ID), then run: fbsync login"
            )
        return lines


def _described(name: str) -> str:
    meaning = _NEEDED_FOR.get(name)
    return f"{name} ({meaning})" if meaning else name
