"""Missed webhooks, counted in the database."""

from contextlib import closing

from fbsync.database.engine import Database
from fbsync.database.missed_webhooks import MissedWebhookLog, MissedWebhooks
from fbsync.page import PageId


def test_each_version_counts_once_and_the_newest_is_told(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        log = MissedWebhookLog(database)
        assert log.summary() == MissedWebhooks(0)
        log.note(PageId("1"), 2, ["name"])
        log.note(PageId("1"), 2, ["name"])
        log.note(PageId("2"), 5, ["name", "emails"])
        found = log.summary()
        assert found.count == 2
        assert found.last_page == "2"
        assert found.last_at is not None
