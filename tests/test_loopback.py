"""The server that receives the login dialog's redirect, met as a browser meets it."""

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fbsync.errors import LoginFailed
from fbsync.listening.application import Callback, build_app, relay_route
from fbsync.login.loopback import RELAY_HEADER, LoopbackServer
from tests.ports import free_port
from tests.servers import serving
from tests.test_listening_application import SECRET, TOKEN

PATH = "/facebook/callback"
WAIT = 60.0  # how long a test waits for an answer that it gave before
DENIAL = {
    "error": "access_denied",
    "error_code": "200",
    "error_reason": "user_denied",
    "error_description": "Permissions error",
}


@dataclass(frozen=True)
class Login:
    """A login that waits, and the port of its redirect address."""

    server: LoopbackServer
    port: int

    def visit(
        self, query: dict[str, str], path: str = PATH, host: str = "127.0.0.1"
    ) -> httpx.Response:
        url = f"http://{host}:{self.port}{path}"
        return httpx.get(url, params=query, follow_redirects=True, trust_env=False, timeout=60)

    def answer(self, host: str = "127.0.0.1", **query: str) -> httpx.Response:
        """The dialog's answer, with the right state."""
        return self.visit({"state": self.server.state, **query}, host=host)

    def code(self) -> str:
        return self.server.wait(WAIT)


@contextmanager
def login_at(port: int) -> Iterator[Login]:
    with LoopbackServer(f"http://localhost:{port}{PATH}") as server:
        yield Login(server, port)


@pytest.fixture
def login() -> Iterator[Login]:
    with login_at(free_port()) as waiting:
        yield waiting


@pytest.fixture
def ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


def failure(login: Login) -> str:
    with pytest.raises(LoginFailed) as caught:
        login.code()
    return str(caught.value)


