"""A PUT of a small object in one try, by the parts that boto3's client is made of.

The client itself takes almost twice the processor time for it: with each call it finds out the
endpoint, the addressing and the signature, which are always the same here, and asks some fifty
handlers. Whatever is no plain success is left to it: it tries again, and tells what is wrong.
"""

import hashlib
import socket
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from fbsync.store.s3_client import CONNECT_SECONDS, READ_SECONDS
from fbsync.store.s3_endpoint import S3Endpoint
from fbsync.store.unanswered import UnansweredTries

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Else the body waits until the server has confirmed the headers, some 40 ms.
_AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_HEADERS = {"Content-Type": "application/json", "x-amz-acl": "private"}


class QuickPut:
    """Puts private JSON documents into one bucket; safe in threads.

    `client` knows where the bucket is; `tries` is told how each put ended.
    """

    def __init__(
        self, client: "S3Client", bucket: str, endpoint: S3Endpoint, tries: UnansweredTries
    ) -> None:
        self._tries = tries
        self._address = _address(client, bucket)
        credentials = Credentials(endpoint.access_key, endpoint.secret_key)
        self._signature = S3SigV4Auth(credentials, "s3", endpoint.region)
        seconds = (CONNECT_SECONDS, READ_SECONDS)
        self._session = URLLib3Session(
            verify=endpoint.verify,  # type: ignore[arg-type]  # a file too, as the client gives it
            proxies=get_environ_proxies(self._address),
            timeout=seconds,  # type: ignore[arg-type]  # both limits, as the client gives them
            max_pool_connections=endpoint.connections,
            socket_options=[_AT_ONCE],  # type: ignore[list-item]  # what a socket takes
        )

    def put(self, key: str, body: bytes, *, is_new: bool = False) -> bool:
        """Whether the server surely has these bytes now; with `is_new`, they replace nothing.

        False says nothing: it may have them all the same. Raises nothing.
        """
        md5 = hashlib.md5(body, usedforsecurity=False)
        headers = {**_HEADERS, "Content-MD5": b64encode(md5.digest()).decode()}
        if is_new:
            headers["If-None-Match"] = "*"
        request = AWSRequest("PUT", self._address + quote(key, safe="/~"), headers, body)
        self._signature.add_auth(request)
        try:
            answer = self._session.send(request.prepare())
        except BotoCoreError as error:  # the client meets the same, and tells it
            self._tries.note(None, error)
            return False
        self._tries.note(answer.status_code, None)
        told = str(answer.headers.get("ETag", "")).strip('"')
        return bool(answer.status_code == 200 and told == md5.hexdigest())


def _address(client: "S3Client", bucket: str) -> str:
    """Of the bucket, with a slash at the end, as the client addresses it."""
    signed = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "key"})
    return urlsplit(signed)._replace(query="").geturl().removesuffix("key")
