"""The limits' settings."""

import pytest

from fbsync.errors import SettingsError
from fbsync.settings.environment import reading
from fbsync.settings.limits import Limits, read_limits


def test_the_defaults_are_two_million_events_and_ten_gigabytes() -> None:
    with reading({}) as env:
        assert read_limits(env) == Limits(2_000_000, 10**10)


def test_both_can_be_set() -> None:
    with reading({"FBSYNC_MAX_WAITING": "5", "FBSYNC_MAX_DATABASE": "500MB"}) as env:
        assert read_limits(env) == Limits(5, 5 * 10**8)


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("FBSYNC_MAX_WAITING", "0", "from 1 on"),
        ("FBSYNC_MAX_WAITING", "many", "from 1 on"),
        ("FBSYNC_MAX_WAITING", "1e6", "from 1 on"),
        ("FBSYNC_MAX_DATABASE", "10", "with MB, GB or TB"),
        ("FBSYNC_MAX_DATABASE", "much", "with MB, GB or TB"),
    ],
)
def test_what_is_malformed_is_told_by_name_and_form(name: str, value: str, form: str) -> None:
    told = f"{name} is malformed.*a whole number {form}"
    with pytest.raises(SettingsError, match=told), reading({name: value}) as env:
        read_limits(env)
