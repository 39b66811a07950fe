"""The sandbox as a process: what it prints, what it takes from the environment, how it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from fbsync.sandbox.process import bind
from tests.ports import free_port

BOTH = [["-m", "fbsync.sandbox"], ["-m", "fbsync", "sandbox"]]
LAST = "FACEBOOK_VERIFY_TOKEN"


@contextmanager
def running(
    arguments: list[str], **environ: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The process and the settings that it printed."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=os.environ | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        settings: dict[str, str] = {}
        assert process.stdout is not None
        while LAST not in settings:
            line = process.stdout.readline()
            assert line, process.communicate()
            name, equals, value = line.strip().partition("=")
            if equals:
                settings[name] = value
        yield process, settings
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("program", BOTH)
def test_it_prints_the_settings_that_another_terminal_needs(program: list[str]) -> None:
    with running([*program, "--port", "0", "--pages", "2"]) as (_, settings):
        assert settings["FACEBOOK_APP_ID"].isdigit()
        assert 15 <= len(settings["FACEBOOK_APP_ID"]) <= 20
        assert len(settings["FACEBOOK_APP_SECRET"]) == 32
        url = settings["FACEBOOK_GRAPH_URL"]
        assert settings["FACEBOOK_DIALOG_URL"] == url
        pages = httpx.get(f"{url}/_sandbox/pages", trust_env=False).json()["data"]
        assert len(pages) == 2


@pytest.mark.parametrize("program", BOTH)
def test_the_apps_id_and_secret_come_from_the_environment_and_the_secret_stays_there(
    program: list[str],
) -> None:
    secret = "5ecre7" * 5 + "00"
    environ = {"FACEBOOK_APP_ID": "123456789012345", "FACEBOOK_APP_SECRET": secret}
    with running([*program, "--port", "0", "--auto-consent"], **environ) as (process, settings):
        assert settings["FACEBOOK_APP_ID"] == "123456789012345"
        assert "FACEBOOK_APP_SECRET" not in settings
        token = {"access_token": f"123456789012345|{secret}"}
        url = f"{settings['FACEBOOK_GRAPH_URL']}/v26.0/123456789012345"
        assert httpx.get(url, params=token, trust_env=False).is_success
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert secret not in out + err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(number: signal.Signals) -> None:
    with running([*BOTH[0], "--port", "0"]) as (process, _):
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_the_end_of_its_standard_input_ends_it_where_that_was_asked_for() -> None:
    with running([*BOTH[0], "--port", "0", "--until-stdin-ends"]) as (process, settings):
        url = f"{settings['FACEBOOK_GRAPH_URL']}/_sandbox/pages"
        assert httpx.get(url, trust_env=False).is_success
        process.communicate(timeout=30)  # which closes it
        assert process.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("program", BOTH)
def test_settings_that_cannot_be_printed_are_an_error_of_two_lines(program: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, *program, "--port", "0"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 2
    assert "No space left on device" in ended.stderr


@pytest.mark.parametrize(("program", "status", "lines"), [(BOTH[0], 1, 2), (BOTH[1], 141, 0)])
def test_a_reader_of_the_settings_that_is_gone_ends_it(
    program: list[str], status: int, lines: int
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, *program, "--port", "0"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    os.close(writer)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (status, lines), ended.stderr


@pytest.mark.parametrize("path", ["/v26.0/me", "/dialog/oauth", "/_sandbox/faults"])
def test_a_client_that_leaves_in_the_midst_of_its_request_is_no_error(path: str) -> None:
    with running([*BOTH[0], "--port", "0"]) as (process, settings):
        url = httpx.URL(settings["FACEBOOK_GRAPH_URL"])
        with socket.create_connection((url.host, url.port or 0)) as client:
            client.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                "Content-Length: 9\r\n\r\n".encode()
            )
            assert client.recv(1024).startswith(b"HTTP/1.1 100 ")  # it waits for the body now
        assert httpx.get(url.join("/_sandbox/pages"), trust_env=False).is_success
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert said == ""


def test_answers_are_sent_without_a_pause() -> None:
    with bind("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("program", BOTH)
def test_a_taken_port_is_explained_without_a_traceback(program: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, *program, "--port", port], capture_output=True, text=True, check=False
        )
    assert ended.returncode == 1
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_listens_on_ipv6_where_asked() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    port = free_port()
    with running([*BOTH[0], "--host", "::1", "--port", str(port)]) as (_, settings):
        assert settings["FACEBOOK_GRAPH_URL"] == f"http://[::1]:{port}"
