"""The login as a person sees it: the sandbox's dialog and the closing page, in real Chromium."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.fbsync_process import environ_of
from tests.ports import free_port
from tests.servers import REDIRECT_PATH, Sandbox, wait_until

CHROMIUM = Path("/usr/bin/chromium")
# Without these, Chromium calls home at every start; as root it needs to do without its sandbox.
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic", "--no-first-run"),
]


@pytest.fixture(scope="module")
def browser(servers_are_required: bool) -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    if not CHROMIUM.exists():
        reason = "Chromium is absent (Debian's package chromium)"
        if servers_are_required:
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield running
        running.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Page]:
    """A window of its own for each test."""
    page = browser.new_page()
    page.set_default_timeout(20_000)  # milliseconds
    yield page
    page.close()


@contextmanager
def waiting_login(sandbox: Sandbox, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`fbsync login --only --no-browser`, waiting for the dialog's answer."""
    settings = {
        "FACEBOOK_APP_ID": sandbox.world.app_id,
        "FACEBOOK_APP_SECRET": sandbox.world.app_secret,
        "FACEBOOK_REDIRECT_URI": f"http://localhost:{free_port()}{REDIRECT_PATH}",
        "FACEBOOK_GRAPH_URL": sandbox.url,
    }
    with open("login.out", "w") as out, open("login.err", "w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "fbsync", "login", "--only", "--no-browser", *arguments],
            env=environ_of(settings),
            stdout=out,
            stderr=err,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def printed_address() -> str:
    """The dialog's address, as the command printed it."""
    found: list[str] = []

    def is_printed() -> bool:
        found[:] = re.findall(r"^http://\S+/dialog/oauth\?\S+$", messages(), re.MULTILINE)
        return bool(found)

    wait_until(is_printed, "the dialog's address")
    return found[0]


def messages() -> str:
    return Path("login.err").read_text()


def test_continue_ends_on_the_closing_page_and_stores_the_tokens(
    sandbox: Sandbox, window: Page
) -> None:
    with waiting_login(sandbox) as login:
        window.goto(printed_address())
        expect(window.get_by_role("heading", level=1)).to_contain_text("would like to access")
        expect(window.get_by_text("Café Zeitgeist")).to_be_visible()
        window.get_by_role("button", name="Continue").click()
        expect(window.get_by_role("heading", level=1)).to_have_text("Thank you")
        expect(window.get_by_text("You can close this window.")).to_be_visible()
        assert login.wait(30) == 0
    assert "3 pages" in Path("login.out").read_text()


def test_a_page_that_was_not_chosen_is_not_opened_to_us(sandbox: Sandbox, window: Page) -> None:
    with waiting_login(sandbox) as login:
        window.goto(printed_address())
        window.get_by_label("Café Zeitgeist").uncheck()
        window.get_by_role("button", name="Continue").click()
        expect(window.get_by_role("heading", level=1)).to_have_text("Thank you")
        assert login.wait(30) in (0, 3)
    assert "2 pages" in Path("login.out").read_text()


def test_cancel_is_told_clearly_and_fails(sandbox: Sandbox, window: Page) -> None:
    with waiting_login(sandbox) as login:
        window.goto(printed_address())
        window.get_by_role("button", name="Cancel").click()
        expect(window.get_by_role("heading", level=1)).to_have_text("Login cancelled")
        assert login.wait(30) == 1
    assert "The login was cancelled in Facebook's dialog, so nothing was changed." in messages()
    assert "Traceback" not in messages()
