"""Which S3 server it is, however its address is written."""

import pytest

from fbsync.store.s3_endpoint import S3Endpoint

SPACES = "nyc3.digitaloceanspaces.com"


@pytest.mark.parametrize(
    ("address", "server"),
    [
        (f"https://{SPACES}", SPACES),
        (f"https://{SPACES}:443/", SPACES),
        (f"http://{SPACES}:80", SPACES),
        (f"https://{SPACES.upper()}.", SPACES),
        ("https://ams3.digitaloceanspaces.com", "ams3.digitaloceanspaces.com"),
        ("http://127.0.0.1:8333", "127.0.0.1:8333"),
        ("https://127.0.0.1:80", "127.0.0.1:80"),
        ("http://[::1]:8333", "[::1]:8333"),
        ("https://storage.example/one", "storage.example/one"),
    ],
)
def test_a_server_is_its_host_port_and_path(address: str, server: str) -> None:
    for path_style in (True, False):
        for region in ("nyc3", "us-east-1"):
            endpoint = S3Endpoint(region, address, "key", "secret", path_style)
            assert endpoint.server == server
