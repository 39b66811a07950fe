"""Finding the pages of a new login, and a reason for each one that is missing.

1. all of /me/accounts
2. where business_management is granted: the pages of the person's business portfolios
3. one by one: pages that came without a token, that were picked in the dialog, or that an earlier
   login of the same person had reached

A failure of steps 2 and 3 is told and undoes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fbsync.errors import FbsyncError, PermanentFailure, PermissionMissing, TemporaryFailure
from fbsync.graph.accounts import Accounts, ListedPage
from fbsync.graph.oauth import Session, TokenFacts
from fbsync.graph.permissions import BUSINESS, SHOW_LIST, Permissions
from fbsync.page import PageAccess, PageId
from fbsync.wording import counted

_ANY_TASK = "CREATE_CONTENT, MANAGE or MODERATE"

NO_TASK = f"You have no task on it. Ask its admin for {_ANY_TASK}, then run: fbsync login"
NOT_CHOSEN = "It was not chosen in the dialog this time. Choose it there: fbsync login"
GONE = "It is gone, or you have no role on it any more."
IN_PORTFOLIO = (
    f"It belongs to a business portfolio, or it is gone. Add {BUSINESS} to FACEBOOK_SCOPES, then"
    " run: fbsync login"
)
NO_PAGES = "Facebook names no page. Choose at least one in the dialog: fbsync login"
NO_LIST = f"Facebook names no page, as {SHOW_LIST} was not granted. Run: fbsync login --rerequest"


@dataclass(frozen=True)
class PageProblem:
    """A page that is missing or not fully open to us, and what to do about it."""

    page_id: PageId
    name: str
    reason: str


@dataclass(frozen=True)
class Discovery:
    """The pages found; those with a problem; and what could not be looked at."""

    accesses: tuple[PageAccess, ...]
    problems: tuple[PageProblem, ...]
    notes: tuple[str, ...]


def discover(accounts: Accounts, session: Session, known: Mapping[PageId, str]) -> Discovery:
    """Look for all pages of a login. `known`: those of the person's earlier logins, with names.

    Raises what the list of /me/accounts raises.
    """
    search = _Search(accounts, session, known)
    search.add(accounts.mine(session.user, search.odd.append))
    search.look_into_portfolios()
    search.look_one_by_one()
    return search.result()


class _Search:
    def __init__(self, accounts: Accounts, session: Session, known: Mapping[PageId, str]) -> None:
        self._accounts = accounts
        self._user = session.user
        granted = session.permissions
        self._granted = granted.granted if isinstance(granted, Permissions) else frozenset[str]()
        facts = session.facts
        self._chosen = facts.chosen if isinstance(facts, TokenFacts) else frozenset[PageId]()
        self._known = known
        self._found: dict[PageId, ListedPage] = {}
        self._reasons: dict[PageId, str] = {}
        self._notes: list[str] = []
        self.odd: list[FbsyncError] = []  # entries of lists that cannot be read
        if isinstance(facts, FbsyncError):
            self._note("Which pages were chosen in the dialog", facts)

    def add(self, pages: Iterable[ListedPage]) -> None:
        """Keep what a list names; one with a token counts more than one without."""
        for page in pages:
            if page.access or page.page_id not in self._found:
                self._found[page.page_id] = page

    def look_into_portfolios(self) -> None:
        if BUSINESS not in self._granted:
            return
        try:
            businesses = self._accounts.businesses(self._user)
        except FbsyncError as error:
            self._note("The list of your business portfolios", error)
            return
        for business in businesses:
            try:
                self.add(self._accounts.of_business(self._user, business, self.odd.append))
            except PermanentFailure as error:
                self._note(f"The list of pages of business portfolio {business}", error)
            except TemporaryFailure as error:
                self._note(f"The pages of business portfolio {business} and those after it", error)
                return

    def look_one_by_one(self) -> None:
        with_token = {page for page, listed in self._found.items() if listed.access}
        pages = sorted((self._found.keys() | self._chosen | self._known.keys()) - with_token)
        try:
            for page, answer in self._accounts.each(self._user, pages):
                if isinstance(answer, ListedPage):
                    self.add([answer])
                else:
                    self._reasons[page] = self._reason(page, answer)
        except FbsyncError as error:
            self._note(f"Some of {len(pages)} pages, one by one,", error)

    def result(self) -> Discovery:
        accesses = tuple(page.access for page in self._found.values() if page.access)
        for page, listed in self._found.items():
            reason = _limits(listed.access) if listed.access else NO_TASK
            if reason:
                self._reasons.setdefault(page, reason)
        if self.odd:
            what = f"{counted(len(self.odd), 'entry', 'entries')} of the lists of your pages"
            self._note(what, self.odd[0])
        elif not self._found and not self._reasons:
            self._notes.append(NO_PAGES if SHOW_LIST in self._granted else NO_LIST)
        problems = tuple(
            PageProblem(page, self._name(page), reason)
            for page, reason in sorted(self._reasons.items())
        )
        return Discovery(accesses, problems, tuple(self._notes))

    def _reason(self, page: PageId, error: FbsyncError) -> str:
        """Why a page cannot be read with the person's own token."""
        is_chosen = not self._chosen or page in self._chosen or page in self._found
        if not is_chosen and isinstance(error, PermanentFailure):
            return NOT_CHOSEN
        if isinstance(error, (TemporaryFailure, PermissionMissing)):
            return str(error)
        if page in self._found:
            return NO_TASK
        return GONE if BUSINESS in self._granted else IN_PORTFOLIO

    def _name(self, page: PageId) -> str:
        return self._found[page].name if page in self._found else self._known.get(page, "")

    def _note(self, what: str, error: FbsyncError) -> None:
        self._notes.append(f"{what} could not be read: {error}")


def _limits(access: PageAccess) -> str | None:
    """What the person's tasks do not allow; None where nothing is missing."""
    if access.allows_webhooks:
        return None
    held = ", ".join(sorted(task.removeprefix("PROFILE_PLUS_") for task in access.tasks))
    return f"Your tasks there ({held}) allow no webhook. Ask its admin for {_ANY_TASK}."
