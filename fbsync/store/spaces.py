"""The object store in DigitalOcean Spaces (boto3), or on any server that speaks S3.

Ceph's gateway stands behind Spaces, so: no checksums but Content-MD5, no copies, no metadata. All
objects are private JSON documents, put in one piece.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session as BotocoreSession

from fbsync.ports import StoredObject, etag_of
from fbsync.store.keys import checked, checked_prefix
from fbsync.store.quick_put import QuickPut
from fbsync.store.refusals import Refusals, code_of, status_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 4
READ_SECONDS = 12
ATTEMPTS = 3
"""Of one request by the client, all together; a put has one more before.

A put, and the HEAD that settles a lost answer, must be over within ports.LONGEST_PUT_SECONDS."""

_NONE: Mapping[str, str] = MappingProxyType({})
_CONFLICTS = frozenset({409, 412})
"""A conditional write that came second (S3, "Conditional requests")."""


class SpacesStore:
    """Objects in one bucket, below `prefix`. Implements ports.ObjectStore; safe in threads.

    Only the given credentials and endpoint count: the machine's AWS settings are left alone.
    `connections` is how many threads may use it at once. `ca_file` is a PEM file of certificates
    to trust, None for the usual ones.
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
        connections: int = 10,
        ca_file: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._listed = 0
        self._is_bucket_there = False  # as far as an answer could have said that it is not
        self._refusals = Refusals(bucket, endpoint)
        self._client: S3Client = _bare_session().client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=_config("path" if path_style else "virtual", connections),
            verify=ca_file or True,  # None would let the machine's AWS_CA_BUNDLE decide
        )
        self._client.meta.events.register("request-created.s3.PutObject", _send_at_once)
        self._quick = QuickPut(
            self._client,
            bucket,
            region=region,
            access_key=access_key,
            secret_key=secret_key,
            seconds=(CONNECT_SECONDS, READ_SECONDS),
            connections=connections,
            verify=ca_file or True,
        )

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def check(self) -> None:
        """See ports.ObjectStore. Nothing of a bucket is known without a request, which may hang."""

    def put(self, key: str, body: bytes) -> None:
        """See ports.ObjectStore."""
        try:
            self._put(key, body)
        except (BotoCoreError, ClientError) as error:
            if not (_is_in_doubt(error) and self._holds(key, body)):
                raise self._refusals.explain(error) from None

    def create(self, key: str, body: bytes) -> bool:
        """See ports.ObjectStore.

        A conflict may be with our own first try, whose answer was lost. And Ceph's gateway may
        answer the loser of a race with 500. So what is there decides.
        """
        try:
            self._put(key, body, {"If-None-Match": "*"}, IfNoneMatch="*")
        except (BotoCoreError, ClientError) as error:
            is_conflict = isinstance(error, ClientError) and status_of(error) in _CONFLICTS
            if not is_conflict and not _is_in_doubt(error):
                raise self._refusals.explain(error) from None
            if (found := self.head(key)) is None:  # not written, or removed since
                raise self._refusals.explain(error) from None
            return found.etag == etag_of(body)
        return True

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + checked(key))
            with answer["Body"] as body:
                return body.read()
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise self._refusals.explain(error) from None
        except BotoCoreError as error:
            raise self._refusals.explain(error) from None

    def head(self, key: str) -> StoredObject | None:
        """See ports.ObjectStore."""
        full_key = self._prefix + checked(key)
        try:
            found = self._client.head_object(Bucket=self._bucket, Key=full_key)
        except ClientError as error:
            if status_of(error) == 404:
                self._check_bucket()
                return None
            raise self._refusals.explain(error) from None
        except BotoCoreError as error:
            raise self._refusals.explain(error) from None
        self._is_bucket_there = True
        return StoredObject(key, found["ETag"].strip('"'), found["ContentLength"])

    @property
    def list_requests(self) -> int:
        """See ports.ObjectStore."""
        return self._listed

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See ports.ObjectStore; 1,000 objects a request."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + checked_prefix(prefix)
        )
        try:
            for page in pages:
                self._listed += 1
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    yield StoredObject(key, item["ETag"].strip('"'), item["Size"])
        except (BotoCoreError, ClientError) as error:
            raise self._refusals.explain(error) from None

    def _put(
        self, key: str, body: bytes, headers: Mapping[str, str] = _NONE, **condition: str
    ) -> None:
        """The whole object, guarded by Content-MD5; the answer's ETag must be that MD5.

        `headers` say what `condition` says to the client.
        """
        if self._quick.put(self._prefix + checked(key), body, headers):
            self._is_bucket_there = True
            return
        md5 = hashlib.md5(body, usedforsecurity=False)
        try:
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=body,
                ACL="private",
                ContentType="application/json",
                ContentMD5=b64encode(md5.digest()).decode(),
                **condition,  # type: ignore[arg-type]  # the stubs take each by its name alone
            )
        except ClientError as error:
            self._is_bucket_there = code_of(error) != "NoSuchBucket"
            raise
        self._is_bucket_there = True
        if answer["ETag"].strip('"') != md5.hexdigest():
            raise self._refusals.other_bytes(self._prefix + key)

    def _check_bucket(self) -> None:
        """A HEAD's answer has no body to say that the bucket is missing, so that is asked once."""
        if self._is_bucket_there:
            return
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if status_of(error) == 404:
                raise self._refusals.no_bucket() from None
            # Any other refusal does not say that it is missing.
        except BotoCoreError as error:
            raise self._refusals.explain(error) from None
        self._is_bucket_there = True

    def _holds(self, key: str, body: bytes) -> bool:
        found = self.head(key)
        return found is not None and found.etag == etag_of(body)


def _is_in_doubt(error: BotoCoreError | ClientError) -> bool:
    """Whether the server may have done it all the same: no answer, or an error of its own."""
    return not isinstance(error, ClientError) or status_of(error) >= 500


def _send_at_once(request: AWSRequest, **_: object) -> None:
    """Without asking the server first whether the body is welcome: ours are short.

    To ask (HTTP, "100-continue") would cost each put one more way there and back.
    """
    del request.headers["Expect"]


def _config(addressing_style: Literal["path", "virtual"], connections: int) -> Config:
    # Checksums by default break S3 servers such as the one behind Spaces (boto3 1.36, "Data
    # integrity protections"); Content-MD5 does the same work and every server checks it.
    return Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=connections,
        parameter_validation=False,  # they are always the same few, and it takes time of each put
        signature_version="s3v4",
        use_fips_endpoint=False,  # else the machine's settings decide, and refuse another endpoint
        use_dualstack_endpoint=False,
        s3={"addressing_style": addressing_style},
    )


def _bare_session() -> boto3.session.Session:
    """A session that reads no profile and no configuration file of this machine."""
    botocore = BotocoreSession()
    for variable in ("profile", "config_file", "credentials_file"):
        botocore.session_var_map[variable] = (None, None, None, None)
    return boto3.session.Session(botocore_session=botocore)
