"""Which store to read from: what the settings name, and nothing of Facebook unless it is needed."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from fbsync.mirror import NO_PAGE, Mirror
from fbsync.settings.environment import Environment, reading
from fbsync.settings.facebook import read_app_id
from fbsync.settings.store import DirectorySettings, SpacesSettings, read_store
from fbsync.store.place import open_store


def mirror_at(environ: Mapping[str, str]) -> Mirror:
    """The mirror in the store that these variables name. Raises SettingsError."""
    with reading(environ) as env:
        settings = read_store(env)
        app_id = _app_id(env, settings)
    store = open_store(settings, app_id)
    if isinstance(settings, SpacesSettings):
        return Mirror(store)
    return Mirror(store, lambda: _advice(Path(store.address), settings.prefix))


def _app_id(env: Environment, settings: SpacesSettings | DirectorySettings) -> str:
    """The app's id where the default folder, which is named by it, is meant."""
    if isinstance(settings, SpacesSettings) or settings.folder is not None:
        return ""
    if not env.get("FACEBOOK_APP_ID"):
        what = "is missing: it names the default folder. Or name the store with SPACES_BUCKET or"
        env.fault("FACEBOOK_APP_ID", f"{what} FBSYNC_STORE_DIR", "123456789012345")
        return ""
    return read_app_id(env)


def _advice(folder: Path, prefix: str) -> str:
    """What to do where the folder, which ends with the prefix, holds no page."""
    parts = len(prefix.split("/"))
    named = folder.parents[parts - 1]
    if not named.is_dir():
        return f"{named} is no folder. Check its name. {NO_PAGE}"
    if not _holds_pages(named):
        return NO_PAGE
    if f"{named}".endswith(f"/{prefix}"):
        return f"{named} itself does: name {named.parents[parts - 1]}, as {prefix} is added to it."
    return f"{named} itself does: name {named.parent}, with {named.name} as the prefix."


def _holds_pages(folder: Path) -> bool:
    try:
        pages = [name for name in os.listdir(folder) if re.fullmatch(r"[0-9]{1,32}", name)]
    except OSError:
        return False
    return any((folder / page / "page_data.json").is_file() for page in pages)
