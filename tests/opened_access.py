"""What a command gets to talk to Facebook with, from settings that a test gives."""

from functools import partial

import pytest

from fbsync.errors import FbsyncError
from fbsync.page import PageId
from fbsync.settings.database import DatabaseSettings
from fbsync.settings.facebook import AppSettings, GraphSettings
from fbsync.wiring import open_access
from tests.servers import Sandbox

APP = AppSettings("123456789012345", "secret")
GRAPH = GraphSettings("http://127.0.0.1:1", "v26.0", ("id", "name"))
DEFAULT = DatabaseSettings(None, ())
ONE, TWO, THREE = (PageId(f"20000000000000{number}") for number in (1, 2, 3))
opened = partial(open_access, warn=print, makes_database=True)


def unexpected(name: str, error: FbsyncError) -> None:
    """No person's list may be refused."""
    pytest.fail(f"the list of {name} was refused: {error}")


def sandbox_app(sandbox: Sandbox) -> tuple[AppSettings, GraphSettings]:
    """The settings of its app."""
    world = sandbox.world
    graph = GraphSettings(sandbox.url, "v26.0", ("id", "name"))
    return AppSettings(world.app_id, world.app_secret), graph
