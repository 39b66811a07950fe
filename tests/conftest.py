"""What every test gets: a clean environment, a network guard, and real servers on demand."""

import ipaddress
import os
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from fbsync.database.engine import Database, sqlite_url
from fbsync.graph.call import GraphConnection
from fbsync.sandbox.world import Switches, World
from tests import servers
from tests.expenses import LONGEST, UNMEASURED, unmeasured
from tests.graph_wire import APP, URL, Meta, wire_to_meta
from tests.instant import NO_PATIENCE

_Server = TypeVar("_Server")

# The same examples on every machine, none kept; a busy machine is no failure.
settings.register_profile("fbsync", derandomize=True, deadline=None, database=None)
settings.load_profile("fbsync")

# Read at import, before the clean environment hides it: CI must not skip silently.
SERVERS_ARE_REQUIRED = os.environ.get("FBSYNC_REQUIRE_SERVERS") == "1"

_FOREIGN_SETTINGS = ("FACEBOOK_", "SPACES_", "FBSYNC_", "AWS_")
_FOREIGN_VARIABLES = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker begins one when the others are done."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage rests during the tests that add none."""
    with unmeasured() if item.path.stem in UNMEASURED else nullcontext():
        return (yield)


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No setting of this machine reaches a test, and no test reaches this machine's files."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN_SETTINGS) or name in _FOREIGN_VARIABLES:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))


@pytest.fixture(autouse=True)
def network_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection, a bound socket or a name outside loopback is an error."""
    for method in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method)))
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        _check_is_loopback(host)
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


def _guarded(method: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    def call(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX:
            _check_is_loopback(address[0])
        return method(self, address)

    return call


def _check_is_loopback(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "localhost"):
        return
    try:
        is_loopback = ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise RuntimeError(f"a test reached for {name!r}, outside this machine")


@pytest.fixture(scope="session")
def servers_are_required() -> bool:
    """Whether an absent server is a failure, as in CI, and no reason to skip."""
    return SERVERS_ARE_REQUIRED


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[servers.S3Server]:
    """An S3 server that checks signatures and digests."""
    yield from _started(servers.seaweedfs())


@pytest.fixture(scope="session")
def seaweedfs_https() -> Iterator[servers.S3Server]:
    """The same with a certificate of its own."""
    yield from _started(servers.seaweedfs(https=True))


@pytest.fixture(scope="session")
def moto_server() -> Iterator[servers.S3Server]:
    """A quick S3 server that checks little."""
    yield from _started(servers.moto())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.PostgresServer]:
    """A PostgreSQL server; each test makes its own database in it."""
    yield from _started(servers.postgresql())


@pytest.fixture
def postgresql_cluster() -> Iterator[servers.PostgresCluster]:
    """A PostgreSQL server of the test's own, running; the test may stop and start it."""
    for cluster in _started(servers.postgresql_cluster()):
        cluster.start()
        yield cluster


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a disk of its own of 96 MiB, so there is more than is reserved."""
    yield from _started(servers.small_disk(96))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "f.sqlite3")
    server: servers.PostgresServer = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def postgresql_database(postgresql: servers.PostgresServer) -> Iterator[Database]:
    """A new database on PostgreSQL, opened."""
    opened = Database(postgresql.new_database())
    yield opened
    opened.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def meta() -> Iterator[Meta]:
    """What the Graph API answers, as the test says; see tests.graph_wire."""
    with wire_to_meta() as wired:
        yield wired


@pytest.fixture
def connection() -> Iterator[GraphConnection]:
    """A connection to it that gives up at the first failure."""
    with GraphConnection(
        url=URL, version="v26.0", app_id=APP, app_secret="the-secret", patience=NO_PATIENCE
    ) as opened:
        yield opened


@pytest.fixture
def sandbox() -> Iterator[servers.Sandbox]:
    """The Graph API simulator with three pages, fresh for each test."""
    switches = Switches(retry_first_seconds=0.02)
    with servers.sandbox(World(page_count=3, switches=switches)) as running:
        yield running


def _started(server: AbstractContextManager[_Server]) -> Iterator[_Server]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except servers.ServerAbsent as absent:
            if SERVERS_ARE_REQUIRED:
                pytest.fail(str(absent))
            pytest.skip(str(absent))
        yield running
