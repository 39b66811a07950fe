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
    ("name", "value"),
    [
        ("FBSYNC_MAX_WAITING", "0"),
        ("FBSYNC_MAX_WAITING", "many"),
        ("FBSYNC_MAX_WAITING", "1e6"),
        ("FBSYNC_MAX_DATABASE", "10"),
        ("FBSYNC_MAX_DATABASE", "much"),
    ],
)
def test_what_is_malformed_is_told_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is malformed"), reading({name: value}) as env:
        read_limits(env)
