"""uvicorn's HTTP protocol under deadlines and limits, so that no client can hold a connection.

uvicorn has no deadline for receiving a request, waits without end for a client that does not read,
and drops an answer together with a body that is still on its way. So `HttpEdge` stands between the
socket and uvicorn's H11Protocol: it sees each event of the connection first, and uvicorn writes
and closes through an `Outlet`.

    opened -> receiving -> in hand -> idle -> receiving -> ...
       any of them -> lingering (answered, the rest of what comes is thrown away) -> ended

Used of uvicorn beyond what an asyncio.Protocol has: the constructor, `conn`, `cycle` with its
`response_complete`, `flow.write_paused`, `transport`, `logger`, `app_state`, and the methods
`send_400_response`, `on_response_complete`, `timeout_keep_alive_handler` and `shutdown`.
"""

import asyncio
import logging
from enum import Enum, auto
from math import inf
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from fbsync.listening.connections import Connections, Ending
from fbsync.listening.outlet import Outlet
from fbsync.listening.request_body import RECEIVING

RECEIVE_SECONDS = 10.0
"""How long a request may take to arrive, headers and body, however it dribbles. Decided here
alone: the application learns it by RECEIVING, and answers 408 where a body is late."""
ANSWER_LATE_SECONDS = 1.0
"""What the application has for that answer."""
UNREAD_SECONDS = 10.0
"""How long an answer may wait for a client that does not read."""
CLOSE_SECONDS = 5.0
LINGER_SECONDS = 2.0
FAREWELL_SECONDS = 0.5
"""What a half-received request has to complete when the server ends."""
MAX_HEADER_BYTES = 16 * 1024
READ_BYTES = 16 * 1024
"""Read at once, at most: bounds memory, and how far headers exceed their limit unnoticed."""


class Phase(Enum):
    """Where a connection is."""

    OPENED = auto()
    RECEIVING = auto()
    IN_HAND = auto()
    IDLE = auto()
    CLOSING = auto()
    LINGERING = auto()
    ENDED = auto()


