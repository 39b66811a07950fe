"""The Facebook app: its API, its login and its webhooks.

A command reads only the groups that it uses, all inside one `environment.reading` block.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fbsync.field_list import are_mirror_fields, split_fields
from fbsync.settings.environment import (
    LOOPBACK_HOSTS,
    Environment,
    is_http_url,
    is_safe_url,
    matches,
)
from fbsync.webhook_fields import split_webhook_fields, unknown_fields

LATEST_GRAPH_VERSION = "v26.0"
META_GRAPH_URL = "https://graph.facebook.com"
META_DIALOG_URL = "https://www.facebook.com"
DEFAULT_REDIRECT_URI = "http://localhost:5000/facebook/callback"

# Reading a description needs pages_read_engagement (Meta, "Page"); a subscription needs
# pages_manage_metadata and pages_show_list (Meta, "Page subscribed apps").
DEFAULT_SCOPES = "pages_show_list,pages_manage_metadata,pages_read_engagement"

# Public facts that stay the same between two reads of an unchanged page: no counters, and no
# signed picture addresses.
DEFAULT_PAGE_FIELDS = (
    "id,name,about,bio,category,category_list,company_overview,description,emails,general_info,"
    "hours,is_permanently_closed,is_published,link,location,mission,phone,price_range,"
    "single_line_address,username,verification_status,website"
)

# The page fields above that Meta also offers as webhook fields, under its name for them.
DEFAULT_WEBHOOK_FIELDS = (
    "name,description,category,bio,company_overview,email,general_info,hours,location,mission,"
    "phone,price_range,website"
)


@dataclass(frozen=True)
class AppSettings:
    """The Facebook app: FACEBOOK_APP_ID and FACEBOOK_APP_SECRET."""

    app_id: str
    app_secret: str = field(repr=False)


@dataclass(frozen=True)
class GraphSettings:
    """FACEBOOK_GRAPH_URL (no slash at the end), FACEBOOK_GRAPH_VERSION, FACEBOOK_PAGE_FIELDS."""

    url: str
    version: str
    page_fields: tuple[str, ...]


@dataclass(frozen=True)
class LoginSettings:
    """FACEBOOK_REDIRECT_URI, FACEBOOK_DIALOG_URL (no slash at the end), FACEBOOK_SCOPES.

    FACEBOOK_CONFIG_ID is "" where the app uses no Facebook Login for Business.
    """

    redirect_uri: str
    dialog_url: str
    scopes: tuple[str, ...]
    config_id: str


@dataclass(frozen=True)
class CallbackSettings:
    """FACEBOOK_WEBHOOK_ADDRESS, FACEBOOK_VERIFY_TOKEN, FACEBOOK_WEBHOOK_FIELDS."""

    address: str
    verify_token: str = field(repr=False)
    fields: tuple[str, ...]


def read_app_id(env: Environment) -> str:
    """The Facebook app's id, 15 to 20 digits."""
    example = "123456789012345 (15 to 20 digits)"
    app_id = env.require("FACEBOOK_APP_ID", example)
    return env.check("FACEBOOK_APP_ID", app_id, matches(r"[0-9]{15,20}"), example)


def read_app(env: Environment) -> AppSettings:
    """The Facebook app's id and secret."""
    app_id = read_app_id(env)
    example = "0123456789abcdef0123456789abcdef (dashboard: App settings, Basic)"
    secret = env.require("FACEBOOK_APP_SECRET", example)
    env.check("FACEBOOK_APP_SECRET", secret, matches(r"[!-~]+"), example)
    return AppSettings(app_id, secret)


def read_graph(env: Environment) -> GraphSettings:
    """Where the Graph API is, which version to ask for, and which page fields to mirror."""
    url = env.get("FACEBOOK_GRAPH_URL", META_GRAPH_URL)
    env.check("FACEBOOK_GRAPH_URL", url, is_safe_url, f"{META_GRAPH_URL} (https, or loopback)")
    version = env.get("FACEBOOK_GRAPH_VERSION", LATEST_GRAPH_VERSION)
    env.check("FACEBOOK_GRAPH_VERSION", version, matches(r"v[0-9]+\.[0-9]+"), LATEST_GRAPH_VERSION)
    text = env.get("FACEBOOK_PAGE_FIELDS", DEFAULT_PAGE_FIELDS)
    fields = split_fields(text)
    example = "id,name,description,category (no token fields)"
    env.check("FACEBOOK_PAGE_FIELDS", text, lambda _: are_mirror_fields(fields), example)
    return GraphSettings(url.rstrip("/"), version, tuple(dict.fromkeys(("id", *fields))))


