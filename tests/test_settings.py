"""The settings groups: the tutorial's variables under their own names, defaults and rules."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fbsync.errors import SettingsError
from fbsync.settings.database import read_database
from fbsync.settings.environment import reading
from fbsync.settings.facebook import read_app, read_callback, read_graph, read_login
from fbsync.settings.store import DirectorySettings, SpacesSettings, read_store
from tests.certificates import certificate

TUTORIAL = {
    "FACEBOOK_APP_ID": "123456789012345",
    "FACEBOOK_APP_SECRET": "0123456789abcdef0123456789abcdef",
    "FACEBOOK_REDIRECT_URI": "http://localhost:5000/facebook/callback",
    "FACEBOOK_WEBHOOK_ADDRESS": "https://your-app.com/facebook/webhook",
    "FACEBOOK_VERIFY_TOKEN": "your_verify_token",
    "SPACES_BUCKET": "your-bucket",
    "SPACES_REGION": "nyc3",
    "SPACES_ACCESS_KEY": "your_spaces_access_key",
    "SPACES_SECRET_KEY": "your_spaces_secret_key",
}


def faults(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught, reading(environ) as env:
        read_app(env)
        read_graph(env)
        read_login(env)
        read_callback(env)
        read_store(env)
        read_database(env)
    return str(caught.value)


def test_the_tutorials_variables_are_all_that_is_needed() -> None:
    with reading(TUTORIAL) as env:
        app, graph, login = read_app(env), read_graph(env), read_login(env)
        callback, store, database = read_callback(env), read_store(env), read_database(env)
    assert app.app_id == "123456789012345"
    assert graph.url == "https://graph.facebook.com"
    assert graph.version == "v26.0"
    assert {"id", "name", "description", "category"} <= set(graph.page_fields)
    assert login.dialog_url == "https://www.facebook.com"
    assert login.scopes == ("pages_show_list", "pages_manage_metadata", "pages_read_engagement")
    assert callback.address == "https://your-app.com/facebook/webhook"
    assert {"name", "description", "category"} <= set(callback.fields)
    assert isinstance(store, SpacesSettings)
    assert store.endpoint == "https://nyc3.digitaloceanspaces.com"
    assert store.prefix == "facebook"
    assert not store.path_style
    assert database.url is None


def test_everything_that_is_missing_is_told_at_once_by_name() -> None:
    text = faults({})
    for name in (
        "FACEBOOK_APP_ID",
        "FACEBOOK_APP_SECRET",
        "FACEBOOK_WEBHOOK_ADDRESS",
        "FACEBOOK_VERIFY_TOKEN",
    ):
        assert f"{name} is missing; example: {name}=" in text
    assert "15 to 20 digits" in text


def test_there_is_no_default_verify_token() -> None:
    environ = TUTORIAL | {"FACEBOOK_VERIFY_TOKEN": ""}
    assert "FACEBOOK_VERIFY_TOKEN is missing" in faults(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FACEBOOK_APP_ID", "12345678901234"),
        ("FACEBOOK_APP_ID", "123456789012345678901"),
        ("FACEBOOK_APP_ID", "your_facebook_app_id"),
        ("FACEBOOK_APP_SECRET", "two words"),
        ("FACEBOOK_CONFIG_ID", "my configuration"),
        ("FACEBOOK_REDIRECT_URI", "http://example.com/facebook/callback"),
        ("FACEBOOK_REDIRECT_URI", "http://localhost:5000"),
        ("FACEBOOK_WEBHOOK_ADDRESS", "http://your-app.com/facebook/webhook"),
        ("FACEBOOK_GRAPH_URL", "http://graph.example.com"),
        ("FACEBOOK_DIALOG_URL", "nonsense"),
        ("FACEBOOK_GRAPH_VERSION", "26"),
        ("FACEBOOK_SCOPES", "pages_show_list&x=1"),
        ("FACEBOOK_PAGE_FIELDS", "id,access_token"),
        ("FACEBOOK_PAGE_FIELDS", ","),
        ("FACEBOOK_WEBHOOK_FIELDS", "Name"),
        ("SPACES_BUCKET", "a/b"),
        ("SPACES_REGION", "nyc3/x"),
        ("SPACES_ENDPOINT", "ftp://x"),
        ("SPACES_ADDRESSING", "dns"),
        ("SPACES_PREFIX", "../up"),
        ("SPACES_PREFIX", "a//b"),
        ("FBSYNC_DATABASE_URL", "mysql://x"),
        ("FBSYNC_TOKEN_KEY", "short"),
    ],
)
def test_a_malformed_value_is_told_by_name_and_not_shown(name: str, value: str) -> None:
    text = faults(TUTORIAL | {name: value})
    assert f"{name} is malformed; example: {name}=" in text
    assert text.count("\n  ") == 1
    if name == "FACEBOOK_APP_SECRET":
        assert value not in text


REDIRECTS = ["https://your-app.com/login", "https://www.facebook.com/connect/login_success.html"]


@pytest.mark.parametrize("uri", REDIRECTS)
def test_an_https_redirect_is_for_paste_and_no_hindrance_elsewhere(uri: str) -> None:
    environ = TUTORIAL | {"FACEBOOK_REDIRECT_URI": uri}
    assert "FACEBOOK_REDIRECT_URI leads to an https address" in faults(environ)
    assert "fbsync login --paste" in faults(environ)
    with reading(environ) as env:
        assert read_login(env, anywhere=True).redirect_uri == uri


@pytest.mark.parametrize("uri", ["http://your-app.com/login", "https://u:p@x.com/", "nonsense"])
def test_a_redirect_over_plain_http_is_malformed_with_paste_too(uri: str) -> None:
    with (
        pytest.raises(SettingsError, match="FACEBOOK_REDIRECT_URI is malformed"),
        reading({"FACEBOOK_REDIRECT_URI": uri}) as env,
    ):
        read_login(env, anywhere=True)


def test_a_configuration_of_login_for_business_is_read() -> None:
    with reading(TUTORIAL) as env:
        assert read_login(env).config_id == ""
    with reading(TUTORIAL | {"FACEBOOK_CONFIG_ID": "300000000000001"}) as env:
        assert read_login(env).config_id == "300000000000001"


def test_secrets_stay_out_of_reprs() -> None:
    key = Fernet.generate_key().decode()
    environ = TUTORIAL | {
        "FBSYNC_TOKEN_KEY": key,
        "FBSYNC_DATABASE_URL": "postgresql://user:hunter2@host/db",
    }
    with reading(environ) as env:
        groups = repr([read_app(env), read_callback(env), read_store(env), read_database(env)])
    for secret in (
        TUTORIAL["FACEBOOK_APP_SECRET"],
        "your_verify_token",
        "your_spaces_access_key",
        "your_spaces_secret_key",
        key,
        "hunter2",
    ):
        assert secret not in groups


def test_a_graph_api_elsewhere_brings_its_own_dialog() -> None:
    with reading({"FACEBOOK_GRAPH_URL": "http://127.0.0.1:8090/"}) as env:
        assert read_graph(env).url == "http://127.0.0.1:8090"
        assert read_login(env).dialog_url == "http://127.0.0.1:8090"


def test_scopes_and_fields_may_have_blanks_and_repeats() -> None:
    environ = TUTORIAL | {
        "FACEBOOK_SCOPES": "pages_show_list, business_management",
        "FACEBOOK_PAGE_FIELDS": "name, id,name, picture{url,cache_key}",
        "FACEBOOK_WEBHOOK_FIELDS": "name , email,name",
    }
    with reading(environ) as env:
        assert read_login(env).scopes == ("pages_show_list", "business_management")
        assert read_graph(env).page_fields == ("id", "name", "picture{url,cache_key}")
        assert read_callback(env).fields == ("name", "email")


def test_without_a_bucket_the_store_is_a_local_folder() -> None:
    with reading({"FBSYNC_STORE_DIR": "~/pages"}) as env:
        assert read_store(env) == DirectorySettings(str(Path.home() / "pages"), "facebook")
    with reading({"FBSYNC_STORE_DIR": "/srv/pages", "SPACES_PREFIX": "/mirror/"}) as env:
        assert read_store(env) == DirectorySettings("/srv/pages", "mirror")
    with reading({}) as env:
        assert read_store(env) == DirectorySettings(None, "facebook")


def test_an_s3_server_elsewhere_is_addressed_by_path() -> None:
    environ = TUTORIAL | {"SPACES_ENDPOINT": "http://127.0.0.1:8333/"}
    with reading(environ) as env:
        store = read_store(env)
    assert isinstance(store, SpacesSettings)
    assert (store.endpoint, store.path_style) == ("http://127.0.0.1:8333", True)


@pytest.mark.parametrize(("style", "by_path"), [("path", True), ("virtual", False)])
@pytest.mark.parametrize("endpoint", ["https://nyc3.digitaloceanspaces.com", "https://s3.example"])
def test_the_addressing_may_be_chosen(endpoint: str, style: str, by_path: bool) -> None:
    with reading(TUTORIAL | {"SPACES_ENDPOINT": endpoint, "SPACES_ADDRESSING": style}) as env:
        store = read_store(env)
    assert isinstance(store, SpacesSettings)
    assert store.path_style is by_path


def test_the_certificates_of_a_server_of_ones_own_are_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    environ = TUTORIAL | {"SPACES_CA_FILE": str(file)}
    assert "SPACES_CA_FILE is no file;" in faults(environ)
    for text in (b"", b"\x30\x82\x01\x0a", certificate().private.encode()):
        file.write_bytes(text)
        assert "SPACES_CA_FILE is no readable file of certificates in PEM" in faults(environ)
    file.write_text(certificate().public)
    with reading(TUTORIAL | {"SPACES_CA_FILE": str(file)}) as env:
        store = read_store(env)
    assert isinstance(store, SpacesSettings)
    assert store.ca_file == str(file)


def test_a_key_without_a_bucket_is_a_fault_and_no_silent_local_folder() -> None:
    assert "SPACES_BUCKET is missing" in faults(TUTORIAL | {"SPACES_BUCKET": ""})


def test_two_stores_at_once_are_a_fault() -> None:
    assert "both set" in faults(TUTORIAL | {"FBSYNC_STORE_DIR": "/srv"})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_by_psycopg_and_needs_a_token_key(scheme: str) -> None:
    url = f"{scheme}://fbsync@127.0.0.1/fbsync"
    assert "PostgreSQL needs it" in faults(TUTORIAL | {"FBSYNC_DATABASE_URL": url})
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    environ = {"FBSYNC_DATABASE_URL": url, "FBSYNC_TOKEN_KEY": f"{new}, {old}"}
    with reading(environ) as env:
        database = read_database(env)
    assert database.url == "postgresql+psycopg://fbsync@127.0.0.1/fbsync"
    assert database.token_keys == (new, old)


def test_a_webhook_field_that_meta_does_not_have_is_named_with_the_nearest() -> None:
    told = faults(TUTORIAL | {"FACEBOOK_WEBHOOK_FIELDS": "name,emails,about"})
    assert "FACEBOOK_WEBHOOK_FIELDS names what is no webhook field" in told
    assert "emails (did you mean email?), about (it has no webhook" in told


@pytest.mark.parametrize(
    ("endpoint", "instead"),
    [
        ("https://your-bucket.nyc3.digitaloceanspaces.com", "https://nyc3.digitaloceanspaces.com"),
        ("https://Your-Bucket.ams3.digitaloceanspaces.com/", "https://ams3.digitaloceanspaces.com"),
        (
            "https://your-bucket.nyc3.cdn.digitaloceanspaces.com",
            "https://nyc3.digitaloceanspaces.com",
        ),
        ("https://your-bucket.s3.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
    ],
)
def test_an_endpoint_with_the_bucket_in_its_host_is_told_with_the_one_to_write(
    endpoint: str, instead: str
) -> None:
    text = faults(TUTORIAL | {"SPACES_ENDPOINT": endpoint})
    assert "SPACES_ENDPOINT has the bucket in its host" in text
    assert f"SPACES_ENDPOINT={instead}\n" in text


def test_a_host_of_ones_own_with_the_bucket_in_front_depends_on_the_addressing() -> None:
    environ = TUTORIAL | {"SPACES_ENDPOINT": "https://your-bucket.example.com:9000"}
    with reading(environ) as env:
        read_store(env)
    text = faults(environ | {"SPACES_ADDRESSING": "virtual"})
    assert "SPACES_ENDPOINT=https://example.com:9000\n" in text


def test_a_bucket_may_be_called_as_its_region_is() -> None:
    endpoint = "https://nyc3.digitaloceanspaces.com"
    with reading(TUTORIAL | {"SPACES_BUCKET": "nyc3", "SPACES_ENDPOINT": endpoint}) as env:
        read_store(env)
    with reading(TUTORIAL | {"SPACES_BUCKET": "nyc3"}) as env:
        read_store(env)
