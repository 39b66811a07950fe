"""boto3's client for an S3 server such as Ceph's gateway, which stands behind Spaces.

boto3 takes a fifth of a second to load, so this is loaded at the first request alone.
"""

from typing import TYPE_CHECKING, Literal

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.session import Session as BotocoreSession

from fbsync.store.s3_endpoint import S3Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 4
READ_SECONDS = 12
ATTEMPTS = 3
"""Of one request by the client, all together; a put has one more before.

A put, and the HEAD that settles a lost answer, must be over within ports.LONGEST_PUT_SECONDS."""

GLANCE = (2, 4, 2)
"""The same three where `is_glance`: a busy server is asked once more, a silent one not for long."""


def make_client(endpoint: S3Endpoint) -> "S3Client":
    """Only the given credentials and endpoint count: the machine's AWS settings are left alone."""
    client: S3Client = _bare_session().client(
        "s3",
        region_name=endpoint.region,
        endpoint_url=endpoint.address,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        config=_config(endpoint),
        verify=endpoint.verify,
    )
    client.meta.events.register("request-created.s3.PutObject", _send_at_once)
    return client


def _send_at_once(request: AWSRequest, **_: object) -> None:
    """Without asking the server first whether the body is welcome: ours are short.

    To ask (HTTP, "100-continue") would cost each put one more way there and back.
    """
    del request.headers["Expect"]


def _config(endpoint: S3Endpoint) -> Config:
    addressing_style: Literal["path", "virtual"] = "path" if endpoint.path_style else "virtual"
    waits = (CONNECT_SECONDS, READ_SECONDS, ATTEMPTS)
    connect_seconds, read_seconds, attempts = GLANCE if endpoint.is_glance else waits
    # Checksums by default break S3 servers such as the one behind Spaces (boto3 1.36, "Data
    # integrity protections"); Content-MD5 does the same work and every server checks it.
    return Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        max_pool_connections=endpoint.connections,
        parameter_validation=False,  # they are always the same few, and it takes time of each put
        signature_version="s3v4",
        use_fips_endpoint=False,  # else the machine's settings decide, and refuse another endpoint
        use_dualstack_endpoint=False,
        s3={
            "addressing_style": addressing_style,
            "us_east_1_regional_endpoint": "regional",  # the default; as for the two above
        },
    )


def _bare_session() -> boto3.session.Session:
    """A session that reads no profile, configuration file or AWS_ variable of this machine."""
    botocore = BotocoreSession()
    for variable in list(botocore.session_var_map):
        _, _, default, convert = botocore.session_var_map[variable]
        botocore.session_var_map[variable] = (None, None, default, convert)
    for variable in ("profile", "config_file", "credentials_file"):
        botocore.session_var_map[variable] = (None, None, None, None)
    return boto3.session.Session(botocore_session=botocore)
