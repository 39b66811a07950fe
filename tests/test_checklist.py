"""Checklists: shown as they grow, and judged as a whole."""

from fbsync.checklist import Checklist, Step


def test_each_step_is_shown_as_soon_as_it_is_known() -> None:
    shown: list[Step] = []
    checklist = Checklist(shown.append)
    checklist.add("login", "done", "Ada")
    assert shown == [Step("login", "done", "Ada")]


def test_a_skipped_step_is_no_failure() -> None:
    checklist = Checklist(lambda step: None)
    checklist.add("webhook test", "skipped", "no listener")
    assert checklist.ok


def test_one_failed_step_fails_the_whole() -> None:
    checklist = Checklist(lambda step: None)
    checklist.add("login", "done", "Ada")
    checklist.add("first data", "failed", "no access")
    assert not checklist.ok
    assert checklist.as_json() == [
        {"name": "login", "ok": True, "state": "done", "detail": "Ada"},
        {"name": "first data", "ok": False, "state": "failed", "detail": "no access"},
    ]
