"""fbsync keeps a live, verified copy of your Facebook Pages in DigitalOcean Spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fbsync.mounted import MountedApp

__version__ = "0.3.0"


def fbsync_app(environ: Mapping[str, str] | None = None, *, worker: bool = True) -> MountedApp:
    """The webhook's endpoint as an ASGI application, for your own FastAPI or Starlette program.

        app.mount("/facebook", fbsync_app())

    `environ` has the settings; without it they come from the environment and from `.env`, as for
    the commands. `worker`: whether changed pages are mirrored in this process too.

    Raises SettingsError for all faults of the settings at once. See mounted.py for the rest.
    """
    from fbsync.mounted import MountedApp  # heavy parts only for those who use them

    return MountedApp(environ, worker=worker)
