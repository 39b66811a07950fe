"""compose.yaml, Dockerfile and Caddyfile name only what fbsync really has. Nothing is started."""

import json
import re
from inspect import getsource, signature
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from cryptography.fernet import Fernet

from fbsync.cli import app
from fbsync.commands.listen import listen
from fbsync.listening.application import MAX_BODY_BYTES, WEBHOOK_PATH
from fbsync.listening.person_callbacks import DEAUTHORIZE_PATH, DELETION_PATH
from fbsync.operations.address import DEFAULT_HOST, DEFAULT_PORT
from fbsync.settings import database, facebook, store
from fbsync.settings.environment import reading
from fbsync.shutdown import LAST_SECONDS

ROOT = Path(__file__).parent.parent
COMMANDS = typer.main.get_group(app).commands
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
CADDYFILE = (ROOT / "Caddyfile").read_text()
GROWING = (ROOT / "docs/growing.md").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
    "services"
]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "fbsync"}


def instruction(name: str) -> list[str]:
    (found,) = re.findall(rf"^{name} (\[.*)$", DOCKERFILE, re.MULTILINE)
    return [str(word) for word in json.loads(found)]


def check_command(words: list[str]) -> None:
    """The command and each of its options exist."""
    command, *rest = words
    options = {option for parameter in COMMANDS[command].params for option in parameter.opts}
    options |= {o for parameter in COMMANDS[command].params for o in parameter.secondary_opts}
    assert {word for word in rest if word.startswith("--")} <= options


def test_two_listeners_a_proxy_two_workers_and_a_database_are_there() -> None:
    assert {"listener-1", "listener-2", "worker", "postgres", "proxy"} == set(SERVICES)
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_command_and_option_exists(name: str) -> None:
    check_command([str(word) for word in OURS[name]["command"]])


def test_the_images_own_command_exists() -> None:
    check_command(instruction("CMD"))
    assert instruction("ENTRYPOINT") == ["/opt/fbsync/bin/fbsync"]


def test_no_secret_stands_in_the_files_and_the_database_is_not_published() -> None:
    for service in SERVICES.values():
        assert not {"environment", "secrets"} & set(service)
        assert service["env_file"].endswith(".env")
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["postgres"]["networks"] == ["inside"]
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "*.env" in ignored
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_the_image_holds_exactly_what_is_locked_and_runs_as_nobody_special() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    let_in = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert {name for line in copied for name in line.split()} <= let_in
    assert all((ROOT / name).exists() for name in let_in)
    assert "--require-hashes -r requirements-server.lock" in DOCKERFILE
    assert re.search(r"^psycopg==", (ROOT / "requirements-server.lock").read_text(), re.MULTILINE)
    assert re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE) == ["10001"]
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE


def test_the_images_data_is_in_a_volume_that_its_user_owns() -> None:
    (folder,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^ENV .*XDG_DATA_HOME=(\S+)$", DOCKERFILE, re.MULTILINE) == [folder]
    before_the_user = DOCKERFILE.partition("USER 10001")[0]
    assert re.search(rf"install .*--owner=fbsync .*{folder}$", before_the_user, re.MULTILINE)
    assert f"--volume fbsync:{folder}" in GROWING


def test_a_stop_leaves_fbsync_the_time_that_it_takes() -> None:
    for service in OURS.values():
        assert int(service["stop_grace_period"].removesuffix("s")) > LAST_SECONDS


def test_the_health_of_the_image_is_asked_where_it_is_served() -> None:
    (probe,) = re.findall(r"^HEALTHCHECK .*$", DOCKERFILE, re.MULTILINE)
    assert f"http://{DEFAULT_HOST}:{DEFAULT_PORT}/healthz" in probe
    for name in ("listener-1", "listener-2"):
        assert f"0.0.0.0:{DEFAULT_PORT}" in SERVICES[name]["command"]
    assert f"health_port {DEFAULT_PORT}" in CADDYFILE
    assert "health_uri /readyz" in CADDYFILE


def test_the_proxy_passes_on_our_addresses_and_nothing_else() -> None:
    (passed,) = re.findall(r"handle (/\S+)\*", CADDYFILE)
    for path in (WEBHOOK_PATH, DEAUTHORIZE_PATH, DELETION_PATH):
        assert path.startswith(passed)
    assert "respond 404" in CADDYFILE
    (upstreams,) = re.findall(r"reverse_proxy (.*) \{", CADDYFILE)
    assert upstreams.split() == ["listener-1:5000", "listener-2:5000"]
    assert signature(listen).parameters["port"].default == 5000
    (size,) = re.findall(r"max_size (\d+)MiB", CADDYFILE)
    assert int(size) * 1024 * 1024 == MAX_BODY_BYTES


def test_each_setting_that_the_page_shows_exists_and_is_enough_to_start() -> None:
    shown = dict(re.findall(r"^    ((?:FACEBOOK|SPACES|FBSYNC)_[A-Z_]+)=(.*)$", GROWING, re.M))
    assert shown.pop("FBSYNC_HOST")  # Caddy's own
    known = "".join(map(getsource, (facebook, store, database)))
    assert [name for name in shown if f'"{name}"' not in known] == []
    secrets = {"FACEBOOK_APP_ID": "1" * 16, "FBSYNC_TOKEN_KEY": Fernet.generate_key().decode()}
    with reading({name: value or "filled-in" for name, value in shown.items()} | secrets) as env:
        facebook.read_app(env)
        facebook.read_verify_token(env)
        facebook.read_callback_address(env)
        assert isinstance(store.read_store(env), store.SpacesSettings)
        assert (database.read_database(env).url or "").startswith("postgresql+psycopg://fbsync:")
