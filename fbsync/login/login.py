"""`fbsync login`: the OAuth dance (Meta, "Manually build a login flow"), up to stored tokens.

dialog -> code -> short-lived token -> long-lived token -> all pages it leads to -> vault
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlencode

from fbsync.database.vault import Vault
from fbsync.errors import FbsyncError, LoginFailed, PermanentFailure
from fbsync.graph.accounts import Accounts
from fbsync.graph.oauth import OAuth
from fbsync.graph.permissions import Permissions
from fbsync.login.discovery import Discovery, PageProblem, discover
from fbsync.login.loopback import LoopbackServer
from fbsync.login.pasted_answer import new_state, read_line, read_pasted
from fbsync.page import PageAccess, UserToken
from fbsync.ports import Inbox


@dataclass(frozen=True)
class LoggedIn:
    """Who logged in, what they granted (an error where Facebook did not say), and their pages."""

    user: UserToken
    permissions: Permissions | FbsyncError
    discovery: Discovery

    @property
    def accesses(self) -> tuple[PageAccess, ...]:
        """The pages that they opened to us."""
        return self.discovery.accesses

    @property
    def problems(self) -> tuple[PageProblem, ...]:
        """The pages that are missing, or not fully open to us."""
        return self.discovery.problems


@dataclass(frozen=True)
class Dialog:
    """The login dialog: its address without the query, and what it is asked for.

    `rerequest` asks again for permissions that were declined. `config_id` names a configuration of
    Facebook Login for Business, which holds the scopes.
    """

    address: str
    app_id: str
    redirect_uri: str
    scopes: Collection[str]
    config_id: str = ""
    rerequest: bool = False

    def url(self, state: str) -> str:
        """The full address for the browser."""
        query = {
            "client_id": self.app_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "state": state,
        }
        if self.config_id:
            query["config_id"] = self.config_id
        else:
            query["scope"] = ",".join(self.scopes)
        if self.rerequest:
            query["auth_type"] = "rerequest"
        return f"{self.address}?{urlencode(query)}"


def ask_for_code(dialog: Dialog, show: Callable[[str, bool], None], seconds: float) -> str:
    """Show the dialog's address and wait for its answer: the login code.

    `show` gets the address, and whether a running listener passes the answer on. The server
    already listens when it is called. Raises LoginFailed.
    """
    with LoopbackServer(dialog.redirect_uri) as server:
        show(dialog.url(server.state), server.relayed)
        return server.wait(seconds)


def ask_for_paste(
    dialog: Dialog, show: Callable[[str, bool], None], say: Callable[[str], None]
) -> str:
    """As ask_for_code, where the person pastes the address that the browser ended at."""
    state = new_state()
    show(dialog.url(state), False)
    return read_pasted(read_line(say), dialog.redirect_uri, state)


def log_in(
    code: str, redirect_uri: str, oauth: OAuth, accounts: Accounts, vault: Vault, inbox: Inbox
) -> LoggedIn:
    """Turn a login code into stored tokens, and let pages that waited for them go on.

    Pages of other people and of earlier logins stay as they are. Raises LoginFailed where Facebook
    refuses, and the temporary failures of graph and database.
    """
    try:
        session = oauth.log_in(code, redirect_uri)
        found = discover(accounts, session, vault.names_of_pages(session.user.user_id))
    except PermanentFailure as error:
        said = str(error).partition("\n")[0]
        raise LoginFailed(
            f"{said}\nCheck FACEBOOK_APP_ID, FACEBOOK_APP_SECRET and FACEBOOK_REDIRECT_URI,"
            " then run: fbsync login"
        ) from None
    vault.save(session.user, found.accesses)
    inbox.unpark([access.page_id for access in found.accesses])
    return LoggedIn(session.user, session.permissions, found)
