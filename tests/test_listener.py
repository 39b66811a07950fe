"""The listener's process: its socket, its start, the whole hallway inside, and its end."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from fbsync.database.durability import Durability
from fbsync.database.engine import Database, sqlite_url
from fbsync.database.handshakes import Handshakes
from fbsync.database.inbox import DatabaseInbox
from fbsync.errors import FbsyncError
from fbsync.hallway.refresh import Outcome, Reading, Refresher
from fbsync.hallway.worker import Worker
from fbsync.listener import address_of, bind, serve
from fbsync.listening.connections import MAX_CONNECTIONS, Connections
from fbsync.listening.group_commit import GroupCommit
from fbsync.login.loopback import RELAY_HEADER
from fbsync.notice import Notice
from fbsync.page import PageId, PageSnapshot
from fbsync.ports import page_key
from fbsync.shutdown import Shutdown, shutdown_by_signals
from fbsync.store.directory import DirectoryStore
from tests.ports import free_port
from tests.servers import READY_SECONDS, wait_until
from tests.test_listening_application import EVENT, SECRET, TOKEN, handshake, locked, sha256

PAGE = PageId("1")
HOSTS = ["127.0.0.1", "localhost", "::1"]


def skip_without_ipv6(host: str) -> None:
    if host != "::1":
        return
    try:
        socket.create_server((host, 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")


class TestBind:
    @pytest.mark.parametrize("host", HOSTS)
    def test_a_bound_port_takes_connections_and_0_finds_a_free_one(self, host: str) -> None:
        skip_without_ipv6(host)
        with bind(host, 0) as first, bind(host, 0) as second:
            ports = {one.getsockname()[1] for one in (first, second)}
            assert len(ports) == 2
            for port in ports:
                socket.create_connection((host, port), timeout=60).close()

    def test_no_part_of_an_answer_waits_for_the_senders_acknowledgement(self) -> None:
        with (
            bind("127.0.0.1", 0) as listening,
            socket.create_connection(listening.getsockname()[:2]),
            closing(listening.accept()[0]) as accepted,
        ):
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def test_a_named_port_is_the_one_that_is_taken(self) -> None:
        port = free_port()
        with bind("127.0.0.1", port) as listening:
            assert listening.getsockname()[:2] == ("127.0.0.1", port)

    def test_a_port_in_use_is_told_with_what_to_do(self) -> None:
        with bind("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(FbsyncError, match=r"(?s)Address already in use.*--port") as caught:
                bind("127.0.0.1", port)
            assert f"127.0.0.1 port {port}: {os.strerror(errno.EADDRINUSE)}." in str(caught.value)

    def test_an_unknown_name_is_told_with_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_such_name(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        # The network guard refuses every look-up, so the resolver's answer is made here.
        monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
        with pytest.raises(FbsyncError, match=r"(?s)nowhere\.invalid.*not known.*--host"):
            bind("nowhere.invalid", 0)

    def test_a_name_that_cannot_be_a_hosts_is_told_with_what_to_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What the resolver does with a name before it asks anybody.
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: host.encode("idna"))
        with pytest.raises(FbsyncError, match=r"(?s)a\.\.b.*no host name.*--host"):
            bind("a..b", 0)

    @pytest.mark.parametrize(
        ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", None), ("::1", "[::1]")]
    )
    def test_the_address_is_one_that_a_client_can_use(self, host: str, shown: str | None) -> None:
        skip_without_ipv6(host)
        with bind(host, 0) as listening:
            url = httpx.URL(address_of(listening))
            assert url.path == "/facebook/webhook"
            assert url.port == listening.getsockname()[1]
            socket.create_connection((url.host, url.port), timeout=60).close()
            if shown:
                assert str(url) == f"http://{shown}:{url.port}/facebook/webhook"


class Listening:
    """`serve` on a database file, a folder and one page; what it reported."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "f.sqlite3"
        self.store = DirectoryStore(folder / "store", "facebook")
        self.socket = bind("127.0.0.1", 0)
        self.url = address_of(self.socket)
        self.notices: list[Notice] = []
        self.outcomes: list[Outcome | FbsyncError] = []
        self.connections = Connections(MAX_CONNECTIONS, self.notices.append)
        self.started = threading.Event()

    def run(self, shutdown: Shutdown) -> None:
        """Until the shutdown. In a process of its own it says on stdout when it is up."""
        with closing(Database(sqlite_url(self.file))) as database:
            inbox = DatabaseInbox(database)
            refresher = Refresher(inbox, self.store, read_pages)
            with (
                Worker(refresher, self.outcomes.append, shutdown) as worker,
                GroupCommit(inbox, Durability(database)) as group_commit,
            ):
                serve(
                    self.socket,
                    group_commit,
                    shutdown,
                    self.connections,
                    app_secret=SECRET,
                    verify_token=TOKEN,
                    redirect_uri="http://localhost:5000/back/here",
                    report=self.notices.append,
                    started=self._started,
                    record_handshakes=Handshakes(database).record,
                    recorded=worker.wake,
                )

    def kinds(self) -> list[str]:
        return [outcome.kind for outcome in self.outcomes if isinstance(outcome, Outcome)]

    def _started(self) -> None:
        self.started.set()
        print(self.url, flush=True)


