"""Where the objects are: the store that the settings name."""

from collections.abc import Callable
from pathlib import Path

from fbsync.data_folder import data_folder
from fbsync.ports import ObjectStore
from fbsync.settings.store import DirectorySettings, SpacesSettings
from fbsync.store.directory import DirectoryStore


def open_store(
    settings: SpacesSettings | DirectorySettings,
    app_id: str,
    say: Callable[[str], None] = lambda text: None,
    *,
    is_glance: bool = False,  # see S3Endpoint
) -> ObjectStore:
    """Spaces, or a local folder; `say` is told where it is."""
    if isinstance(settings, DirectorySettings):
        folder = Path(settings.folder) if settings.folder else data_folder(app_id) / "store"
        local = DirectoryStore(folder.absolute(), settings.prefix)
        say(f"Store: {local.address} (a local folder, as SPACES_BUCKET is not set)")
        return local
    # botocore is loaded only where a bucket is used.
    from fbsync.store.s3_endpoint import S3Endpoint
    from fbsync.store.spaces import SpacesStore

    endpoint = S3Endpoint(
        region=settings.region,
        address=settings.endpoint,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        path_style=settings.path_style,
        ca_file=settings.ca_file,
        is_glance=is_glance,
    )
    spaces = SpacesStore(endpoint, settings.bucket, settings.prefix)
    say(f"Store: {spaces.identity}")
    return spaces
