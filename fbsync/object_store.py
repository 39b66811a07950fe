"""The object store: DigitalOcean Spaces (boto3) or a local directory of the same layout.

Keys are relative; the store puts its prefix in front. All objects are private JSON documents.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session as BotocoreSession

from fbsync.errors import StoreUnavailable
from fbsync.store_folder import TEMPORARY, check_writable, make_folder, replace_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEYS_REFUSED = "Check SPACES_ACCESS_KEY and SPACES_SECRET_KEY, and that they may write there."
_ADVICE = {
    "NoSuchBucket": "Create the bucket, or mend SPACES_BUCKET and SPACES_REGION.",
    "InvalidAccessKeyId": _KEYS_REFUSED,
    "SignatureDoesNotMatch": _KEYS_REFUSED,
    "AccessDenied": _KEYS_REFUSED,
    "403": _KEYS_REFUSED,
    "RequestTimeTooSkewed": "This machine's clock is wrong; set it.",
    "QuotaExceeded": "The account's storage quota is used up; raise it or make room.",
}


class DirectoryStore:
    """Objects as files under `root`/`prefix`."""

    def __init__(self, root: Path, prefix: str) -> None:
        self._folder = root.joinpath(*prefix.split("/")) if prefix else root

    @property
    def address(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def check(self) -> None:
        """See ports.ObjectStore: the folder, or its nearest parent that is there, takes files."""
        try:
            check_writable(self._folder)
        except OSError as error:
            raise self._unavailable("written", Path(error.filename), error) from None

    def put(self, key: str, body: bytes) -> None:
        """Write a temporary file, fsync it, rename it, fsync the folder: all or nothing."""
        path = self._path(key)
        try:
            make_folder(path.parent)
            replace_file(path, body)
        except OSError as error:
            raise self._unavailable("written", path, error) from None

    def get(self, key: str) -> bytes | None:
        """The file's bytes, or None where there is none."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable("read", path, error) from None

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that begin with the prefix, in order."""
        try:
            files = [path for path in self._folder.rglob("*") if path.is_file()]
        except OSError as error:
            raise self._unavailable("listed", self._folder, error) from None
        keys = (
            path.relative_to(self._folder).as_posix()
            for path in files
            if not path.name.startswith(TEMPORARY)
        )
        yield from sorted(key for key in keys if key.startswith(prefix))

    def _path(self, key: str) -> Path:
        return self._folder.joinpath(*_checked(key).split("/"))

    @staticmethod
    def _unavailable(what: str, path: Path, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"{path} could not be {what}: {error.strerror or error}.\n"
            "Check the folder's rights and the free space, or choose another FBSYNC_STORE_DIR."
        )


class SpacesStore:
    """Objects in one bucket of DigitalOcean Spaces, or of any server that speaks S3.

    Only the given credentials and endpoint count: the machine's AWS settings are left alone.
    """

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        endpoint: str,
        access_key: str,
        secret_key: str,
        prefix: str,
        path_style: bool,
    ) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._prefix = f"{prefix}/" if prefix else ""
        self._client: S3Client = _bare_session().client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=_config("path" if path_style else "virtual"),
        )

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def check(self) -> None:
        """See ports.ObjectStore. Nothing of a bucket is known without a request, which may hang."""

    def put(self, key: str, body: bytes) -> None:
        """Put the whole object, guarded by Content-MD5; the answer's ETag must be that MD5."""
        md5 = hashlib.md5(body, usedforsecurity=False)
        full_key = self._prefix + _checked(key)
        try:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=full_key,
                Body=body,
                ACL="private",
                ContentType="application/json",
                ContentMD5=b64encode(md5.digest()).decode(),
            )
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from None
        # S3, "PutObject": the ETag of an object that was put in one piece is its MD5.
        if answer["ETag"].strip('"') != md5.hexdigest():
            raise StoreUnavailable(
                f"{self._endpoint} stored other bytes than were sent for {full_key}.\n"
                "Try again; if it stays, check what stands between here and the server."
            )

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + _checked(key))
            with answer["Body"] as body:
                return body.read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise self._unavailable(error) from None
        except BotoCoreError as error:
            raise self._unavailable(error) from None

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that begin with the prefix, in order; 1,000 a request."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        try:
            for page in pages:
                for item in page.get("Contents", ()):
                    yield item["Key"].removeprefix(self._prefix)
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: BotoCoreError | ClientError) -> StoreUnavailable:
        where = f"the bucket {self._bucket} at {self._endpoint}"
        if not isinstance(error, ClientError):
            return StoreUnavailable(
                f"No answer from {where}: {type(error).__name__}.\n"
                "Check the network, SPACES_REGION and SPACES_ENDPOINT."
            )
        # The server's message is left out: it may repeat the key and the signature.
        code = error.response["Error"]["Code"]
        advice = _ADVICE.get(code, "This usually passes; try again in a minute.")
        return StoreUnavailable(f"Refused by {where}: {code}.\n{advice}")


def _config(addressing_style: Literal["path", "virtual"]) -> Config:
    # Checksums by default break S3 servers such as the one behind Spaces (boto3 1.36, "Data
    # integrity protections"); Content-MD5 does the same work and every server checks it.
    return Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "max_attempts": 4},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=16,
        signature_version="s3v4",
        s3={"addressing_style": addressing_style},
    )


def _bare_session() -> boto3.session.Session:
    """A session that reads no profile and no configuration file of this machine."""
    botocore = BotocoreSession()
    for variable in ("profile", "config_file", "credentials_file"):
        botocore.session_var_map[variable] = (None, None, None, None)
    return boto3.session.Session(botocore_session=botocore)


def _checked(key: str) -> str:
    """The key. Raises ValueError where it could leave the prefix or confuse a server."""
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"{key!r} is no object key: it has an empty or a dotted part.")
    if "\\" in key or not key.isprintable():
        raise ValueError(f"{key!r} is no object key: it has a backslash or a control character.")
    return key