def read_pages(page_ids: Sequence[PageId]) -> dict[PageId, Reading]:
    fetched = datetime(2026, 3, 1, tzinfo=UTC)
    return {page: PageSnapshot(page, {"id": page}, fetched, "v26.0") for page in page_ids}


@contextmanager
def listening_in_a_thread(folder: Path) -> Iterator[Listening]:
    listening, shutdown = Listening(folder), Shutdown()
    thread = threading.Thread(target=listening.run, args=[shutdown])
    thread.start()
    try:
        assert listening.started.wait(READY_SECONDS), "the listener did not start"
        yield listening
    finally:
        shutdown.begin()
        thread.join()


def post(url: str) -> httpx.Response:
    return httpx.post(url, content=EVENT, headers=sha256(EVENT), trust_env=False, timeout=60)


class TestInAThread:
    def test_a_signed_event_is_answered_and_its_page_is_mirrored_without_waiting_for_a_look(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.hallway.worker.POLL_SECONDS", 3600.0)
        with listening_in_a_thread(tmp_path) as listening:
            assert post(listening.url).status_code == 200
            wait_until(lambda: listening.kinds() == ["stored"], "the mirror")
            assert listening.store.get(page_key(PAGE)) == b'{\n  "id": "1"\n}\n'
            assert [notice.kind for notice in listening.notices] == ["event"]

    def test_the_handshake_is_answered_without_telling_the_servers_name(
        self, tmp_path: Path
    ) -> None:
        with listening_in_a_thread(tmp_path) as listening:
            answer = httpx.get(listening.url, params=handshake(), trust_env=False)
            assert answer.text == "1158201444"
            assert "Server" not in answer.headers

    def test_the_redirect_path_leads_to_a_login_that_waits(self, tmp_path: Path) -> None:
        with listening_in_a_thread(tmp_path) as listening:
            url = httpx.URL(listening.url).copy_with(path="/back/here", query=b"state=s.5001")
            answer = httpx.get(url, trust_env=False)
            assert answer.headers["Location"] == "http://127.0.0.1:5001/back/here?state=s.5001"
            assert RELAY_HEADER in answer.headers

    def test_a_locked_database_refuses_events_and_ends_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fbsync.database.engine.LOCK_WAIT_SECONDS", 0.05)
        with listening_in_a_thread(tmp_path) as listening:
            with locked(listening.file):
                assert post(listening.url).status_code == 503
                wait_until(
                    lambda: any(isinstance(one, FbsyncError) for one in listening.outcomes),
                    "the worker's report",
                )
            assert post(listening.url).status_code == 200
            wait_until(lambda: listening.kinds() == ["stored"], "the mirror")

    def test_after_its_end_the_port_is_free_and_what_waited_is_in_the_database(
        self, tmp_path: Path
    ) -> None:
        with listening_in_a_thread(tmp_path) as listening:
            assert post(listening.url).status_code == 200
        url = httpx.URL(listening.url)
        with bind(url.host, url.port or 0):
            pass
        with closing(Database(sqlite_url(listening.file))) as database:
            assert DatabaseInbox(database).status().deliveries == 1


@contextmanager
def listening_in_a_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, up, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.test_listener", str(folder)],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, process.communicate()
        yield process, url
    finally:
        process.kill()
        process.communicate()


class TestInAProcess:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_in_order_with_status_0(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        with listening_in_a_process(tmp_path) as (process, url):
            assert post(url).status_code == 200
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "ended in order\n", "")

    def test_the_signals_have_their_old_meaning_again_afterwards(self, tmp_path: Path) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        listening = Listening(tmp_path)

        def stop_when_up() -> None:
            assert listening.started.wait(READY_SECONDS)
            os.kill(os.getpid(), signal.SIGTERM)

        stopper = threading.Thread(target=stop_when_up)
        stopper.start()
        with shutdown_by_signals() as shutdown:  # in the main thread, where signals arrive
            listening.run(shutdown)
        stopper.join()
        after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        assert after == before


if __name__ == "__main__":
    with shutdown_by_signals() as until:
        Listening(Path(sys.argv[1])).run(until)
    print("ended in order")
