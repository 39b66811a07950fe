"""The watch over both levels of the webhooks."""

import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.database.engine import Database, sqlite_url
from fbsync.database.vault import Vault
from fbsync.errors import GraphUnavailable
from fbsync.page import PageAccess, PageId, UserToken
from fbsync.page_overview import Overview
from fbsync.sandbox.world import AppSubscription as SandboxSubscription
from fbsync.subscribe.watch import SubscriptionWatch, what_is_off
from fbsync.subscription_plan import AppSubscription
from tests.fbsync_process import listener, log_text
from tests.ports import free_port
from tests.servers import Sandbox, wait_until
from tests.test_page_report import row

PAGE = PageId("200000000000001")
OURS = "https://ours.example/hook"
WANTED = frozenset({"name", "phone"})
GOOD = AppSubscription(OURS, True, WANTED)


def overview(
    app: AppSubscription | None = GOOD,
    live: frozenset[str] | None = WANTED,
    failure: str | None = None,
) -> Overview:
    return Overview((row(live=live),), app, failure, WANTED)


@pytest.mark.parametrize("live", [WANTED, None])
def test_what_is_on_or_was_not_read_is_no_news(live: frozenset[str] | None) -> None:
    assert what_is_off(overview(live=live), OURS) is None


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (overview(app=None), "no webhook subscription"),
        (overview(app=AppSubscription(OURS, False, WANTED)), "switched the app's"),
        (overview(app=AppSubscription("https://x.example/", True, WANTED)), "--replace-callback"),
        (overview(app=AppSubscription(OURS, True, frozenset({"name"}))), "lacks fields: phone"),
        (overview(live=frozenset({"name"})), "1 page without wanted webhook fields"),
        (overview(failure="It is down."), "not known. It is down."),
        (overview(app=None, failure="It is down."), "not known. It is down."),
        (
            overview(app=AppSubscription(OURS, False, WANTED), failure="It is down."),
            "switched the app's",
        ),
    ],
)
def test_what_is_off_is_told_with_what_to_do(found: Overview, told: str) -> None:
    text = what_is_off(found, OURS)
    assert text is not None
    assert told in text
    assert "fbsync subscribe" in text or "not known" in text


def test_an_address_that_is_not_known_is_not_compared() -> None:
    assert what_is_off(overview(), "") is None


def test_it_looks_again_and_again_and_outlives_a_failure() -> None:
    looks: list[int] = []
    third = threading.Event()
    told: list[str] = []

    def look() -> Overview | None:
        looks.append(1)
        if len(looks) == 1:
            raise GraphUnavailable("It is down.")
        if len(looks) == 3:
            third.set()
        return None if len(looks) == 2 else overview(app=None)

    with SubscriptionWatch(look, OURS, told.append, seconds=0.001):
        assert third.wait(60)
    assert "not known. It is down." in told[0]
    assert "no webhook subscription" in told[1]


class Shop:
    """One page whose token is stored, and the settings of its listener."""

    def __init__(self, sandbox: Sandbox, database: str) -> None:
        self.sandbox = sandbox
        world, key = sandbox.world, Fernet.generate_key().decode()
        self.port = free_port()
        self.settings = {
            "FACEBOOK_APP_ID": world.app_id,
            "FACEBOOK_APP_SECRET": world.app_secret,
            "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
            "FACEBOOK_GRAPH_URL": sandbox.url,
            "FBSYNC_DATABASE_URL": database,
            "FBSYNC_TOKEN_KEY": key,
        }
        with closing(Database(database)) as opened:
            access = PageAccess(PAGE, "Bakery", sandbox.page_token(sandbox.log_in(), PAGE))
            Vault(opened, [key]).save(UserToken("7", "Sam", "EAA"), [access])


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Shop:
    return Shop(sandbox, sqlite_url(tmp_path / "f.sqlite3"))


def test_a_listener_tells_at_its_start_what_is_off(shop: Shop) -> None:
    shop.sandbox.world.app_subscriptions["page"] = SandboxSubscription(
        OURS, WANTED, include_values=True, active=False
    )
    with listener(shop.port, **shop.settings):
        wait_until(lambda: "subscription off.\nRun: fbsync subscribe" in log_text(), "the warning")


def test_a_look_that_takes_long_holds_up_no_end(shop: Shop) -> None:
    fault = {"path": f"{shop.sandbox.world.app_id}/subscriptions", "name": "slow", "seconds": 30}
    assert shop.sandbox.client.post("/_sandbox/faults", json=fault).is_success
    with listener(shop.port, **shop.settings) as process:
        wait_until(lambda: "subscriptions" in str(shop.sandbox.world.calls), "the look")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "Traceback" not in log_text()
