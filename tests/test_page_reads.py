"""Pages read by themselves, each with the best token that is stored for it."""

from dataclasses import replace

from fbsync.errors import NoAccess, TokenRefused
from fbsync.page import PageAccess, PageId, PageSnapshot, UserToken
from tests.opened_access import APP, DEFAULT, GRAPH, ONE, THREE, TWO, opened, sandbox_app
from tests.servers import Sandbox

DEAD = PageAccess(TWO, "", "EAAdead")


def test_a_page_without_a_token_is_told_apart(sandbox: Sandbox) -> None:
    with opened(*sandbox_app(sandbox), DEFAULT) as access:
        user = sandbox.log_in()
        own = PageAccess(ONE, "", sandbox.page_token(user, ONE))
        access.vault.save(UserToken("7", "Sam", user), [own])
        found = access.read_pages([ONE, PageId("2")])
    told = found[PageId("2")]  # an event named it, and a login would not help
    assert isinstance(told, NoAccess)
    assert str(told) == "Nobody who logged in manages this page, and there is no copy of it."
    assert getattr(found[ONE], "fields", None) == {"id": ONE, "name": "Café Zeitgeist"}


def test_a_page_whose_best_token_is_refused_is_read_with_another_persons(sandbox: Sandbox) -> None:
    with opened(*sandbox_app(sandbox), DEFAULT) as access:
        good = PageAccess(ONE, "", sandbox.page_token(sandbox.log_in(), ONE), ("ANALYZE",))
        access.vault.save(UserToken("7", "Sam", "EAAsam"), [good])
        access.vault.save(UserToken("8", "Ann", "EAAann"), [replace(DEAD, page_id=ONE), DEAD])
        found = access.read_pages([ONE, TWO, THREE])
    assert isinstance(found[ONE], PageSnapshot)
    assert isinstance(found[TWO], TokenRefused)
    assert isinstance(found[THREE], NoAccess)


def test_where_all_tokens_are_refused_the_reason_of_the_best_is_told(sandbox: Sandbox) -> None:
    with opened(*sandbox_app(sandbox), DEFAULT) as access:
        ended = PageAccess(TWO, "", sandbox.page_token(sandbox.log_in(), TWO))
        sandbox.client.post("/_sandbox/tokens/revoke", json={"page_id": TWO})
        access.vault.save(UserToken("7", "Sam", "EAAsam"), [replace(DEAD, tasks=("ANALYZE",))])
        access.vault.save(UserToken("8", "Ann", "EAAann"), [ended])
        found = access.read_pages([TWO])
    assert "changed their password" in str(found[TWO])


def test_where_the_best_token_works_no_other_is_tried(sandbox: Sandbox) -> None:
    with opened(*sandbox_app(sandbox), DEFAULT) as access:
        good = PageAccess(TWO, "", sandbox.page_token(sandbox.log_in(), TWO), ("MANAGE",))
        access.vault.save(UserToken("7", "Sam", "EAAsam"), [good])
        access.vault.save(UserToken("8", "Ann", "EAAann"), [replace(DEAD, tasks=("ANALYZE",))])
        sandbox.world.calls.clear()
        assert isinstance(access.read_pages([TWO])[TWO], PageSnapshot)
    assert len(sandbox.world.calls) == 1


def test_nothing_is_asked_of_facebook_without_a_token() -> None:
    with opened(APP, GRAPH, DEFAULT) as access:
        told = access.read_pages([ONE])[ONE]
    assert isinstance(told, NoAccess)
    assert "Run: fbsync login" in str(told)
