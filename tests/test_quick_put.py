"""The quick way to put, beside boto3's client: the same request, one try, no error."""

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from fbsync.ports import etag_of
from fbsync.store.quick_put import QuickPut
from fbsync.store.s3_endpoint import S3Endpoint
from fbsync.store.unanswered import UnansweredTries
from tests.ports import free_port
from tests.refusing_server import Answer, RefusingServer, refusing_server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BODY = b'{"name": "Caf\xc3\xa9"}'
STORED = Answer(200, headers={"ETag": f'"{etag_of(BODY)}"'})


def client(endpoint: str, style: str = "path") -> "S3Client":
    addressing: Any = {"addressing_style": style}
    config = Config(s3=addressing, retries={"total_max_attempts": 1})
    return boto3.client(
        "s3",
        region_name="nyc3",
        endpoint_url=endpoint,
        aws_access_key_id="AKIA0123",
        aws_secret_access_key="secret",  # noqa: S106 - of a server that looks at none
        config=config,
    )


def quick(endpoint: str, bucket: str = "mirror", style: str = "path") -> QuickPut:
    server = S3Endpoint("nyc3", endpoint, "AKIA0123", "secret")
    return QuickPut(client(endpoint, style), bucket, server, UnansweredTries())


def lines_of(server: RefusingServer) -> dict[str, str]:
    ((_, headers),) = server.requests
    return dict(headers)


@pytest.mark.parametrize(
    ("bucket", "style", "address"),
    [
        ("mirror", "path", "https://nyc3.example.com/mirror/"),
        ("mirror", "virtual", "https://mirror.nyc3.example.com/"),
        ("my.mirror", "virtual", "https://nyc3.example.com/my.mirror/"),
    ],
)
def test_it_goes_where_the_client_goes(bucket: str, style: str, address: str) -> None:
    put = quick("https://nyc3.example.com", bucket, style)
    assert put._address == address


def test_it_says_what_the_client_says() -> None:
    with refusing_server({"PUT": STORED}) as server:
        assert quick(server.endpoint).put("facebook/1/page_data.json", BODY, is_new=True)
        ours = lines_of(server)
    with refusing_server({"PUT": STORED}) as server:
        client(server.endpoint).put_object(
            Bucket="mirror",
            Key="facebook/1/page_data.json",
            Body=BODY,
            ACL="private",
            ContentType="application/json",
            ContentMD5=ours["content-md5"],
            IfNoneMatch="*",
        )
        theirs = lines_of(server)
    same = (
        *("content-length", "content-md5", "content-type", "if-none-match", "x-amz-acl"),
        "x-amz-content-sha256",
    )
    assert {name: ours[name] for name in same} == {name: theirs.get(name) for name in same}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, headers={"ETag": '"of something else"'}),
        Answer(200),
        Answer(412, "PreconditionFailed"),
        Answer(503, "SlowDown"),
        Answer(307, headers={"Location": "http://127.0.0.1:1/"}),
    ],
    ids=["other bytes", "no ETag", "taken", "busy", "elsewhere"],
)
def test_whatever_is_no_plain_success_is_tried_once_and_left_to_the_client(answer: Answer) -> None:
    with refusing_server({"PUT": answer}) as server:
        assert not quick(server.endpoint).put("1/page_data.json", BODY)
        assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_no_error_yet() -> None:
    assert not quick(f"http://127.0.0.1:{free_port()}").put("1/page_data.json", BODY)