class HttpEdge(H11Protocol):
    """One connection. Built by uvicorn from the last four arguments; see the module."""

    def __init__(
        self,
        connections: Connections,
        log: logging.Logger,
        /,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, RECEIVING: self}, _loop)
        self.logger = log
        self.held = 0
        self._connections = connections
        self._phase = Phase.OPENED
        self._set_deadline(RECEIVE_SECONDS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it in, if there is room."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # asyncio's; not in its types
        self._outlet = Outlet(transport, self._close)
        if self._connections.closing or not self._connections.admit(self):
            self._phase = Phase.ENDED
            self._outlet.abort()
            return
        super().connection_made(self._outlet)

    def data_received(self, data: bytes) -> None:
        """Pass it on while a request is awaited."""
        if self._phase is Phase.LINGERING:
            self._outlet.discard(len(data))
        if self._phase in (Phase.CLOSING, Phase.LINGERING, Phase.ENDED):
            return
        if self._phase is Phase.IDLE:
            self._set_deadline(RECEIVE_SECONDS)
        if self._phase in (Phase.OPENED, Phase.IDLE):
            self._phase = Phase.RECEIVING
        if self._phase is Phase.RECEIVING:
            self._connections.hold(self, len(data))
            if self._is_over():
                return
        super().data_received(data)
        if self._phase is Phase.RECEIVING and self._has_whole_request():
            self._take_in_hand()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn's is always None
        """A client that has sent its request and closed its side still gets the answer."""
        if self._phase is not Phase.IN_HAND:
            return None
        super().shutdown()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._leave_uvicorn(Phase.ENDED)
        self._connections.remove(self)

    def pause_writing(self) -> None:
        """The client does not read: it has until UNREAD_SECONDS from now."""
        super().pause_writing()
        if self._phase is Phase.IN_HAND:
            self._set_deadline(UNREAD_SECONDS)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._phase is Phase.IN_HAND:
            self.deadline = inf

    def send_400_response(self, msg: str) -> None:
        """Of uvicorn, for whatever h11 cannot read."""
        if len(self.conn.trailing_data[0]) > MAX_HEADER_BYTES:
            self._refuse(431, "The headers are too long.", "long_headers")
        else:
            self._refuse(400, msg, "malformed")

    def on_response_complete(self) -> None:
        """Of uvicorn, after each answer; may begin with the next request that has come already."""
        if self._is_over():
            return
        self._set_deadline(RECEIVE_SECONDS)
        super().on_response_complete()
        if self._is_over():
            return
        if not self.cycle.response_complete and self._has_whole_request():
            self._take_in_hand()
            return
        if self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()  # answered before its end: the rest of it is not wanted
            return
        self._connections.wait(self)
        self._phase = Phase.RECEIVING
        if self.cycle.response_complete and not self.conn.trailing_data[0]:
            self._phase = Phase.IDLE
            self.deadline = inf  # uvicorn's timer ends it
            if self._connections.closing:
                super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Of uvicorn, when an idle connection has waited long enough."""
        if not self.transport.is_closing():
            self._connections.note("idle")
        super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Of uvicorn: end after what is in hand, and soon where a request is half received."""
        if self.deadline < inf:
            self._set_deadline(FAREWELL_SECONDS)
        if self._phase in (Phase.OPENED, Phase.IDLE):
            self._connections.note("shutdown")
        if self._phase in (Phase.OPENED, Phase.IDLE, Phase.IN_HAND):
            super().shutdown()

    def expire(self, now: float) -> None:
        """End it in the way that fits its phase."""
        if self._phase is Phase.OPENED:
            self._connections.note("silent")
            self.transport.close()
        elif self._phase is not Phase.RECEIVING:
            self.cut("unread" if self._phase is not Phase.LINGERING else None)
        elif self._connections.closing:
            self.cut("shutdown")
        elif self.conn.their_state is h11.IDLE:
            self._refuse(408, "The headers did not come in time.", "slow_headers")
        elif now >= self.deadline + ANSWER_LATE_SECONDS:
            self.cut("slow_body")

    def cut(self, ending: Ending | None) -> None:
        """End at once, without an answer; None: it was counted before."""
        if ending:
            self._connections.note(ending)
        self._leave_uvicorn(Phase.ENDED)
        self._connections.remove(self)
        self._outlet.abort()

    def _close(self) -> None:
        """uvicorn closed the outlet."""
        if self._is_over():
            return
        if self.conn.their_state is h11.SEND_BODY:
            is_late = self.loop.time() >= self.deadline
            self._connections.note("slow_body" if is_late else "cut_short")
            self._linger()
        else:
            self._phase = Phase.CLOSING
            self._set_deadline(CLOSE_SECONDS)
            self._outlet.close_wire()

    def _refuse(self, status: int, message: str, ending: Ending) -> None:
        """Answer in place of the application, if nobody has answered yet."""
        self._connections.note(ending)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._outlet.answer(status, message)
        self._linger()

    def _linger(self) -> None:
        """Let the client read its answer though it still sends; for uvicorn the connection ends."""
        self._leave_uvicorn(Phase.LINGERING)
        self._connections.wait(self)
        self._set_deadline(LINGER_SECONDS)
        self._outlet.linger()

    def _leave_uvicorn(self, phase: Phase) -> None:
        """The connection goes on without uvicorn, or not at all."""
        is_known = self._phase not in (Phase.LINGERING, Phase.ENDED)
        self._phase = phase
        if is_known:
            super().connection_lost(None)

    def _take_in_hand(self) -> None:
        self._phase = Phase.IN_HAND
        self._connections.protect(self)
        self.deadline = inf
        if self.flow.write_paused:
            self._set_deadline(UNREAD_SECONDS)

    def _has_whole_request(self) -> bool:
        """Whether the application has, or can have, all of a request that it did not answer."""
        return self.conn.their_state not in (h11.IDLE, h11.SEND_BODY, h11.ERROR)

    def _is_over(self) -> bool:
        return self._phase in (Phase.CLOSING, Phase.LINGERING, Phase.ENDED)

    def _set_deadline(self, seconds: float) -> None:
        if self._connections.closing:
            seconds = min(seconds, FAREWELL_SECONDS)
        self.deadline = self.loop.time() + seconds
