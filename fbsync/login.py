"""`fbsync login`: the OAuth dance (Meta, "Manually build a login flow"), up to stored tokens.

dialog -> code -> short-lived token -> long-lived token -> every page of /me/accounts -> vault
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from fbsync.errors import LoginFailed, PermanentFailure
from fbsync.graph import Graph
from fbsync.loopback import LoopbackServer
from fbsync.page import PageAccess, UserToken
from fbsync.ports import Inbox
from fbsync.vault import Vault


@dataclass(frozen=True)
class LoggedIn:
    """Who logged in, the pages that they opened to us, and names of those without a token."""

    user: UserToken
    accesses: tuple[PageAccess, ...]
    without_token: tuple[str, ...]


@dataclass(frozen=True)
class Dialog:
    """The login dialog: its address without the query, and what it is asked for."""

    address: str
    app_id: str
    redirect_uri: str
    scopes: tuple[str, ...]

    def url(self, state: str) -> str:
        """The full address for the browser."""
        query = {
            "client_id": self.app_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": ",".join(self.scopes),
            "state": state,
        }
        return f"{self.address}?{urlencode(query)}"


def ask_for_code(dialog: Dialog, show: Callable[[str, bool], None], seconds: float) -> str:
    """Show the dialog's address and wait for its answer: the login code.

    `show` gets the address, and whether a running listener passes the answer on. The server
    already listens when it is called. Raises LoginFailed.
    """
    with LoopbackServer(dialog.redirect_uri) as server:
        show(dialog.url(server.state), server.relayed)
        return server.wait(seconds)


def log_in(code: str, redirect_uri: str, graph: Graph, vault: Vault, inbox: Inbox) -> LoggedIn:
    """Turn a login code into stored tokens, and let pages that waited for them go on.

    Raises LoginFailed where Facebook refuses, and the temporary failures of graph and database.
    """
    try:
        user = graph.log_in(code, redirect_uri)
        accounts = [account for part in graph.accounts(user) for account in part]
    except PermanentFailure as error:
        said = str(error).partition("\n")[0]
        raise LoginFailed(
            f"{said}\nCheck FACEBOOK_APP_ID, FACEBOOK_APP_SECRET and FACEBOOK_REDIRECT_URI,"
            " then run: fbsync login"
        ) from None
    accesses = tuple(account.access for account in accounts if account.access)
    vault.save(user, accesses)
    inbox.unpark([access.page_id for access in accesses])
    return LoggedIn(
        user=user,
        accesses=accesses,
        without_token=tuple(a.snapshot.page_id for a in accounts if a.access is None),
    )
