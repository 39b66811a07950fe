"""Deliveries in a database, in every state, for tests of what operators see of them."""

import hashlib
import json
from datetime import UTC, datetime

from fbsync.database.engine import Database
from fbsync.database.inbox import DatabaseInbox
from fbsync.page import PageId
from fbsync.ports import Claim
from fbsync.webhook import Delivery, VerifiedBody, read_delivery

ONE, TWO, THREE = PageId("1"), PageId("2"), PageId("3")


class Kept:
    """A database with an inbox, and time that tests move."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.seconds = 1_700_000_000.0
        self.inbox = DatabaseInbox(database, self.now)

    def now(self) -> float:
        return self.seconds

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def hear(self, *pages: PageId, text: str = "") -> Delivery:
        """An event about these pages comes; without any, a dead letter."""
        changes = [{"field": "name", "value": text}]
        entries = [{"id": page, "time": 1, "changes": changes} for page in pages]
        body = json.dumps({"object": "page", "entry": entries, "text": text}).encode()
        delivery = read_delivery(VerifiedBody(body), self.moment())
        self.inbox.record([delivery])
        return delivery

    def hear_unread(self, body: bytes, fault: str = "No page could be read.") -> Delivery:
        """A dead letter of an older version, whatever the body says now."""
        digest = hashlib.sha256(body).hexdigest()
        delivery = Delivery(digest, VerifiedBody(body), (), self.moment(), fault)
        self.inbox.record([delivery])
        return delivery

    def claim(self, page: PageId) -> Claim:
        (claim,) = self.inbox.claim(1, [page])
        return claim

    def read(self, *pages: PageId) -> None:
        """A worker reads these pages."""
        for page in pages:
            self.inbox.finish(self.claim(page), None)

    def park(self, page: PageId, reason: str = "The token is refused.") -> None:
        """A worker finds that the page cannot be read."""
        self.inbox.park(self.claim(page), reason)
