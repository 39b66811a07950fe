"""Buckets on test servers, and stores in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3

from fbsync.ports import ObjectStore
from fbsync.store.s3_endpoint import S3Endpoint
from fbsync.store.spaces import SpacesStore
from tests.servers import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "mirror"


def spaces(
    server: S3Server, prefix: str = "", *, bucket: str = BUCKET, **changes: Any
) -> SpacesStore:
    """A store on a test server, in a prefix of its own."""
    settings: dict[str, Any] = {
        "region": "nyc3",
        "address": server.endpoint,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "path_style": True,
        "ca_file": server.ca_file,
    } | changes
    prefix = prefix or f"facebook-{uuid4().hex}"
    return SpacesStore(S3Endpoint(**settings), bucket, prefix)


def keys_in(store: ObjectStore, prefix: str = "") -> list[str]:
    """The keys of a store, as it lists them."""
    return [found.key for found in store.list(prefix)]


@contextmanager
def bare_client(server: S3Server) -> Iterator["S3Client"]:
    """boto3 by itself, as a person who looks into the bucket."""
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        verify=server.ca_file,
    )
    try:
        yield client
    finally:
        client.close()


@cache
def make_bucket(server: S3Server) -> None:
    """Where it is missing; tests remove none."""
    with bare_client(server) as client:
        if BUCKET not in [bucket.get("Name") for bucket in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=BUCKET)