class TestAnswer:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_the_code_arrives_whatever_it_holds(self, login: Login, host: str) -> None:
        code = "AQ-_ &=%+é☕<script>"
        shown = login.answer(host, code=code)
        assert shown.status_code == 200
        assert "terminal" in shown.text
        assert login.code() == code

    @pytest.mark.usefixtures("ipv6")
    def test_a_browser_that_takes_localhost_for_ipv6_gets_through(self, login: Login) -> None:
        assert login.answer("[::1]", code="AQ").status_code == 200
        assert login.code() == "AQ"

    def test_a_machine_without_ipv6_waits_on_ipv4(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bind = socket.socket.bind

        def bind_ipv4(self: socket.socket, address: tuple[str, int]) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
            bind(self, address)

        monkeypatch.setattr(socket.socket, "bind", bind_ipv4)
        with login_at(free_port()) as login:
            login.answer(code="AQ")
            assert login.code() == "AQ"

    def test_the_page_keeps_the_code_to_itself(
        self, login: Login, capfd: pytest.CaptureFixture[str]
    ) -> None:
        shown = login.answer(code="AQsecret")
        assert "AQsecret" not in shown.text
        assert shown.headers["Cache-Control"] == "no-store"
        assert shown.headers["Referrer-Policy"] == "no-referrer"
        assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
        login.code()
        assert "".join(capfd.readouterr()) == ""

    def test_nobody_else_on_the_network_can_knock(self, login: Login) -> None:
        with socket.socket() as outside:
            outside.settimeout(5)  # where the system has this address not at all, it is silent
            # Bound to one address each, the rest of 127.0.0.0/8 is as far away as the network.
            assert outside.connect_ex(("127.0.0.2", login.port)) != 0


class TestStrays:
    @pytest.mark.parametrize(
        ("path", "query", "status"),
        [
            ("/favicon.ico", {}, 404),
            ("/", {}, 404),
            (f"{PATH}/", {"state": "right", "code": "AQother"}, 404),
            ("/other", {"state": "right", "code": "AQother"}, 404),
            (PATH, {}, 400),
            (PATH, {"code": "AQother"}, 400),
            (PATH, {"code": "AQother", "state": ""}, 400),
            (PATH, {"code": "AQother", "state": "wrong"}, 400),
            (PATH, {"code": "AQother", "state": "é☕"}, 400),
            (PATH, DENIAL, 400),
            (PATH, {**DENIAL, "state": "wrong"}, 400),
            (PATH, {"state": "right"}, 400),
            (PATH, {"state": "right", "code": ""}, 400),
        ],
    )
    def test_a_stray_request_gets_its_own_answer_and_the_wait_goes_on(
        self, login: Login, path: str, query: dict[str, str], status: int
    ) -> None:
        state = login.server.state
        shown = login.visit({n: state if v == "right" else v for n, v in query.items()}, path)
        assert shown.status_code == status
        login.answer(code="AQ")
        assert login.code() == "AQ"

    @pytest.mark.parametrize("changed", ["{}x", "x{}", "{} ", "{}."])
    def test_a_state_that_is_nearly_right_is_wrong(self, login: Login, changed: str) -> None:
        query = {"state": changed.format(login.server.state), "code": "AQother"}
        assert login.visit(query).status_code == 400
        query["state"] = login.server.state[:-1]
        assert login.visit(query).status_code == 400
        login.answer(code="AQ")
        assert login.code() == "AQ"

    def test_only_get_brings_an_answer(self, login: Login) -> None:
        query = {"state": login.server.state, "code": "AQother"}
        url = f"http://127.0.0.1:{login.port}{PATH}"
        assert httpx.post(url, params=query, trust_env=False).status_code == 501
        login.answer(code="AQ")
        assert login.code() == "AQ"

    def test_a_connection_that_says_nothing_holds_nobody_up(self, login: Login) -> None:
        with socket.create_connection(("127.0.0.1", login.port)):
            login.answer(code="AQ")
            assert login.code() == "AQ"

    def test_a_broken_request_line_gets_400_and_nothing_is_printed(
        self, login: Login, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with socket.create_connection(("127.0.0.1", login.port), timeout=WAIT) as stray:
            stray.sendall(b"GET http://[ HTTP/1.1\r\n\r\n")
            assert b" 400 " in stray.recv(100)
        login.answer(code="AQ")
        assert login.code() == "AQ"
        assert capfd.readouterr() == ("", "")

    def test_a_request_that_breaks_off_prints_nothing(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with login_at(free_port()) as login:
            with socket.create_connection(("127.0.0.1", login.port)) as stray:
                stray.sendall(b"GE")
                # Reset instead of an orderly end.
                stray.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            login.answer(code="AQ")
        assert capfd.readouterr() == ("", "")


class TestOneAnswer:
    @pytest.mark.parametrize("later", [{"code": "AQlater"}, DENIAL])
    def test_a_state_is_used_up_by_the_first_answer(
        self, login: Login, later: dict[str, str]
    ) -> None:
        login.answer(code="AQ")
        again = login.answer(**later)
        assert again.status_code == 400
        assert "answered before" in again.text
        assert login.code() == "AQ"

    def test_a_denial_cannot_be_taken_back(self, login: Login) -> None:
        login.answer(**DENIAL)
        assert login.answer(code="AQ").status_code == 400
        assert "cancelled" in failure(login)

    def test_each_login_has_a_state_of_its_own_that_nobody_guesses(self) -> None:
        with login_at(free_port()) as one, login_at(free_port()) as other:
            assert one.server.state != other.server.state
            assert min(len(one.server.state), len(other.server.state)) >= 43

    def test_time_runs_out(self, login: Login) -> None:
        with pytest.raises(LoginFailed, match=r"(?s)Nobody answered.*--wait"):
            login.server.wait(0)

    def test_the_time_is_told_as_one_says_it(self, login: Login) -> None:
        with pytest.raises(LoginFailed, match=r"within 1 second\."):
            login.server.wait(0.6)

    def test_after_the_end_the_port_is_free_for_the_next_login(self) -> None:
        port = free_port()
        for code in ("AQone", "AQtwo"):
            with login_at(port) as login:
                assert not login.server.relayed
                login.answer(code=code)
                assert login.code() == code


class TestDenial:
    @pytest.mark.parametrize(
        "query", [DENIAL, {"error": "access_denied"}, {"error": "x", "error_reason": "user_denied"}]
    )
    def test_a_person_who_cancels_is_told_that_nothing_changed(
        self, login: Login, query: dict[str, str]
    ) -> None:
        shown = login.answer(**query)
        assert shown.status_code == 200
        assert "cancelled" in shown.text
        message = failure(login)
        assert "nothing was changed" in message
        assert "fbsync login" in message

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ({"error_code": "191", "error_message": "URL blocked"}, "URL blocked"),
            ({"error": "server_error", "error_description": "Try later"}, "Try later"),
            ({"error": "server_error"}, "no reason"),
            ({"error": ""}, "no reason"),
            ({"error_code": "1", "error_message": "x" * 5000}, "x" * 200),
        ],
    )
    def test_any_other_error_is_told_in_the_dialogs_words(
        self, login: Login, query: dict[str, str], told: str
    ) -> None:
        login.answer(**query)
        message = failure(login)
        assert f"ended with an error: {told}\n" in message
        assert "FACEBOOK_REDIRECT_URI" in message

    def test_an_error_beside_a_code_counts_as_an_error(self, login: Login) -> None:
        login.answer(code="AQ", **DENIAL)
        assert "cancelled" in failure(login)


class TestRelay:
    """`fbsync listen` holds the port of the redirect address."""

    @pytest.fixture
    def relayed(self) -> Iterator[Login]:
        with listener(PATH) as port, login_at(port) as login:
            yield login

    def test_the_listener_passes_the_answer_on(self, relayed: Login) -> None:
        assert relayed.server.relayed
        shown = relayed.answer("localhost", code="AQ &=%é")
        assert shown.status_code == 200
        assert "terminal" in shown.text
        assert relayed.code() == "AQ &=%é"

    def test_the_listener_passes_a_denial_on(self, relayed: Login) -> None:
        relayed.answer(**DENIAL)
        assert "cancelled" in failure(relayed)

    def test_strays_at_the_listener_and_at_the_login_do_not_end_the_wait(
        self, relayed: Login
    ) -> None:
        assert relayed.visit({}, "/favicon.ico").status_code == 404
        assert relayed.visit({"code": "AQother", "state": "wrong"}).status_code == 404
        own_port = relayed.server.state.rpartition(".")[2]
        stray = {"code": "AQother", "state": f"wrong.{own_port}"}
        assert relayed.visit(stray).status_code == 400
        relayed.answer(code="AQ")
        assert relayed.code() == "AQ"

    def test_a_listener_for_another_path_does_not_help(self) -> None:
        with listener("/other") as port:
            assert_refused(port)


class TestTakenPort:
    def test_another_web_server_on_the_port_is_told(self) -> None:
        async def welcome(_: Request) -> Response:
            return PlainTextResponse("Welcome")

        with serving(Starlette(routes=[Route(PATH, welcome)])) as address:
            assert_refused(int(address.rpartition(":")[2]))

    def test_a_port_held_without_listening_is_told(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            assert_refused(taken.getsockname()[1])

    @pytest.mark.usefixtures("ipv6")
    def test_a_port_taken_on_ipv6_alone_is_told_and_its_ipv4_twin_is_left(self) -> None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
            port = taken.getsockname()[1]
            assert_refused(port)
            socket.create_server(("127.0.0.1", port)).close()


@contextmanager
def listener(path: str) -> Iterator[int]:
    """A listener with its relay at this path; its port."""

    async def record(_: object) -> None:
        """Nothing: no event comes."""

    callback = Callback(SECRET, TOKEN, record, lambda notice: None, lambda result: None)
    with serving(build_app(callback, relay_route(path, RELAY_HEADER))) as address:
        yield int(address.rpartition(":")[2])


def assert_refused(port: int) -> None:
    with pytest.raises(LoginFailed, match=rf"(?s)Port {port} .*FACEBOOK_REDIRECT_URI"):
        LoopbackServer(f"http://localhost:{port}{PATH}")
