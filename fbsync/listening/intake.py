"""The application with what it records into, for a listener or for a program that mounts it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.routing import Route

from fbsync.database.handshakes import Handshake
from fbsync.listening.application import BASE_PATH, Callback, build_app
from fbsync.listening.group_commit import GroupCommit
from fbsync.listening.handshake_log import HandshakeLog
from fbsync.notice import Notice
from fbsync.webhook import Delivery


@contextmanager
def intake(
    group_commit: GroupCommit,
    *,
    app_secret: str,
    verify_token: str,
    report: Callable[[Notice], None],
    record_handshakes: Callable[[Collection[Handshake]], None],
    recorded: Callable[[], None],
    further: Sequence[Route] = (),
    base: str = BASE_PATH,
) -> Iterator[Starlette]:
    """The application for the block; the group commit must be entered already.

    `report` is told of each request, and `recorded` that there are new marks. `further` routes are
    served beside the webhook's, which is `base` and "/webhook".
    """

    async def record(delivery: Delivery) -> None:
        await group_commit.record(delivery)
        recorded()

    with HandshakeLog(record_handshakes) as handshakes:
        callback = Callback(app_secret, verify_token, record, report, handshakes.note)
        yield build_app(callback, *further, base=base)
