"""The application with what it records into, on a real database."""

import httpx

from fbsync.database.durability import Durability
from fbsync.database.engine import Database
from fbsync.database.handshakes import Handshakes
from fbsync.database.inbox import DatabaseInbox
from fbsync.listening.group_commit import GroupCommit
from fbsync.listening.intake import intake
from fbsync.notice import Notice
from tests.servers import serving
from tests.test_listening_application import SECRET, event, sha256


def test_a_delivery_is_recorded_below_the_chosen_base_and_told(database: Database) -> None:
    inbox, notices, marks = DatabaseInbox(database), list[Notice](), list[int]()
    body = event("1")
    with (
        GroupCommit(inbox, Durability(database)) as group_commit,
        intake(
            group_commit,
            app_secret=SECRET,
            verify_token="token",
            report=notices.append,
            record_handshakes=Handshakes(database).record,
            recorded=lambda: marks.append(inbox.status().waiting),
            base="/elsewhere",
        ) as app,
        serving(app) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        at_base = client.post("/elsewhere/webhook", content=body, headers=sha256(body))
        at_ours = client.post("/facebook/webhook", content=body, headers=sha256(body))
        hello = {"hub.mode": "subscribe", "hub.verify_token": "token", "hub.challenge": "7"}
        handshake = client.get("/elsewhere/webhook", params=hello)
    assert (at_base.status_code, at_ours.status_code, handshake.text) == (200, 404, "7")
    assert marks == [1]
    assert [notice.kind for notice in notices] == ["event", "refused", "handshake"]
    assert [seen.result for seen in Handshakes(database).since(0)] == ["answered"]
