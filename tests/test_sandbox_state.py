"""The sandbox's state in a file: what outlives a new start."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from fbsync.sandbox.faults import named_fault
from fbsync.sandbox.options import Options, SandboxError
from fbsync.sandbox.plain import from_plain, to_plain
from fbsync.sandbox.seeded import seeded_faults
from fbsync.sandbox.server import build_app
from fbsync.sandbox.state_file import StateError, StateFile
from fbsync.sandbox.world import AppSubscription, Code, World
from tests import servers
from tests.servers import Sandbox
from tests.test_sandbox_process import running

PAGE, OTHER_PAGE = "200000000000001", "200000000000002"


def full_world() -> World:
    """Something of everything."""
    world = World(page_count=3, auto_consent=True)
    login = world.new_login(frozenset({"pages_show_list"}), frozenset({PAGE}), is_long=True)
    world.new_login(frozenset(), None, is_long=False)
    login.ended_by = 460
    world.codes["AQ"] = Code("http://localhost/", frozenset({"email"}), None, used=True)
    world.permissions["email"] = "declined"
    world.app_subscriptions["page"] = AppSubscription("http://x/", frozenset({"name"}), True, False)
    world.page_subscriptions[PAGE] = frozenset({"name"})
    world.ended_page_tokens[PAGE] = (1, 492)
    world.pages_without_role.add(OTHER_PAGE)
    world.edit(PAGE, {"name": "Ümlaut", "hours": {"mon_1_open": "07:00"}, "about": None})
    world.remove("200000000000003")
    world.faults.append(named_fault("page-throttle", PAGE, 2, {"minutes": 5}))
    world.seeded = seeded_faults(7)
    world.seeded.passing("me")
    world.used_calls["app"] = (3.5, 1_700_000_000.0)
    world.switches.set({"require_proof": True, "switch_off_seconds": 5})
    return world


class TestFile:
    def test_everything_comes_back(self, tmp_path: Path) -> None:
        world, file = full_world(), StateFile(tmp_path / "state.json")
        file.save(world)
        again = file.load()
        assert again is not None
        assert to_plain(again) == to_plain(world)
        assert again.page_ids == world.page_ids == [PAGE, OTHER_PAGE]
        assert again.logins == world.logins
        assert again.token_key == world.token_key

    def test_it_is_for_its_owner_alone_and_replaced_as_a_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "state.json"
        path.write_text("old")
        path.chmod(0o644)
        StateFile(path).save(World())
        assert path.stat().st_mode & 0o777 == 0o600
        assert json.loads(path.read_text())["page_count"] == 3
        assert [each.name for each in tmp_path.iterdir()] == ["state.json"]

    def test_what_an_older_file_lacks_gets_its_default(self, tmp_path: Path) -> None:
        path = tmp_path / "state.json"
        plain = to_plain(full_world())
        del plain["seeded"], plain["switches"]["null_every"]
        path.write_text(json.dumps(plain | {"of_a_newer_program": 1}))
        world = StateFile(path).load()
        assert world is not None
        assert world.seeded is None
        assert world.switches.null_every == 0
        assert world.switches.require_proof is True

    def test_no_file_is_no_state(self, tmp_path: Path) -> None:
        assert StateFile(tmp_path / "none").load() is None

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "7", '{"page_count": "x"}', '{"logins": {"x": {}}}', "[" * 99_999]
    )
    def test_anything_else_is_refused_with_advice(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "state.json"
        path.write_text(text)
        with pytest.raises(StateError, match=r"no state of a sandbox[^$]*--state"):
            StateFile(path).load()

    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(StateError, match="cannot be written"):
            StateFile(tmp_path / "no" / "state.json").save(World())
        with pytest.raises(StateError, match="cannot be read"):
            StateFile(tmp_path).load()

    def test_a_dataclass_without_a_needed_field_is_no_value(self) -> None:
        @dataclass
        class Pair:
            one: int
            two: tuple[int, ...] = ()

        assert from_plain(Pair, {"one": 1, "two": [2, 3]}) == Pair(1, (2, 3))
        with pytest.raises(KeyError):
            from_plain(Pair, {"two": []})


class TestServer:
    def test_each_change_is_saved_before_it_is_answered(self, tmp_path: Path) -> None:
        file = StateFile(tmp_path / "state.json")
        world = World(page_count=2)
        with (
            servers.serving(build_app(world, file.save)) as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            sandbox = Sandbox(url, world, client)
            token = sandbox.log_in()
            assert self.kept(file, "logins").keys() == {1, 2}
            client.post(f"/_sandbox/pages/{PAGE}", json={"name": "New"})
            assert self.kept(file, "edited_pages")[PAGE]["name"] == "New"
            page = sandbox.page_token(token, PAGE)
            form = {"phone": "+1", "access_token": page}
            client.post(f"/{PAGE}", data=form)
            assert self.kept(file, "edited_pages")[PAGE]["phone"] == "+1"
            items = json.dumps([{"method": "POST", "relative_url": PAGE, "body": "phone=%2B2"}])
            client.post("/", data={"batch": items, "access_token": page})
            assert self.kept(file, "edited_pages")[PAGE]["phone"] == "+2"

    def test_reads_are_not_saved_one_by_one_but_at_the_end(self) -> None:
        saved: list[int] = []
        world = World(page_count=2)
        with (
            servers.serving(build_app(world, lambda world: saved.append(world.call_count))) as url,
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            token = Sandbox(url, world, client).log_in()
            before = len(saved)
            client.get("/me", params={"access_token": token})
            items = {"batch": '[{"relative_url": "me"}]', "access_token": token}
            client.post("/", data=items)
            assert len(saved) == before
        assert saved[before:] == [2]

    @staticmethod
    def kept(file: StateFile, name: str) -> Any:
        return getattr(file.load(), name)


class TestProcess:
    @pytest.mark.parametrize("program", [["-m", "fbsync.sandbox"], ["-m", "fbsync", "sandbox"]])
    def test_tokens_given_out_before_still_work(self, tmp_path: Path, program: list[str]) -> None:
        options = ["--port", "0", "--pages", "2", "--auto-consent"]
        command = [*program, *options, "--state", str(tmp_path / "state.json")]
        with running(command) as (process, first):
            with httpx.Client(base_url=first["FACEBOOK_GRAPH_URL"], trust_env=False) as client:
                world = World(
                    app_id=first["FACEBOOK_APP_ID"], app_secret=first["FACEBOOK_APP_SECRET"]
                )
                token = Sandbox(str(client.base_url), world, client).log_in()
                client.post(f"/_sandbox/pages/{PAGE}", json={"name": "New"})
            process.send_signal(signal.SIGKILL)
            process.wait()
        with running(command) as (_, second):
            names = ("FACEBOOK_APP_ID", "FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN")
            assert [second[name] for name in names] == [first[name] for name in names]
            url = f"{second['FACEBOOK_GRAPH_URL']}/{PAGE}"
            found = httpx.get(url, params={"access_token": token}, trust_env=False).json()
            assert found == {"id": PAGE, "name": "New"}

    def test_a_state_that_cannot_be_kept_any_more_is_told(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        command = ["-m", "fbsync.sandbox", "--port", "0", "--state", str(folder / "state.json")]
        with running(command) as (process, settings):
            shutil.rmtree(folder)
            url = f"{settings['FACEBOOK_GRAPH_URL']}/_sandbox/pages/{PAGE}"
            assert httpx.post(url, json={"name": "New"}, trust_env=False).json()["name"] == "New"
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert "The state is not kept" in err
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--switch", "nonsense=1"], "no switch 'nonsense'"),
            (["--switch", "require_proof"], "NAME=VALUE"),
            (["--switch", "switch_off=sometimes"], "app, page, never"),
            (["--state", "/"], "--state"),
            (["--state", "/no/such/folder/state"], "--state"),
        ],
    )
    @pytest.mark.parametrize("program", [["-m", "fbsync.sandbox"], ["-m", "fbsync", "sandbox"]])
    def test_a_wrong_option_is_explained_without_a_traceback(
        self, program: list[str], options: list[str], told: str
    ) -> None:
        ended = subprocess.run(
            [sys.executable, *program, "--port", "0", *options],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"COLUMNS": "200"},
        )
        assert ended.returncode == 2 if options[0] == "--switch" else ended.returncode in (1, 2)
        assert told in ended.stderr
        assert "Traceback" not in ended.stderr


class TestOptions:
    def test_switches_and_seed_are_set_from_the_start(self) -> None:
        switches = ("require_proof=true", "switch_off=page", "retry_first_seconds=2")
        world = Options(pages=7, faults=5, switches=switches, app_id="1" * 15).world()
        assert len(world.page_ids) == 7
        assert world.switches.require_proof is True
        assert (world.switches.switch_off, world.switches.retry_first_seconds) == ("page", 2.0)
        assert world.seeded is not None
        assert world.seeded.seed == 5
        assert world.app_id == "1" * 15

    @pytest.mark.parametrize("options", [Options(port=65536), Options(pages=-1)])
    def test_numbers_out_of_range_are_refused(self, options: Options) -> None:
        with pytest.raises(SandboxError, match="goes up to"):
            options.world()
