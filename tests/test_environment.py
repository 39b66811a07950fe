"""Reading variables: defaults, faults, and all faults in one error."""

import pytest

from fbsync.errors import SettingsError
from fbsync.settings.environment import Environment, is_http_url, is_safe_url, matches, reading


def test_an_empty_or_blank_variable_counts_as_unset() -> None:
    with reading({"A": "", "B": "  ", "C": " x "}) as env:
        assert [env.get("A", "default"), env.get("B", "default"), env.get("C")] == [
            "default",
            "default",
            "x",
        ]


def test_all_faults_come_in_one_error_by_name_with_an_example_and_without_the_value() -> None:
    with pytest.raises(SettingsError) as caught, reading({"B": "secret in the wrong place"}) as env:
        env.require("A", "one")
        env.check("B", env.get("B"), matches("[0-9]+"), "12")
    text = str(caught.value)
    assert "A is missing; example: A=one" in text
    assert "B is malformed; example: B=12" in text
    assert "wrong place" not in text


def test_a_fault_that_two_groups_find_is_told_once() -> None:
    with pytest.raises(SettingsError) as caught, reading({}) as env:
        env.require("A", "one")
        env.require("A", "one")
    assert str(caught.value).count("A is missing") == 1


def test_an_error_inside_the_block_is_not_hidden() -> None:
    with pytest.raises(KeyError), reading({}) as env:
        env.require("A", "one")
        raise KeyError("another")


@pytest.mark.parametrize(
    ("url", "http", "safe"),
    [
        ("https://graph.facebook.com", True, True),
        ("http://127.0.0.1:8090", True, True),
        ("http://[::1]:8090", True, True),
        ("http://localhost:1", True, True),
        ("http://example.com", True, False),
        ("https://user:pw@example.com", False, False),
        ("https://example.com/?a=b", False, False),
        ("https://example.com:0", False, False),
        ("https://example.com:99999", False, False),
        ("https://", False, False),
        ("http://[", False, False),
        ("ftp://example.com", False, False),
        ("example.com", False, False),
    ],
)
def test_secrets_travel_over_https_or_inside_this_machine(url: str, http: bool, safe: bool) -> None:
    assert (is_http_url(url), is_safe_url(url)) == (http, safe)


def test_the_names_that_were_asked_for_are_known() -> None:
    env = Environment({"ONE": "1"})
    env.get("ONE")
    env.require("TWO", "2")
    assert env.asked == {"ONE", "TWO"}
