"""The lines and the JSON that tell of a login."""

from datetime import UTC, datetime

from fbsync.checklist import Checklist, Step
from fbsync.errors import FbsyncError, GraphUnavailable
from fbsync.graph.permissions import Permissions
from fbsync.login.discovery import NO_LIST, NO_TASK, Discovery, PageProblem
from fbsync.login.login import LoggedIn
from fbsync.login.report import login_as_json, tell
from fbsync.page import PageAccess, PageId, UserToken

ASKED = ("pages_show_list", "pages_manage_metadata")
ALL_GRANTED = Permissions(frozenset(ASKED))
SHOP = PageAccess(PageId("1001"), "Shop", "EAAshop")
CAFE = PageProblem(PageId("1002"), "Café", NO_TASK)
UNTIL = datetime(2027, 1, 22, 8, 30, tzinfo=UTC)
DATA_UNTIL = datetime(2027, 2, 21, tzinfo=UTC)


def login(
    permissions: Permissions | FbsyncError = ALL_GRANTED,
    *problems: PageProblem,
    notes: tuple[str, ...] = (),
    until: datetime | None = UNTIL,
) -> LoggedIn:
    user = UserToken("7", "Sam", "EAAuser", until, until and DATA_UNTIL, ASKED)
    return LoggedIn(user, permissions, Discovery((SHOP,), problems, notes))


def told(person: LoggedIn) -> tuple[bool, dict[str, Step]]:
    checklist = Checklist(lambda step: None)
    tell(checklist, person, ASKED)
    return checklist.ok, {step.name: step for step in checklist.steps}


def test_a_login_in_order_is_two_lines_with_its_ends() -> None:
    in_order, steps = told(login())
    assert in_order
    assert {name: step.state for name, step in steps.items()} == {
        "login": "done",
        "permissions": "done",
    }
    ends = "token: until 2027-01-22; access to data: until 2027-02-21"
    assert steps["login"].detail == f"Sam, 1 page; {ends}"
    assert steps["permissions"].detail == "2 granted"


def test_a_token_without_an_end_says_so() -> None:
    assert told(login(until=None))[1]["login"].detail == "Sam, 1 page; token: no end"


def test_a_declined_permission_needs_attention() -> None:
    declined = Permissions(frozenset(ASKED[:1]), declined=frozenset(ASKED[1:]))
    in_order, steps = told(login(declined))
    assert not in_order
    assert steps["permissions"].state == "failed"
    assert "declined: pages_manage_metadata" in steps["permissions"].detail
    assert "--rerequest" in steps["permissions"].detail


def test_permissions_that_could_not_be_read_are_told() -> None:
    in_order, steps = told(login(GraphUnavailable("Facebook is down.\nTry again.")))
    assert not in_order
    assert steps["permissions"].detail == "could not be read: Facebook is down.\nTry again."


def test_each_missing_page_has_a_line_with_its_reason() -> None:
    in_order, steps = told(login(ALL_GRANTED, CAFE, notes=(NO_LIST,)))
    assert not in_order
    assert steps["pages"].state == "failed"
    head, cafe, note = steps["pages"].detail.splitlines()
    assert head == "1 page missing or not fully open:"
    assert cafe == f"1002 Café: {NO_TASK}"
    assert note == NO_LIST


def test_very_many_missing_pages_are_counted() -> None:
    problems = [PageProblem(PageId(str(n)), "", "gone") for n in range(1, 1001)]
    lines = told(login(ALL_GRANTED, *problems))[1]["pages"].detail.splitlines()
    assert len(lines) == 22
    assert lines[1] == "1: gone"
    assert lines[-1] == "… and 980 more; --json lists all"


def test_json_holds_everything_and_no_token() -> None:
    found = login_as_json(login(ALL_GRANTED, CAFE), [*ASKED, "email"])
    assert found == {
        "name": "Sam",
        "expires_at": "2027-01-22T08:30:00+00:00",
        "data_access_expires_at": "2027-02-21T00:00:00+00:00",
        "pages": ["1001"],
        "missing_pages": [{"page_id": "1002", "name": "Café", "reason": NO_TASK}],
        "notes": [],
        "permissions": {
            "granted": sorted(ASKED),
            "declined": [],
            "expired": [],
            "missing": ["email"],
        },
    }
    assert "permissions" not in login_as_json(login(GraphUnavailable("Down.")), ASKED)
