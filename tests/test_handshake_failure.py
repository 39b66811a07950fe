"""Why a handshake failed, in three lines."""

import pytest

from fbsync.callback_check import CallbackAnswer
from fbsync.subscribe.handshake_failure import explain
from fbsync.webhook import HandshakeResult

SAID = "Facebook says: (#2200) Callback verification failed (code 2200)\nStart fbsync listen."
ADDRESS = "https://shop.example/facebook/webhook"
GOOD = CallbackAnswer(None, "it answered the challenge")
PAGE = CallbackAnswer("body", "it answered a web page, not the bare challenge", "Mend the proxy.")


def lines(seen: list[HandshakeResult], answer: CallbackAnswer) -> list[str]:
    found = explain(SAID, seen, ADDRESS, answer).splitlines()
    assert len(found) == 3
    assert found[0] == "Facebook says: (#2200) Callback verification failed (code 2200)"
    return found[1:]


def test_nothing_seen_means_that_meta_did_not_reach_the_listener() -> None:
    happened, advice = lines([], PAGE)
    assert happened == (
        "The listener saw nothing, so Meta did not reach it. Asked from here, "
        f"{ADDRESS}: it answered a web page, not the bare challenge."
    )
    assert advice == "Mend the proxy."


def test_nothing_seen_though_the_address_answers_points_to_another_listener() -> None:
    _, advice = lines([], GOOD)
    assert "another database" in advice
    assert "firewall" in advice


def test_a_refused_token_points_to_both_environments() -> None:
    happened, advice = lines(["wrong mode", "wrong token"], PAGE)
    assert "refused its token" in happened
    assert "FACEBOOK_VERIFY_TOKEN" in advice


@pytest.mark.parametrize("result", ["wrong mode", "no challenge"])
def test_any_other_refusal_was_changed_on_the_way(result: HandshakeResult) -> None:
    happened, advice = lines([result], GOOD)
    assert result in happened
    assert "query" in advice


@pytest.mark.parametrize(("answer", "advice"), [(PAGE, "Mend the proxy."), (GOOD, "only Meta")])
def test_an_answer_that_meta_did_not_get_was_changed_on_the_way(
    answer: CallbackAnswer, advice: str
) -> None:
    happened, told = lines(["wrong token", "answered"], answer)
    assert "something between it and Meta changed or delayed it" in happened
    assert answer.found in told
    assert advice in told
