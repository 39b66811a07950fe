"""The settings of whoever takes in Meta's events: `fbsync listen`, and a program that mounts it."""

from dataclasses import dataclass, field
from datetime import timedelta

from fbsync.settings.database import DatabaseSettings, read_database, read_keep_deliveries
from fbsync.settings.environment import Environment
from fbsync.settings.facebook import (
    AppSettings,
    GraphSettings,
    read_app,
    read_callback_address,
    read_graph,
    read_verify_token,
    read_webhook_fields,
)
from fbsync.settings.limits import Limits, read_limits
from fbsync.settings.store import DirectorySettings, SpacesSettings, read_store


@dataclass(frozen=True)
class ListenerSettings:
    """`address` is the webhook's public one, "" where it is not known."""

    app: AppSettings
    graph: GraphSettings
    database: DatabaseSettings
    store: SpacesSettings | DirectorySettings
    verify_token: str = field(repr=False)
    address: str
    fields: tuple[str, ...]
    keep: timedelta
    limits: Limits


def read_listener(env: Environment) -> ListenerSettings:
    """All of them, from the environment."""
    return ListenerSettings(
        app=read_app(env),
        graph=read_graph(env),
        database=read_database(env),
        store=read_store(env),
        verify_token=read_verify_token(env),
        address=read_callback_address(env, required=False),
        fields=read_webhook_fields(env),
        keep=read_keep_deliveries(env),
        limits=read_limits(env),
    )
