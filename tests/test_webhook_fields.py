"""Meta's webhook fields, and the page fields without one."""

import pytest

from fbsync.sandbox import webhook_fields as metas
from fbsync.settings.facebook import DEFAULT_PAGE_FIELDS, DEFAULT_WEBHOOK_FIELDS
from fbsync.webhook_fields import (
    PERMISSIONS,
    WEBHOOK_FIELDS,
    polled_only,
    split_webhook_fields,
    unknown_fields,
    webhook_field,
)


def test_they_are_the_106_that_the_sandbox_knows_from_its_own_list() -> None:
    assert len(WEBHOOK_FIELDS) == 106
    assert frozenset(metas.ALL) == WEBHOOK_FIELDS
    assert {name for name, scope in PERMISSIONS.items() if scope == "pages_messaging"} == (
        metas.MESSAGING
    )
    assert {name for name, scope in PERMISSIONS.items() if scope == "leads_retrieval"} == (
        metas.LEADS
    )


def test_the_default_webhook_fields_are_those_of_the_default_page_fields() -> None:
    of_pages = [webhook_field(name) for name in DEFAULT_PAGE_FIELDS.split(",")]
    assert {name for name in of_pages if name} == set(DEFAULT_WEBHOOK_FIELDS.split(","))


@pytest.mark.parametrize(
    ("page_field", "expected"),
    [
        ("name", "name"),
        ("emails", "email"),
        ("picture{url,cache_key}", "picture"),
        ("about", None),
        ("cover", None),
        ("feed", None),  # a webhook field, but of no page field
        ("messages", None),
    ],
)
def test_a_page_field_has_a_webhook_or_none(page_field: str, expected: str | None) -> None:
    assert webhook_field(page_field) == expected


def test_fields_without_a_webhook_are_polled_and_the_id_never_changes() -> None:
    assert polled_only(["id", "name", "about", "emails", "cover{source}", "link"]) == (
        "about",
        "cover",
        "link",
    )


def test_names_are_split_at_commas_and_kept_once() -> None:
    assert split_webhook_fields(" name,phone , name,") == ("name", "phone")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("emails", "emails (did you mean email?)"),
        ("descripton", "descripton (did you mean description?)"),
        ("message", "message (did you mean messages?)"),
        ("about", "about (it has no webhook; fbsync sync finds its changes)"),
        ("xyzzy", "xyzzy"),
    ],
)
def test_an_unknown_field_is_told_with_the_nearest(name: str, told: str) -> None:
    assert unknown_fields(["name", name]) == [told]
