"""Settings of the inbox."""

from datetime import timedelta

import pytest
from sqlalchemy import make_url

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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://fbsync:Secr3t@part2@127.0.0.1:1/db",
        "postgresql://fbsync:Se@cr:3t@127.0.0.1/db",
        "postgresql://fb/sync:Secr3t@127.0.0.1/db",
        "postgres://127.0.0.1:5432/db?password=Secr3t@part2",
        "postgres://127.0.0.1?password=Secr3t@part2",
        "postgresql+psycopg://fbsync:Secr3t@host:abc/db",
        "postgresql+psycopg://fbsync:Secr3t@host:/db",
        "postgresql+psycopg://fbsync:Secr3t@[::1/db",
        "postgresql://",
        "postgresql://fbsync:Secr3t@127.0.0.1/d%00b",
        "postgresql://fbsync:Secr3t@127.0.0.1/db?options=%00",
        "sqlite:////srv/Secr3t%00/f.sqlite3",
        "sqlite:////srv/f.sqlite3?foo=Secr3t",
        "sqlite:////srv/f.sqlite3?uri=true",
        "sqlite:///:memory:",
    ],
)
def test_a_url_that_could_be_misread_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        inbox({"FBSYNC_DATABASE_URL": url})
    told = str(caught.value)
    assert "FBSYNC_DATABASE_URL is malformed" in told
    assert "write @ : / ? # in a password as %40 %3A %2F %3F %23" in told
    assert all(part not in told for part in ("Se@", "Secr3t", "part2", "cr:3t"))


@pytest.mark.parametrize(
    "rest",
    [
        "fbsync:Secr3t%40part2@127.0.0.1:5432/db",
        "fbsync:with/and#and:in@db.example/fbsync",
        "fbsync@[::1]:5432/db?sslmode=require",
        "postgres@/db?host=/run/postgresql",
        "/db",
        "db.example",
    ],
)
def test_a_url_that_is_read_in_one_way_alone_is_taken(rest: str) -> None:
    url = f"postgresql+psycopg://{rest}"
    assert inbox({"FBSYNC_DATABASE_URL": url}).url == url
    make_url(url)


def test_a_file_may_have_any_name() -> None:
    assert inbox({"FBSYNC_DATABASE_URL": "sqlite:////a@b/c@d:e"}).url == "sqlite:////a@b/c@d:e"


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
