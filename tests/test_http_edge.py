"""The edge on real sockets: what a client may do, how long, and how it is told."""

import contextlib
import socket
import struct
import threading
from asyncio import selector_events
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import h11
import httpx
import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from fbsync.listening.http_edge import MAX_HEADER_BYTES, READ_BYTES, HttpEdge
from fbsync.listening.outlet import LINGER_BYTES
from fbsync.listening.request_body import Refusal, read_body
from tests.edge_server import Edge, behind_the_edge, read_to_its_end, status
from tests.servers import wait_until

MAX_BODY = 4 * 1024 * 1024
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\nab"
HALF = HEAD + b"Content-Length: 2\r\n\r\na"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HELD = b"POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"


@dataclass
class Application:
    """Echoes a body's length; holds requests in hand until `go`."""

    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)

    async def echo(self, request: Request) -> Response:
        try:
            return PlainTextResponse(str(len(await read_body(request, MAX_BODY))))
        except Refusal as refusal:
            return JSONResponse({"message": refusal.detail}, refusal.status, refusal.headers)

    async def hold(self, request: Request) -> Response:
        await read_body(request, MAX_BODY)
        self.arrived.release()
        await run_in_threadpool(self.go.wait)
        return PlainTextResponse("held")

    async def say_some(self, request: Request) -> Response:
        return PlainTextResponse("x" * 100_000)

    async def say_much(self, request: Request) -> Response:
        return PlainTextResponse("x" * 100_000_000)

    async def fail(self, request: Request) -> Response:
        raise LookupError("a-secret")

    def build(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.echo, methods=["GET", "POST"]),
                Route("/held", self.hold, methods=["POST"]),
                Route("/some", self.say_some),
                Route("/much", self.say_much),
                Route("/fail", self.fail),
            ]
        )


@pytest.fixture
def application() -> Iterator[Application]:
    made = Application()
    yield made
    made.go.set()


