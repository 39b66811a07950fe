"""What `fbsync sync` is measured beside, each as a process: `python -m bench.sync_rivals NAME`.

tutorial  one GET and one PUT for each page, one after another, as a first script does it
puts      bare boto3: the given files, put by several threads, and nothing else
hashing   the same requests and answers as fbsync's poll; each page is parsed, made canonical and
          hashed, and nothing is kept

Each reads an Order from standard input and prints the seconds of its work, without its start.
"""

import hashlib
import hmac
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Order:
    """Where the Graph API and the store are, and what to read or to put."""

    graph: str
    fields: str
    app_id: str
    app_secret: str = field(repr=False)
    user_token: str = field(repr=False)
    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str
    files: str
    threads: int


def tutorial(order: Order) -> None:
    """Read each page by itself, with its own token, and put its document."""
    client = _s3(order)
    with httpx.Client(base_url=order.graph, trust_env=False) as graph:
        listed = list(_accounts(graph, order, "id,access_token"))
        for page in listed:
            params = {"fields": order.fields, "access_token": page["access_token"]}
            answer = graph.get(f"/{page['id']}", params=params)
            answer.raise_for_status()
            key = f"{order.prefix}/{page['id']}/page_data.json"
            body = json.dumps(answer.json(), indent=2, ensure_ascii=False).encode()
            client.put_object(
                Bucket=order.bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
                ACL="private",
            )


def puts(order: Order, bodies: dict[str, bytes]) -> None:
    """Put all of them."""
    client = _s3(order)

    def put(key: str) -> None:
        client.put_object(
            Bucket=order.bucket,
            Key=f"{order.prefix}/{key}",
            Body=bodies[key],
            ContentType="application/json",
            ACL="private",
        )

    with ThreadPoolExecutor(order.threads) as pool:
        for _ in pool.map(put, bodies):
            pass


def hashing(order: Order) -> None:
    """Read and hash all pages, with the tokens in bodies: each part is a batch of one."""
    params = {"fields": f"{order.fields},name,access_token,tasks", "limit": "100"}
    params |= {
        "access_token": order.user_token,
        "appsecret_proof": _proof(order, order.user_token),
    }
    app_token = f"{order.app_id}|{order.app_secret}"
    headers, proof = {"Authorization": f"Bearer {app_token}"}, _proof(order, app_token)
    with httpx.Client(base_url=order.graph, trust_env=False) as graph:
        while True:
            items = [{"method": "GET", "relative_url": f"me/accounts?{urlencode(params)}"}]
            form = {"batch": json.dumps(items), "appsecret_proof": proof}
            answer = graph.post("/", data=form, headers=headers)
            answer.raise_for_status()
            part = json.loads(answer.json()[0]["body"])
            for page in part["data"]:
                text = json.dumps(page, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
                hashlib.sha256(text.encode()).hexdigest()
            if "next" not in part.get("paging", {}):
                return
            params["after"] = part["paging"]["cursors"]["after"]


def _proof(order: Order, token: str) -> str:
    return hmac.new(order.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _accounts(graph: httpx.Client, order: Order, fields: str) -> Iterator[dict[str, Any]]:
    params = {"fields": fields, "limit": "100", "access_token": order.user_token}
    while True:
        answer = graph.get("/me/accounts", params=params)
        answer.raise_for_status()
        part = answer.json()
        yield from part["data"]
        if "next" not in part.get("paging", {}):
            return
        params["after"] = part["paging"]["cursors"]["after"]


def _s3(order: Order) -> "S3Client":
    """As boto3 makes it by itself; a server on loopback needs no more than its address."""
    import boto3  # not for "hashing", which needs none

    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=order.endpoint,
        aws_access_key_id=order.access_key,
        aws_secret_access_key=order.secret_key,
    )


def main() -> None:
    """Carry the order out."""
    order = Order(**json.load(sys.stdin))
    files = Path(order.files)
    bodies = {}
    if sys.argv[1] == "puts":
        found = sorted(path for path in files.rglob("*.json"))
        bodies = {str(path.relative_to(files)): path.read_bytes() for path in found}
    begun = time.perf_counter()
    match sys.argv[1]:
        case "tutorial":
            tutorial(order)
        case "puts":
            puts(order, bodies)
        case "hashing":
            hashing(order)
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main()