def read_login(env: Environment, *, anywhere: bool = False) -> LoginSettings:
    """How `fbsync login` asks for consent. `anywhere`: the redirect may lead off this machine."""
    uri = env.get("FACEBOOK_REDIRECT_URI", DEFAULT_REDIRECT_URI)
    if anywhere:
        env.check("FACEBOOK_REDIRECT_URI", uri, is_safe_url, "https://your-app.com/login")
    elif is_safe_url(uri) and uri.startswith("https://"):
        what = "leads to an https address; for that, run fbsync login --paste, or use this machine"
        env.fault("FACEBOOK_REDIRECT_URI", what, DEFAULT_REDIRECT_URI)
    else:
        example = f"{DEFAULT_REDIRECT_URI} (http, this machine, with a path)"
        env.check("FACEBOOK_REDIRECT_URI", uri, _is_loopback_redirect, example)
    # A Graph API elsewhere, such as the sandbox, brings its own dialog.
    graph_url = env.get("FACEBOOK_GRAPH_URL", META_GRAPH_URL).rstrip("/")
    default = META_DIALOG_URL if graph_url == META_GRAPH_URL else graph_url
    dialog = env.get("FACEBOOK_DIALOG_URL")
    env.check("FACEBOOK_DIALOG_URL", dialog, is_safe_url, f"{META_DIALOG_URL} (or loopback)")
    dialog = (dialog or default).rstrip("/")
    scopes = env.get("FACEBOOK_SCOPES", DEFAULT_SCOPES)
    env.check("FACEBOOK_SCOPES", scopes, matches(r"[a-z_]+([,\s]+[a-z_]+)*,?"), DEFAULT_SCOPES)
    config = env.get("FACEBOOK_CONFIG_ID")
    example = "123456789012345 (dashboard: Facebook Login for Business, Configurations)"
    env.check("FACEBOOK_CONFIG_ID", config, matches(r"[0-9]{1,32}"), example)
    return LoginSettings(uri, dialog, tuple(re.split(r"[,\s]+", scopes.strip(", "))), config)


def read_verify_token(env: Environment) -> str:
    """The text that Meta's handshake must bring. There is no default: anyone would know it."""
    return env.require("FACEBOOK_VERIFY_TOKEN", "a-long-random-text-of-your-own")


def read_callback_address(env: Environment, *, required: bool = True) -> str:
    """The public address of the listener; "" where it is neither set nor required."""
    name = "FACEBOOK_WEBHOOK_ADDRESS"
    example = "https://your-app.com/facebook/webhook (https, or loopback for the sandbox)"
    address = env.require(name, example) if required else env.get(name)
    return env.check(name, address, is_safe_url, example)


def read_webhook_fields(env: Environment) -> tuple[str, ...]:
    """The webhook fields to subscribe to."""
    text = env.get("FACEBOOK_WEBHOOK_FIELDS", DEFAULT_WEBHOOK_FIELDS)
    names, example = split_webhook_fields(text), "name,description,category"
    rule = matches(r"[a-z_]+(\s*,\s*[a-z_]+)*,?")
    env.check("FACEBOOK_WEBHOOK_FIELDS", text, rule, example)
    if rule(text) and (unknown := unknown_fields(names)):
        what = f"names what is no webhook field of Meta's: {', '.join(unknown)}"
        env.fault("FACEBOOK_WEBHOOK_FIELDS", what, example)
    return names


def read_callback(env: Environment) -> CallbackSettings:
    """What a subscription tells Meta about the listener."""
    return CallbackSettings(
        address=read_callback_address(env),
        verify_token=read_verify_token(env),
        fields=read_webhook_fields(env),
    )


def _is_loopback_redirect(uri: str) -> bool:
    if not (is_http_url(uri) and uri.startswith("http://")):
        return False
    parts = urlsplit(uri)
    return parts.hostname in LOOPBACK_HOSTS and len(parts.path) > 1
