"""Where the objects go: Spaces, another S3 server, or a local folder."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fbsync.settings.environment import Environment, is_http_url, matches


@dataclass(frozen=True)
class SpacesSettings:
    """A bucket in DigitalOcean Spaces or another S3 server, from the SPACES_ variables."""

    bucket: str
    region: str
    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    prefix: str
    path_style: bool
    ca_file: str | None = None  # PEM; for a server with a certificate of its own


@dataclass(frozen=True)
class DirectorySettings:
    """A local folder as the store: FBSYNC_STORE_DIR, None for the default one."""

    folder: str | None
    prefix: str


def read_store(env: Environment) -> SpacesSettings | DirectorySettings:
    """Spaces where SPACES_BUCKET is set, else a local folder."""
    prefix = env.get("SPACES_PREFIX", "facebook").strip("/")
    segments = r"(?!\.{1,2}(/|$))[A-Za-z0-9._-]+"
    env.check("SPACES_PREFIX", prefix, matches(rf"{segments}(/{segments})*"), "facebook")
    # A shell leaves a ~ alone within quotes, and nobody else reads that of a file.
    folder = os.path.expanduser(env.get("FBSYNC_STORE_DIR"))
    if env.get("SPACES_BUCKET") and folder:
        env.fault("FBSYNC_STORE_DIR", "and SPACES_BUCKET are both set; unset one", "./store")
    if env.get("SPACES_BUCKET") or env.get("SPACES_ACCESS_KEY") or env.get("SPACES_SECRET_KEY"):
        return _read_spaces(env, prefix)
    return DirectorySettings(folder or None, prefix)


def _read_spaces(env: Environment, prefix: str) -> SpacesSettings:
    bucket = env.require("SPACES_BUCKET", "my-bucket")
    env.check("SPACES_BUCKET", bucket, matches(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), "my-bucket")
    region = env.get("SPACES_REGION", "nyc3")
    env.check("SPACES_REGION", region, matches(r"[a-z0-9-]+"), "nyc3")
    spaces = f"https://{region}.digitaloceanspaces.com"
    endpoint = env.get("SPACES_ENDPOINT", spaces).rstrip("/")
    env.check("SPACES_ENDPOINT", endpoint, is_http_url, spaces)
    style = env.get("SPACES_ADDRESSING", "virtual" if _is_spaces(endpoint) else "path")
    env.check("SPACES_ADDRESSING", style, matches("virtual|path"), "virtual")
    if is_http_url(endpoint) and (without := _without_bucket(endpoint, bucket, style)):
        env.fault("SPACES_ENDPOINT", "has the bucket in its host; leave that out", without)
    ca_file = env.get("SPACES_CA_FILE")
    if ca_file and (what := _fault_of_certificates(ca_file)):
        env.fault("SPACES_CA_FILE", what, "/etc/ssl/my-ca.pem")
    return SpacesSettings(
        bucket=bucket,
        region=region,
        endpoint=endpoint,
        access_key=env.require("SPACES_ACCESS_KEY", "DO00..."),
        secret_key=env.require("SPACES_SECRET_KEY", "the secret shown once with the access key"),
        prefix=prefix,
        path_style=style == "path",
        ca_file=ca_file or None,
    )


def _is_spaces(endpoint: str) -> bool:
    """Whether it is DigitalOcean's, which puts the bucket in the host name; others rarely do."""
    return endpoint.endswith(".digitaloceanspaces.com")


def _without_bucket(endpoint: str, bucket: str, style: str) -> str | None:
    """The endpoint where its host begins with the bucket, which requests put there themselves.

    DigitalOcean's panel offers such an address to copy ("Origin Endpoint"), others do so too. With
    `path`, a server of one's own may be called as the bucket is. And a bucket may be called as a
    region is: nyc3.digitaloceanspaces.com has none in it.
    """
    parts = urlsplit(endpoint)
    host = parts.netloc.lower()
    rest = host.removeprefix(f"{bucket}.")
    is_own = style == "path" and not _is_spaces(host) and not rest.startswith(("s3.", "s3-"))
    if not bucket or rest == host or is_own or rest == "digitaloceanspaces.com":
        return None
    return f"{parts.scheme}://{rest.replace('.cdn.digitaloceanspaces', '.digitaloceanspaces')}"


def _fault_of_certificates(file: str) -> str | None:
    """What is wrong with a file that should hold certificates in PEM."""
    if not Path(file).is_file():
        return "is no file"
    import ssl  # takes a while to load, and few have such a file

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError:  # an SSLError too
        return "is no readable file of certificates in PEM (-----BEGIN CERTIFICATE-----)"
    return None
