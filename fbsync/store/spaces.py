"""The object store in DigitalOcean Spaces (boto3), or on any server that speaks S3.

Ceph's gateway stands behind Spaces, so: no checksums but Content-MD5, no copies, no metadata. All
objects are private JSON documents, put in one piece.
"""

import hashlib
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from fbsync.ports import StoredObject, etag_of
from fbsync.store.keys import checked, checked_prefix
from fbsync.store.refusals import Refusals, code_of, may_be_of_the_condition, status_of
from fbsync.store.s3_endpoint import S3Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from fbsync.store.s3_wire import S3Wire

_Page = TypeVar("_Page")
_CONFLICTS = frozenset({409, 412})
"""A conditional write that came second (S3, "Conditional requests")."""


class SpacesStore:
    """Objects in one bucket, below `prefix`. Implements ports.ObjectStore; safe in threads.

    boto3 is loaded at the first request: a sync of unchanged pages makes none.
    """

    def __init__(self, endpoint: S3Endpoint, bucket: str, prefix: str) -> None:
        self._endpoint = endpoint
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._making = threading.Lock()
        self._made: S3Wire | None = None
        self._listed = 0
        self._is_bucket_there = False  # as far as an answer could have said that it is not
        self._knows_conditions = True  # until a create was refused where a plain put was not
        self._refusals = Refusals(bucket, endpoint.address)

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def identity(self) -> str:
        """`s3://bucket/prefix at server`, as each server may have a bucket of that name."""
        return f"{self.address} at {self._endpoint.server}"

    def check(self) -> None:
        """See ports.ObjectStore. Nothing of a bucket is known without a request, which may hang."""

    def put(self, key: str, body: bytes) -> bool:
        """See ports.ObjectStore."""
        self._wire.tries.begin()
        try:
            self._put(key, body)
        except (BotoCoreError, ClientError) as error:
            if not (_is_in_doubt(error) and self._holds(key, body)):
                raise self._refusals.explain(error) from None
        return self._wire.tries.any

    def create(self, key: str, body: bytes) -> bool:
        """See ports.ObjectStore.

        A conflict may be with our own first try, whose answer was lost. And Ceph's gateway may
        answer the loser of a race with 500. So what is there decides.
        """
        if not self._knows_conditions:
            return self._create_after_a_look(key, body)
        try:
            self._put(key, body, is_new=True)
        except (BotoCoreError, ClientError) as error:
            if may_be_of_the_condition(error):
                holds = self._create_after_a_look(key, body)
                self._knows_conditions = False
                return holds
            is_conflict = isinstance(error, ClientError) and status_of(error) in _CONFLICTS
            if not is_conflict and not _is_in_doubt(error):
                raise self._refusals.explain(error) from None
            if (found := self.head(key)) is None:  # not written, or removed since
                raise self._refusals.explain(error) from None
            return found.etag == etag_of(body)
        return True

    @property
    def guards_creates(self) -> bool:
        """See ports.ObjectStore. A server that ignores the condition is not noticed."""
        return self._knows_conditions

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        full_key = self._prefix + checked(key)
        try:
            with self._turn() as client:
                answer = client.get_object(Bucket=self._bucket, Key=full_key)
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
            with self._turn() as client:
                found = client.head_object(Bucket=self._bucket, Key=full_key)
        except ClientError as error:
            if status_of(error) == 404:
                self._check_bucket()
                return None
            raise self._refusals.explain(error) from None
        except BotoCoreError as error:
            raise self._refusals.explain(error) from None
        self._is_bucket_there = True
        return self._described(key, found, "ContentLength")

    @property
    def list_requests(self) -> int:
        """See ports.ObjectStore."""
        return self._listed

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See ports.ObjectStore; 1,000 objects a request.

        Keys that end with "/" stand for folders, as consoles make them; no key of ours is so.
        """
        full_prefix = self._prefix + checked_prefix(prefix)
        paginator = self._wire.client.get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=self._bucket, Prefix=full_prefix))
        try:
            while (page := self._next(pages)) is not None:
                self._listed += 1
                for item in page.get("Contents", ()):
                    if item["Key"].endswith("/"):
                        continue
                    key = item["Key"].removeprefix(self._prefix)
                    yield self._described(key, item, "Size")
        except (BotoCoreError, ClientError) as error:
            raise self._refusals.explain(error) from None

    @property
    def _wire(self) -> "S3Wire":
        """Made once, whichever thread comes first."""
        with self._making:
            if self._made is None:
                from fbsync.store.s3_wire import S3Wire

                self._made = S3Wire(self._endpoint, self._bucket)
            return self._made

    @contextmanager
    def _turn(self) -> Iterator["S3Client"]:
        """For one request, answer and all."""
        wire = self._wire
        with wire.turns:
            yield wire.client

    def _next(self, pages: Iterator[_Page]) -> _Page | None:
        with self._turn():
            return next(pages, None)

    def _put(self, key: str, body: bytes, *, is_new: bool = False) -> None:
        """The whole object, guarded by Content-MD5; the answer's ETag must be that MD5.

        With `is_new` nothing is replaced.
        """
        with self._turn():
            is_put = self._wire.quick.put(self._prefix + checked(key), body, is_new=is_new)
        if is_put:
            self._is_bucket_there = True
            return
        md5 = hashlib.md5(body, usedforsecurity=False)
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if is_new else {}
        try:
            with self._turn() as client:
                answer = client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=body,
                    ACL="private",
                    ContentType="application/json",
                    ContentMD5=b64encode(md5.digest()).decode(),
                    **condition,
                )
        except ClientError as error:
            self._is_bucket_there = code_of(error) != "NoSuchBucket"
            raise
        self._is_bucket_there = True
        if "ETag" not in answer:
            raise self._refusals.left_out("ETag")
        if answer["ETag"].strip('"') != md5.hexdigest():
            raise self._refusals.other_bytes(self._prefix + key)

    def _create_after_a_look(self, key: str, body: bytes) -> bool:
        """Without a condition: what another writes between look and put is replaced."""
        if (found := self.head(key)) is not None:
            return found.etag == etag_of(body)
        self.put(key, body)
        return True

    def _described(self, key: str, told: Mapping[str, Any], size: str) -> StoredObject:
        if missing := {"ETag", size} - told.keys():
            raise self._refusals.left_out(" and no ".join(sorted(missing)))
        return StoredObject(key, told["ETag"].strip('"'), told[size])

    def _check_bucket(self) -> None:
        """A HEAD's answer has no body to say that the bucket is missing, so that is asked once."""
        if self._is_bucket_there:
            return
        try:
            with self._turn() as client:
                client.head_bucket(Bucket=self._bucket)
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
