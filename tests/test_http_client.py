"""A client for the outside world, where the environment's proxy or certificates are wrong."""

import pytest

from fbsync.errors import SettingsError
from fbsync.graph.http import GraphHttp
from fbsync.http_client import http_client
from tests.fbsync_inside import run

WRONG = [
    ("SSL_CERT_FILE", "/nonexistent/hush.pem"),
    ("SSL_CERT_FILE", __file__),
    ("ALL_PROXY", "socks5://user:hush@127.0.0.1:1080"),
    ("HTTPS_PROXY", "ftp://user:hush@proxy.example"),
    ("HTTPS_PROXY", "http://user:hush@[::1"),
    ("HTTPS_PROXY", "http://user:hush@proxy.example:port"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_proxy_or_certificate_is_a_settings_error_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        http_client("https://graph.facebook.com", 1.0)
    told = str(caught.value)
    assert name in told
    assert "hush" not in told
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_neither_is_for_this_machines_own_servers(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    http_client("http://127.0.0.1:8090", 1.0).close()


def test_the_graph_apis_client_is_such_a_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(SettingsError, match="ALL_PROXY"):
        GraphHttp("https://graph.facebook.com", "v26.0", print)


def test_so_is_the_one_that_asks_a_callback() -> None:
    ended = run(
        "test-webhook",
        "--public",
        FACEBOOK_APP_ID="1" * 15,
        FACEBOOK_APP_SECRET="5ecre7" * 5 + "00",
        FACEBOOK_VERIFY_TOKEN="t",
        FACEBOOK_WEBHOOK_ADDRESS="https://shop.example/facebook/webhook",
        ALL_PROXY="socks5://127.0.0.1:1080",
    )
    assert ended.status == 2
    assert "ALL_PROXY" in ended.err
