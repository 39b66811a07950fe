"""What talks to one bucket: boto3's client, the quick put beside it, and what became of its tries.

boto3 takes a fifth of a second to load, so this is loaded at the first request alone.
"""

import threading

from fbsync.store.quick_put import QuickPut
from fbsync.store.s3_client import make_client
from fbsync.store.s3_endpoint import S3Endpoint
from fbsync.store.unanswered import UnansweredTries


class S3Wire:
    """One for all threads: the tries that the client tells of are those that `tries` counts."""

    def __init__(self, endpoint: S3Endpoint, bucket: str) -> None:
        self.client = make_client(endpoint)
        self.tries = UnansweredTries()
        self.quick = QuickPut(self.client, bucket, endpoint, self.tries)
        self.turns = threading.BoundedSemaphore(endpoint.connections)
        """One for each request: more than the connections would each open one for itself alone."""
        self.client.meta.events.register("needs-retry.s3.PutObject", self.tries.note_try)
