"""fbsync keeps a live, verified copy of your Facebook Pages in DigitalOcean Spaces.

For programs there are `open_mirror`, which reads the copy, and `fbsync_app`, which takes the
webhooks. Importing them loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from fbsync.mirror import Mirror
    from fbsync.mounted import MountedApp

__all__ = ["__version__", "fbsync_app", "open_mirror"]
__version__ = "0.5.0"


def open_mirror(
    folder: str | PathLike[str] | None = None,
    *,
    bucket: str | None = None,
    region: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    endpoint: str | None = None,
    prefix: str | None = None,
    addressing: Literal["virtual", "path"] | None = None,
    ca_file: str | None = None,
) -> Mirror:
    """Read access to the mirrored pages and their history, in a folder or a bucket.

    Without arguments the settings count, from the environment and `.env` as for the commands:
    SPACES_BUCKET with its keys, or FBSYNC_STORE_DIR, or FACEBOOK_APP_ID for the default folder.
    With arguments they alone count; each is the setting of that name (README, "Settings"), with
    its default; so `folder` is the one that holds the folder `facebook`. Raises SettingsError,
    which names what is missing or malformed by its setting.

    Nothing is looked at yet: the first read raises errors.NothingMirrored where no page is stored,
    as before the first sync. A Mirror may be used from several threads at once.
    """
    from fbsync.mirror_place import mirror_at
    from fbsync.settings.env_file import load_environ

    given = {
        "FBSYNC_STORE_DIR": None if folder is None else str(folder),
        "SPACES_BUCKET": bucket,
        "SPACES_REGION": region,
        "SPACES_ACCESS_KEY": access_key,
        "SPACES_SECRET_KEY": secret_key,
        "SPACES_ENDPOINT": endpoint,
        "SPACES_PREFIX": prefix,
        "SPACES_ADDRESSING": addressing,
        "SPACES_CA_FILE": ca_file,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return mirror_at(chosen or load_environ(None))


def fbsync_app(environ: Mapping[str, str] | None = None, *, worker: bool = True) -> MountedApp:
    """The webhook's endpoint as an ASGI application, for your own FastAPI or Starlette program.

        app.mount("/facebook", fbsync_app())

    `environ` has the settings; without it they come from the environment and from `.env`, as for
    the commands. `worker`: whether changed pages are mirrored in this process too.

    Raises SettingsError for all faults of the settings at once. See mounted.py for the rest.
    """
    from fbsync.mounted import MountedApp  # heavy parts only for those who use them

    return MountedApp(environ, worker=worker)
