"""What the dialog's parameters mean, whichever way they came."""

import pytest

from fbsync.errors import LoginFailed
from fbsync.login.dialog_answer import is_ours, read_answer

DENIAL = {"error": "access_denied", "error_reason": "user_denied", "error_code": "200"}


@pytest.mark.parametrize(
    ("state", "ours"),
    [("right", True), ("wrong", False), ("", False), ("right ", False), ("é☕\ud83d", False)],
)
def test_only_the_very_state_is_ours(state: str, ours: bool) -> None:
    assert is_ours({"state": state}, "right") is ours


def test_without_a_state_it_is_not_ours() -> None:
    assert not is_ours({"code": "AQ"}, "right")


@pytest.mark.parametrize("query", [{}, {"state": "s"}, {"code": ""}])
def test_neither_code_nor_error_is_no_answer(query: dict[str, str]) -> None:
    assert read_answer(query) is None


def test_a_code_is_the_answer() -> None:
    assert read_answer({"code": "AQ", "state": "s"}) == "AQ"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (DENIAL, "cancelled"),
        ({"code": "AQ", **DENIAL}, "cancelled"),
        ({"error_code": "191", "error_message": "URL blocked"}, "URL blocked"),
        ({"error": "server_error"}, "no reason"),
        ({"error": "x", "error_description": "y" * 5000}, "y" * 200 + "\n"),
    ],
)
def test_an_error_counts_before_a_code_and_is_told_in_the_dialogs_words(
    query: dict[str, str], told: str
) -> None:
    answer = read_answer(query)
    assert isinstance(answer, LoginFailed)
    assert told in str(answer)
    assert "AQ" not in str(answer)
