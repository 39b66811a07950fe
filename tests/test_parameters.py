"""Parameters that several commands share, read on their own and by a command line."""

from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from fbsync.page import PageId
from fbsync.parameters import (
    EnvFile,
    JsonFlag,
    SomePages,
    duration,
    moment,
    one_page,
    page_ids,
    webhook_fields,
)


@pytest.mark.parametrize("texts", [None, []])
def test_no_page_ids_mean_all_pages(texts: list[str] | None) -> None:
    assert page_ids(texts) is None


def test_page_ids_keep_their_order() -> None:
    assert page_ids(["200000000000002", "1"]) == [PageId("200000000000002"), PageId("1")]


@pytest.mark.parametrize("text", ["", "shop", "1 2", "-1", "../1", "1" * 33, "\u0661"])
def test_one_wrong_page_id_is_a_usage_error_that_names_the_argument(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="1 to 32 digits") as caught:
        page_ids(["1", text])
    assert caught.value.param_hint == "PAGE"


def test_a_wrong_page_id_is_told_by_its_options_name() -> None:
    assert one_page("1", "--page") == PageId("1")
    with pytest.raises(typer.BadParameter, match="1 to 32 digits") as caught:
        one_page("shop", "--page")
    assert caught.value.param_hint == "--page"


def test_a_duration_is_read() -> None:
    assert duration("15m", "--every") == timedelta(minutes=15)


@pytest.mark.parametrize("option", ["--every", "--wait"])
@pytest.mark.parametrize("text", ["", "15", "0s", "soon"])
def test_a_wrong_duration_is_a_usage_error_that_names_the_option(text: str, option: str) -> None:
    with pytest.raises(typer.BadParameter, match="15m") as caught:
        duration(text, option)
    assert caught.value.param_hint == option


app = typer.Typer()


@app.command()
def command(pages: SomePages = None, as_json: JsonFlag = False, env_file: EnvFile = None) -> None:
    """A command with every shared parameter."""
    typer.echo(f"{page_ids(pages)} {as_json} {env_file}")


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ([], "None False None"),
        (["1", "2"], "['1', '2'] False None"),
        (["--json", "1"], "['1'] True None"),
        (["--env-file", "shop.env"], "None False shop.env"),
    ],
)
def test_a_command_line_sets_them(arguments: list[str], read: str) -> None:
    ended = CliRunner().invoke(app, arguments)
    assert (ended.exit_code, ended.stdout.strip()) == (0, read)


def test_a_wrong_command_line_ends_with_status_2_and_says_what_is_wrong() -> None:
    ended = CliRunner().invoke(app, ["shop"], env={"COLUMNS": "200"})
    assert ended.exit_code == 2
    assert "PAGE" in ended.stderr
    assert "1 to 32 digits" in ended.stderr


def test_webhook_fields_are_split_and_none_stand_for_the_settings_ones() -> None:
    assert webhook_fields(None) == ()
    assert webhook_fields("name, phone,name") == ("name", "phone")


@pytest.mark.parametrize(("text", "told"), [("emails", "did you mean email"), ("", "nothing")])
def test_what_is_no_webhook_field_is_wrong_usage(text: str, told: str) -> None:
    with pytest.raises(typer.BadParameter, match=told):
        webhook_fields(text)


def test_a_moment_is_so_long_ago() -> None:
    before = datetime.now(UTC)
    assert before - timedelta(hours=2) <= moment("2h", "--since")
    assert moment("2h", "--since") <= datetime.now(UTC) - timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-24T10:00", 10),
        ("2026-11-24 10:00:00Z", 10),
        ("2026-11-24T10:00+02:00", 8),
        ("2026-11-24", 0),
    ],
)
def test_a_moment_is_a_time_in_utc_unless_it_names_a_zone(text: str, hour: int) -> None:
    assert moment(text, "--since") == datetime(2026, 11, 24, hour, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "24.11.2026", "2"])
def test_another_moment_is_a_usage_error_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as 2h") as caught:
        moment(text, "--since")
    assert caught.value.param_hint == "--since"
