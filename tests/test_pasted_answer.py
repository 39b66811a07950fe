"""The address that a person pastes into the terminal, in all its shapes."""

import io

import pytest

from fbsync.errors import LoginFailed
from fbsync.login.pasted_answer import new_state, read_line, read_pasted

HTTPS = "https://your-app.com/login"
SUCCESS = "https://www.facebook.com/connect/login_success.html"
LOCAL = "http://localhost:5000/facebook/callback"
QUERY = "code=AQ-_secret&state=right"


def failure(line: str, redirect: str = HTTPS) -> str:
    with pytest.raises(LoginFailed) as caught:
        read_pasted(line, redirect, "right")
    message = str(caught.value)
    assert "secret" not in message
    assert "fbsync login" in message
    assert 1 < len(message.splitlines()) <= 3
    return message


class TestCode:
    @pytest.mark.parametrize(
        ("line", "redirect"),
        [
            (f"{HTTPS}?{QUERY}", HTTPS),
            (f"  {HTTPS}?{QUERY}#_=_\r\n", HTTPS),
            (f"{SUCCESS}?{QUERY}#_=_", SUCCESS),
            (f"{LOCAL}?{QUERY}#_=_", LOCAL),
            (f"HTTPS://Your-App.com:443/login?{QUERY}", HTTPS),
            (f"your-app.com/login?{QUERY}", HTTPS),
            (f"localhost:5000/facebook/callback?{QUERY}", LOCAL),
            (f"?{QUERY}", HTTPS),
            (f"{QUERY}#_=_", HTTPS),
            ("state=right&code=AQ-_secret", HTTPS),
            (f"{HTTPS}?{QUERY}&granted_scopes=a,b&x=https://y/", HTTPS),
            (f"https://your-app.com?{QUERY}", "https://your-app.com/"),
        ],
    )
    def test_it_is_found_in_the_address_or_its_query(self, line: str, redirect: str) -> None:
        assert read_pasted(line, redirect, "right") == "AQ-_secret"

    def test_it_is_decoded(self) -> None:
        assert read_pasted("code=AQ%26%3D%C3%A9&state=right", HTTPS, "right") == "AQ&=é"


class TestRefusal:
    @pytest.mark.parametrize("line", ["", "\n", "   \n", "\t"])
    def test_a_blank_line_or_the_end_of_the_input(self, line: str) -> None:
        assert failure(line).startswith("Nothing was pasted.")

    @pytest.mark.parametrize(
        "line", [HTTPS, f"{HTTPS}?state=right", "AQ-_secret", "state=right", "?", "code=&state=x"]
    )
    def test_an_address_without_an_answer(self, line: str) -> None:
        assert "holds no answer" in failure(line)

    @pytest.mark.parametrize("state", ["state=wrong", "state=", "state=right%20", "x=1"])
    def test_the_state_of_another_login(self, state: str) -> None:
        assert "another login" in failure(f"{HTTPS}?code=AQ-_secret&{state}")

    @pytest.mark.parametrize(
        "line",
        [
            f"https://evil.example/login?{QUERY}",
            f"https://your-app.com/login/?{QUERY}",
            f"http://your-app.com/login?{QUERY}",
            f"https://your-app.com:8443/login?{QUERY}",
            f"https://your-app.com.evil.example/login?{QUERY}",
            f"https://your-app.com@evil.example/login?{QUERY}",
            f"https://www.facebook.com/v26.0/dialog/oauth?{QUERY}",
            f"https://[oops/login?{QUERY}",
            f"https://your-app.com:99999/login?{QUERY}",
        ],
    )
    def test_an_address_of_another_redirect(self, line: str) -> None:
        assert f"begins with {HTTPS}\n" in failure(line)

    def test_a_cancelled_dialog_is_told_as_such(self) -> None:
        denied = "error=access_denied&error_reason=user_denied&state=right#_=_"
        assert "cancelled" in failure(f"{HTTPS}?{denied}")

    def test_an_error_of_another_login_does_not_count(self) -> None:
        assert "another login" in failure(f"{HTTPS}?error=access_denied&state=wrong")


class TestLine:
    def test_from_a_pipe_one_line_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("first\nsecond\n"))
        said: list[str] = []
        assert read_line(said.append) == "first\n"
        assert "Paste the address" in said[0]
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        assert read_line(said.append) == ""


def test_each_login_has_a_state_of_its_own_that_nobody_guesses() -> None:
    assert new_state() != new_state()
    assert len(new_state()) >= 43
