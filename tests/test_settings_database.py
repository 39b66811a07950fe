"""Settings of the inbox."""

from datetime import timedelta

import pytest

from fbsync.errors import SettingsError
from fbsync.settings.database import InboxSettings, read_inbox, read_keep_deliveries
from fbsync.settings.environment import reading

APP_ID = "123456789012345"
POSTGRES = "postgresql+psycopg://fbsync:hush@db.example/fbsync"


def inbox(environ: dict[str, str]) -> InboxSettings:
    with reading(environ) as env:
        return read_inbox(env)


def keep(text: str) -> timedelta:
    with reading({"FBSYNC_KEEP_DELIVERIES": text}) as env:
        return read_keep_deliveries(env)


def test_the_apps_id_alone_leads_to_the_default_file() -> None:
    assert inbox({"FACEBOOK_APP_ID": APP_ID}) == InboxSettings(APP_ID, None)


def test_a_url_is_enough_without_app_and_keys_and_its_password_is_not_shown() -> None:
    found = inbox({"FBSYNC_DATABASE_URL": POSTGRES})
    assert found.url == POSTGRES
    assert "hush" not in repr(found)


def test_without_both_the_missing_id_is_named() -> None:
    with pytest.raises(SettingsError, match="FACEBOOK_APP_ID is missing"):
        inbox({})


@pytest.mark.parametrize(("text", "days"), [("", 30), ("90d", 90), ("24h", 1)])
def test_deliveries_are_kept_for_thirty_days_unless_told_otherwise(text: str, days: int) -> None:
    assert keep(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["30", "59m", "0d", "forever"])
def test_a_time_to_keep_that_is_none_or_too_short_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="FBSYNC_KEEP_DELIVERIES is .*example: .*=30d"):
        keep(text)
