"""`fbsync logout`: revoke a person's permissions at Facebook, then wipe the tokens here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fbsync.database.departures import Departures
from fbsync.database.vault import Vault
from fbsync.errors import FbsyncError, NoAccess, TokenRefused
from fbsync.graph.oauth import OAuth
from fbsync.page import PageId

Kind = Literal["revoked", "dead", "forced", "kept"]


@dataclass(frozen=True)
class LoggedOut:
    """What became of one person's login.

    "revoked": at Facebook too. "dead": the token had ended before, so only here. "forced": only
    here, as Facebook could not be told, for `detail`. "kept": nothing was done, for the same.
    """

    user_id: str
    name: str
    kind: Kind
    pages: Sequence[PageId]
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the tokens are gone here."""
        return self.kind != "kept"


def log_out(
    user_id: str, name: str, oauth: OAuth, vault: Vault, departures: Departures, *, force: bool
) -> LoggedOut:
    """Log one person out. Raises DatabaseUnavailable.

    Without `force`, nothing is wiped before Facebook has taken the permissions back: a token that
    still works could not be revoked afterwards.
    """
    # Before the revocation: Meta's callback may be quicker than we are, and drop them first.
    pages = vault.page_ids(user_id)
    kind, detail = _revoke(user_id, oauth, vault)
    if kind == "kept" and force:
        kind = "forced"
    if kind != "kept":
        departures.log_out(user_id)
    return LoggedOut(user_id, name, kind, pages, detail)


def _revoke(user_id: str, oauth: OAuth, vault: Vault) -> tuple[Kind, str]:
    """How it went at Facebook, and why not."""
    try:
        user = vault.user(user_id)
    except NoAccess:
        return "dead", ""  # Meta's callback was here since
    except TokenRefused as error:  # encrypted with another key, so nobody can tell Facebook
        return "kept", str(error)
    try:
        oauth.revoke(user)
    except TokenRefused:
        return "dead", ""
    except FbsyncError as error:
        return "kept", str(error)
    return "revoked", ""
