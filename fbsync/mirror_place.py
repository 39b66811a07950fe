"""Which store to read from: what the settings name, and nothing of Facebook unless it is needed."""

from collections.abc import Mapping

from fbsync.mirror import Mirror
from fbsync.settings.environment import Environment, reading
from fbsync.settings.facebook import read_app_id
from fbsync.settings.store import DirectorySettings, SpacesSettings, read_store
from fbsync.store.place import open_store


def mirror_at(environ: Mapping[str, str]) -> Mirror:
    """The mirror in the store that these variables name. Raises SettingsError."""
    with reading(environ) as env:
        settings = read_store(env)
        app_id = _app_id(env, settings)
    return Mirror(open_store(settings, app_id))


def _app_id(env: Environment, settings: SpacesSettings | DirectorySettings) -> str:
    """The app's id where the default folder, which is named by it, is meant."""
    if isinstance(settings, SpacesSettings) or settings.folder is not None:
        return ""
    if not env.get("FACEBOOK_APP_ID"):
        what = "is missing: it names the default folder. Or name the store with SPACES_BUCKET or"
        env.fault("FACEBOOK_APP_ID", f"{what} FBSYNC_STORE_DIR", "123456789012345")
        return ""
    return read_app_id(env)