@pytest.fixture
def edge(application: Application) -> Iterator[Edge]:
    with behind_the_edge(application.build()) as server:
        yield server


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every deadline is a fraction of a second."""
    for name in ("RECEIVE", "ANSWER_LATE", "UNREAD", "CLOSE", "LINGER"):
        monkeypatch.setattr(f"fbsync.listening.http_edge.{name}_SECONDS", 0.3)


@pytest.mark.usefixtures("hasty")
class TestDeadline:
    @pytest.mark.parametrize(
        ("sent", "answered", "ending"),
        [
            (b"", b"", "silent"),
            (b"P", b"408", "slow_headers"),
            (HEAD, b"408", "slow_headers"),
            (b"GET /\r\n", b"408", "slow_headers"),
            (HEAD + b"Content-Length: 2\r\n\r\n", b"408", "slow_body"),
            (HALF, b"408", "slow_body"),
            (CHUNKED + b"1\r\na\r\n", b"408", "slow_body"),
            (CHUNKED + b"ff", b"408", "slow_body"),
        ],
    )
    def test_a_client_that_stalls_is_closed(
        self, edge: Edge, sent: bytes, answered: bytes, ending: str
    ) -> None:
        with edge.connect(sent) as client:
            assert read_to_its_end(client)[9:12] == answered
        wait_until(lambda: edge.ended() == {ending: 1}, "the count")
        wait_until(lambda: len(edge.connections) == 0, "the end of the connection")

    @pytest.mark.parametrize("sent", [HEAD + b"X: ", HEAD + b"Content-Length: 9999\r\n\r\n"])
    def test_dribbling_wins_no_time(self, edge: Edge, sent: bytes) -> None:
        with edge.connect(sent) as client:
            client.settimeout(0.02)
            answer = b""
            while not answer:
                client.sendall(b"a")
                with contextlib.suppress(TimeoutError):
                    answer = client.recv(1024)
            assert answer[9:12] == b"408"

    def test_a_kept_connection_has_the_same_time_for_its_next_request(self, edge: Edge) -> None:
        with edge.connect(WHOLE) as client:
            assert status(client) == 200
            client.sendall(HEAD)
            assert status(client) == 408

    def test_half_a_request_behind_a_whole_one_has_no_longer(self, edge: Edge) -> None:
        with edge.connect(WHOLE + HALF) as client:
            assert read_to_its_end(client).count(b"HTTP/1.1 200 OK") == 1
        assert edge.ended() == {"slow_body": 1}

    @pytest.mark.parametrize("request_line", [b"GET /much", b"GET /some"])
    def test_a_client_that_does_not_read_is_closed(self, edge: Edge, request_line: bytes) -> None:
        with edge.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            many = request_line + b" HTTP/1.1\r\nHost: x\r\n\r\n"
            with contextlib.suppress(OSError):  # closed in the midst of it
                client.settimeout(30)
                for _ in range(1_000):
                    client.sendall(many * 100)
            wait_until(lambda: edge.ended().get("unread") == 1, "the end")


def test_a_client_that_reads_after_a_pause_gets_all_its_answers(edge: Edge) -> None:
    with edge.connect() as client:
        client.sendall(b"GET /some HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
        wait_until(lambda: any(one.flow.write_paused for one in protocols(edge)), "the pause")
        assert status_lines(client, 300) == [b"HTTP/1.1 200 OK"] * 300
    assert edge.ended() == {}


def protocols(edge: Edge) -> list[HttpEdge]:
    return [one for one in list(edge.connections._open) if isinstance(one, HttpEdge)]


def test_an_idle_connection_is_closed_without_a_word(application: Application) -> None:
    with (
        behind_the_edge(application.build(), idle_seconds=0) as edge,
        edge.connect(WHOLE) as client,
    ):
        assert status(client) == 200
        assert read_to_its_end(client) == b""
    assert edge.ended() == {"idle": 1}
    assert edge.notices == []


def sent_in_full(head: bytes, piece: bytes, count: int) -> Callable[[socket.socket], None]:
    """A client that sends all of it before it reads."""

    def send(client: socket.socket) -> None:
        client.sendall(head)
        for _ in range(count):
            client.sendall(piece)

    return send


LONG = 2 * MAX_BODY
PIECE = b"x" * 65536
CHUNK = b"10000\r\n" + PIECE + b"\r\n"


class TestSize:
    @pytest.mark.parametrize(
        "send",
        [
            sent_in_full(HEAD + b"Content-Length: %d\r\n\r\n" % LONG, PIECE, LONG // len(PIECE)),
            sent_in_full(CHUNKED, CHUNK, LONG // len(PIECE)),
        ],
        ids=["with its length in front", "chunked"],
    )
    def test_who_sends_a_long_body_can_read_the_413(
        self, edge: Edge, send: Callable[[socket.socket], None]
    ) -> None:
        with edge.connect() as client:
            send(client)
            answer = read_to_its_end(client)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
        assert edge.ended() == {"cut_short": 1}

    def test_a_length_that_is_too_long_is_answered_before_the_body_comes(self, edge: Edge) -> None:
        sent = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % LONG
        with edge.connect(sent) as client:
            assert read_to_its_end(client).startswith(b"HTTP/1.1 413 ")

    @pytest.mark.parametrize("path", [b"/", b"/nowhere"])
    def test_a_client_that_stays_after_the_answer_is_left(
        self, edge: Edge, monkeypatch: pytest.MonkeyPatch, path: bytes
    ) -> None:
        monkeypatch.setattr("fbsync.listening.http_edge.RECEIVE_SECONDS", 3600.0)
        monkeypatch.setattr("fbsync.listening.http_edge.LINGER_SECONDS", 0.2)
        head = HEAD.replace(b"/", path, 1) + b"Content-Length: %d\r\n\r\n" % LONG
        with edge.connect(head) as client:
            wait_until(lambda: edge.ended() == {"cut_short": 1}, "the answer")
            wait_until(partial(has, edge, 0), "the end of the lingering", 30)
            assert client.recv(65536)

    @pytest.mark.usefixtures("hasty")
    def test_a_client_that_never_stops_is_cut_off(self, edge: Edge) -> None:
        with edge.connect(HEAD + b"Content-Length: %d\r\n\r\n" % 10**12) as client:
            sent = 0
            with contextlib.suppress(OSError):
                while True:
                    sent += client.send(PIECE)
        assert sent < 4 * LINGER_BYTES  # and what the two systems keep on the way
        wait_until(lambda: len(edge.connections) == 0, "the end of the connection")

    @pytest.mark.parametrize("at_once", [True, False])
    @pytest.mark.parametrize("line", [b"X: %s\r\n", b"X: 1\r\n"])
    def test_long_headers_are_431(self, edge: Edge, line: bytes, at_once: bool) -> None:
        filled = line % (b"x" * 40_000) if b"%" in line else line * 10_000
        with edge.connect() as client:
            parts = [HEAD + filled] if at_once else [HEAD, *([filled[:1000]] * 40)]
            for part in parts:
                client.sendall(part)
            assert read_to_its_end(client).startswith(b"HTTP/1.1 431 ")
        assert edge.ended() == {"long_headers": 1}

    def test_headers_up_to_the_limit_are_read(self, edge: Edge) -> None:
        end = b"Content-Length: 2\r\n\r\nab"
        filler = b"X: " + b"x" * (MAX_HEADER_BYTES - len(HEAD) - len(end) - 3) + b"\r\n"
        with edge.connect(HEAD + filler + end) as client:
            assert status(client) == 200

    def test_a_chunk_with_an_endless_extension_is_refused(self, edge: Edge) -> None:
        with edge.connect(CHUNKED + b"1;" + b"x" * 40_000) as client:
            assert read_to_its_end(client).startswith(b"HTTP/1.1 431 ")

    def test_a_body_that_nobody_asked_for_is_not_waited_for(self, edge: Edge) -> None:
        with edge.connect(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n") as one:
            assert read_to_its_end(one).startswith(b"HTTP/1.1 404 ")

    def test_half_received_bodies_share_a_limit_and_the_largest_goes(
        self, edge: Edge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.listening.connections.MAX_HELD_BYTES", 1_000_000)
        head = HEAD + b"Content-Length: 900000\r\n\r\n"
        with edge.connect(head + b"x" * 600_000) as large, edge.connect(HALF) as small:
            wait_until(lambda: held(edge) > 600_000, "the first part")
            small.sendall(b"a")
            assert status(small) == 200
            with edge.connect(head + b"x" * 500_000) as other:
                assert_closed(large)
                other.sendall(b"x" * 400_000)
                assert status(other) == 200
        assert edge.ended() == {"memory": 1}


def has(edge: Edge, count: int) -> bool:
    return len(edge.connections) == count


def held(edge: Edge) -> int:
    return sum(one.held for one in protocols(edge))


def assert_closed(client: socket.socket) -> None:
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b""


class TestPermitted:
    def test_requests_may_come_one_behind_the_other(self, edge: Edge) -> None:
        with edge.connect((WHOLE + GET) * 50) as client:
            assert status_lines(client, 100) == [b"HTTP/1.1 200 OK"] * 100

    def test_who_waits_for_a_100_gets_it(self, edge: Edge) -> None:
        with edge.connect(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n") as client:
            assert client.recv(1024).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"ab")
            assert status(client) == 200

    def test_a_client_may_close_its_side_and_still_gets_the_answer(
        self, edge: Edge, application: Application
    ) -> None:
        with edge.connect(HELD) as client:
            client.shutdown(socket.SHUT_WR)
            application.arrived.acquire()
            application.go.set()
            assert read_to_its_end(client).startswith(b"HTTP/1.1 200 ")
        assert edge.ended() == {}

    @pytest.mark.parametrize(
        "sent",
        [
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ],
    )
    def test_odd_requests_get_an_answer(self, edge: Edge, sent: bytes) -> None:
        with edge.connect(sent) as client:
            assert read_to_its_end(client).startswith(b"HTTP/1.1 ")
        wait_until(lambda: len(edge.connections) == 0, "the end of the connection")
        assert (edge.ended(), edge.notices) == ({}, [])


def status_lines(client: socket.socket, count: int) -> list[bytes]:
    """Of the next answers, which must all come."""
    found = []
    with client.makefile("rb") as answers:
        for _ in range(count):
            found.append(answers.readline().rstrip())
            headers = iter(answers.readline, b"\r\n")
            (length,) = (int(line[15:]) for line in headers if line.startswith(b"content-length:"))
            assert len(answers.read(length)) == length
    return found


NOT_HTTP = [
    b"GET /\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"G\xffT / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA\x00: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n continued: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",  # without Host
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    CHUNKED + b"zz\r\n",
    b"HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\r\n\r\n",
]


class TestNotHttp:
    @pytest.mark.parametrize("sent", NOT_HTTP)
    def test_what_is_not_http_is_400_and_one_line(self, edge: Edge, sent: bytes) -> None:
        with edge.connect(sent) as client:
            assert read_to_its_end(client)[:13] == b"HTTP/1.1 400 "
        assert edge.ended() == {"malformed": 1}
        assert [(one.detail.split()[0], one.status) for one in edge.notices] == [("malformed", 400)]

    def test_a_broken_request_behind_a_whole_one_does_not_harm_it(self, edge: Edge) -> None:
        with edge.connect(WHOLE + b"G\xffT\r\n\r\n") as client:
            answers = read_to_its_end(client)
        assert answers.startswith(b"HTTP/1.1 200 OK")
        assert b"HTTP/1.1 400 " in answers

    def test_a_broken_body_behind_an_answer_is_no_error_of_ours(self, edge: Edge) -> None:
        with edge.connect(CHUNKED.replace(b" / ", b" /nowhere ")) as client:
            assert status_lines(client, 1) == [b"HTTP/1.1 404 Not Found"]
            with contextlib.suppress(OSError):
                client.sendall(b"zz\r\n")
            assert_closed(client)
        assert edge.ended() == {"cut_short": 1}

    @pytest.mark.parametrize("sent", [b"", HEAD, HALF, WHOLE, HELD])
    def test_a_client_that_resets_is_no_error_of_ours(
        self, edge: Edge, sent: bytes, application: Application
    ) -> None:
        client = edge.connect(sent)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        application.go.set()
        wait_until(lambda: len(edge.connections) == 0, "the end of the connection")
        assert httpx.get(edge.url, trust_env=False).status_code == 200
        assert edge.notices == []


class TestRoom:
    @pytest.fixture
    def edge(self, application: Application) -> Iterator[Edge]:
        with behind_the_edge(application.build(), limit=3) as server:
            yield server

    @pytest.mark.parametrize("sent", [b"", HEAD, HALF])
    def test_who_waits_longest_makes_room_for_a_new_one(self, edge: Edge, sent: bytes) -> None:
        with contextlib.ExitStack() as clients:
            hostile = []
            for count in range(1, 4):
                hostile.append(clients.enter_context(edge.connect(sent)))
                wait_until(partial(has, edge, count), "the place")
            for _ in range(3):
                assert httpx.post(edge.url, content=b"ab", trust_env=False).text == "2"
            assert_closed(hostile[0])
        assert edge.ended()["evicted"] == 1
        assert [notice.kind for notice in edge.notices] == ["refused"]

    def test_requests_in_hand_keep_their_places(self, edge: Edge, application: Application) -> None:
        with contextlib.ExitStack() as clients:
            honest = [clients.enter_context(edge.connect(HELD)) for _ in range(2)]
            for _ in honest:
                application.arrived.acquire()
            for _ in range(20):
                clients.enter_context(edge.connect())
            wait_until(lambda: edge.ended().get("evicted") == 19, "the evictions")
            application.go.set()
            assert [status(client) for client in honest] == [200, 200]

    def test_if_all_places_are_in_work_a_new_one_is_refused(
        self, edge: Edge, application: Application
    ) -> None:
        with contextlib.ExitStack() as clients:
            honest = [clients.enter_context(edge.connect(HELD)) for _ in range(3)]
            for _ in honest:
                application.arrived.acquire()
            with edge.connect() as late:
                assert_closed(late)
            assert edge.ended() == {"full": 1}
            application.go.set()
            assert [status(client) for client in honest] == [200, 200, 200]


class TestErrorsOfOurs:
    def test_an_unforeseen_one_is_500_and_one_line_without_its_text(
        self, edge: Edge, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert httpx.get(f"{edge.url}/fail", trust_env=False).status_code == 500
        wait_until(lambda: len(edge.notices) == 1, "the notice")
        (notice,) = edge.notices
        assert notice.detail.startswith("500 LookupError at test_http_edge.py:")
        assert "a-secret" not in notice.detail
        assert capfd.readouterr() == ("", "")


class TestShutdown:
    @pytest.mark.parametrize("sent", [b"", HEAD, HALF, CHUNKED, GET])
    def test_it_ends_whatever_clients_do(self, edge: Edge, sent: bytes) -> None:
        with edge.connect(sent) as client:
            if sent == GET:
                assert status(client) == 200
            else:
                wait_until(lambda: len(edge.connections) == 1, "the connection")
            edge.shutdown.begin()
            edge.thread.join(30)
            assert not edge.thread.is_alive()
            assert_closed_after_answers(client)
        assert len(edge.connections) == 0

    def test_a_request_in_hand_gets_its_answer_and_a_new_one_no_connection(
        self, edge: Edge, application: Application
    ) -> None:
        with edge.connect(HELD) as client:
            application.arrived.acquire()
            edge.shutdown.begin()
            wait_until(lambda: is_refused(edge), "the end of the listening")
            application.go.set()
            assert read_to_its_end(client).startswith(b"HTTP/1.1 200 ")

    def test_a_request_that_is_just_coming_is_still_answered(
        self, edge: Edge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.listening.http_edge.FAREWELL_SECONDS", 60.0)
        with edge.connect(HALF) as client:
            wait_until(lambda: held(edge) > 0, "the first half")
            edge.shutdown.begin()
            wait_until(lambda: is_refused(edge), "the end of the listening")
            client.sendall(b"b")
            assert read_to_its_end(client).startswith(b"HTTP/1.1 200 ")


def assert_closed_after_answers(client: socket.socket) -> None:
    with contextlib.suppress(ConnectionResetError):
        read_to_its_end(client)


def is_refused(edge: Edge) -> bool:
    try:
        edge.connect().close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


class TestUvicorn:
    """What the edge uses of uvicorn without being promised it."""

    def test_its_protocol_still_has_the_methods_that_the_edge_takes_over(self) -> None:
        for name in (
            "send_400_response",
            "on_response_complete",
            "timeout_keep_alive_handler",
            "shutdown",
        ):
            assert callable(getattr(H11Protocol, name)), name

    def test_its_protocol_still_has_the_attributes_that_the_edge_reads(self) -> None:
        names = H11Protocol.__init__.__code__.co_names
        for name in ("conn", "cycle", "flow", "transport", "logger", "app_state", "loop"):
            assert name in names, name
        assert "write_paused" in FlowControl.__init__.__code__.co_names
        assert "response_complete" in RequestResponseCycle.__init__.__code__.co_names

    def test_asyncio_still_reads_no_more_at_once_than_a_transport_allows(self) -> None:
        transport = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]  # as above
        assert transport.max_size > READ_BYTES
        assert "max_size" in transport._read_ready__data_received.__code__.co_names

    def test_h11_still_has_the_states_that_the_edge_looks_at(self) -> None:
        connection = h11.Connection(h11.SERVER)
        assert (connection.their_state, connection.our_state) == (h11.IDLE, h11.IDLE)
        connection.receive_data(HALF)
        assert connection.trailing_data == (HALF, False)
        connection.next_event()
        assert (connection.their_state, connection.our_state) == (h11.SEND_BODY, h11.SEND_RESPONSE)
