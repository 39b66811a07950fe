"""The switches: what Meta's documents leave open or contradict, and what a tester wants to try.

The meaning stands beside each switch; `fbsync sandbox --help` and `GET /_sandbox` print it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from fbsync.sandbox.versions import NEWEST

CONFIG_ID = "300000000000001"
"""The one configuration of Facebook Login for Business."""

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_LARGEST = 1e9
_FEW = 4  # choices, which the help then lists


def _switch(default: Any, meaning: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"meaning": meaning, "choices": choices})


@dataclass
class Switches:
    """How this world behaves. Times in seconds."""

    require_proof: bool = _switch(False, "calls with a user or page token need an appsecret_proof")
    replace_subscriptions: bool = _switch(
        False, "a POST replaces the fields of a subscription instead of adding to them"
    )
    development_mode: bool = _switch(False, "only test events are delivered")
    default_version: str = _switch(
        NEWEST, "the version of paths without one", tuple(f"v{n}.0" for n in range(15, 27))
    )
    empty_accounts_page: bool = _switch(False, "each later part of /me/accounts is empty at first")
    null_every: int = _switch(0, "each batch item with this number is null; 0 = none")
    volatile_pictures: bool = _switch(
        True, "addresses of pictures and covers are signed anew at each read"
    )
    # Logins (Meta, "Login security", "Long-lived tokens", "Facebook Login for Business").
    redirects: str = _switch(
        "",
        "the registered redirect addresses, with commas, which the dialog then takes to the letter;"
        " addresses of this machine only in development mode. Empty: the dialog takes any",
    )
    short_token_seconds: int = _switch(5400, "how long the token lasts that a code brings")
    long_token_seconds: int = _switch(5_184_000, "how long an exchanged token lasts; 60 days")
    data_access_seconds: int = _switch(7_776_000, "how long a login may read data; 90 days")
    config_scopes: str = _switch(
        "pages_show_list,pages_manage_metadata,pages_read_engagement",
        f"the permissions of the dialog's config_id {CONFIG_ID}, granted all or none",
    )
    system_user_tokens: bool = _switch(
        False, "a login by config_id brings a system user's token, which never expires"
    )
    # Usage and throttles (Meta, "Rate limits").
    app_call_limit: int = _switch(
        0, "calls with user and app tokens until code 4, refused ones included; 0 = no limit"
    )
    page_call_limit: int = _switch(
        0, "calls with the tokens of one page until code 80001; 0 = no limit"
    )
    limit_refill_seconds: float = _switch(
        3600.0, "the time in which a used-up limit is whole again"
    )
    app_usage_percent: int = _switch(0, "X-App-Usage shows at least this")
    page_usage_percent: int = _switch(0, "X-Business-Use-Case-Usage shows at least this")
    page_usage_header: bool = _switch(False, "X-Page-Usage is sent as well")
    # What a real app has in its dashboard (Meta, "Data deletion callback").
    deauthorize_callback: str = _switch("", "the address to call when the person removes the app")
    deletion_callback: str = _switch(
        "", "the address to call when the person wants their data deleted"
    )
    # Webhook deliveries (Meta, "Webhooks: getting started").
    retry_first_seconds: float = _switch(
        1.0,
        "the pause before the third try; each later one is twice as long. 60 is Meta's schedule of"
        " about 36 hours, 1 passes it in about half an hour",
    )
    switch_off: str = _switch(
        "app",
        "what ends when deliveries go on failing: the app's subscription becomes inactive, or the"
        " app is taken off the pages of the body",
        ("app", "page", "never"),
    )
    switch_off_seconds: float = _switch(
        0.0, "failing for so long switches off; 0 = at the end of the schedule"
    )
    delivery_seconds: float = _switch(10.0, "the time that a callback has to answer")
    delivery_copies: int = _switch(1, "how often each body is delivered; 2 = a duplicate of each")
    delivery_delay_seconds: float = _switch(0.0, "each body is sent so much later")
    deliveries_out_of_order: bool = _switch(
        False, "each second body overtakes the one before; entries come backwards"
    )
    collect_seconds: float = _switch(0.0, "changes within this time share a body")
    leave_out_values: bool = _switch(False, "changes hold the field alone, whatever was asked for")

    def set(self, asked: Mapping[str, object]) -> None:
        """Set some. Raises ValueError that names the mistake; then none is set."""
        known = {each.name: each for each in fields(self)}
        checked = {}
        for name, value in asked.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}")
            checked[name] = _checked(name, value, known[name].default, known[name].metadata)
        for name, value in checked.items():
            setattr(self, name, value)


def described() -> list[dict[str, Any]]:
    """Name, type, default and meaning of each, for the help."""
    return [
        {
            "name": each.name,
            "type": _type(each),
            "default": each.default,
            "meaning": each.metadata["meaning"],
        }
        for each in fields(Switches)
    ]


def _type(each: Field[Any]) -> str:
    choices = each.metadata["choices"]
    return "|".join(choices) if 0 < len(choices) <= _FEW else type(each.default).__name__


def read_settings(texts: list[str]) -> dict[str, object]:
    """From NAME=VALUE, as on a command line. Raises ValueError."""
    found: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"a switch is set by NAME=VALUE, not by {text!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _checked(name: str, value: object, default: object, metadata: Mapping[str, Any]) -> object:
    kind = type(default)
    if kind is float and type(value) is int:
        value = float(min(value, _LARGEST * 2))
    if type(value) is not kind:
        raise ValueError(f"{name} is {_KINDS[kind]}, such as {json.dumps(default)}")
    if isinstance(value, (int, float)) and not (math.isfinite(value) and 0 <= value <= _LARGEST):
        raise ValueError(f"{name} is between 0 and {_LARGEST:.0f}")
    if metadata["choices"] and value not in metadata["choices"]:
        raise ValueError(f"{name} is one of {', '.join(metadata['choices'])}")
    return value
