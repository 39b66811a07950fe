"""Tokens under keys: opened with any of them, sealed with the newest."""

import pytest
from cryptography.fernet import Fernet

from fbsync.database.token_seal import TokenSeal, opened
from fbsync.errors import TokenRefused


def test_what_any_of_the_keys_sealed_is_opened_and_the_first_one_seals() -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    both = TokenSeal([new, old])
    assert both.open(TokenSeal([old]).seal("EAA")) == "EAA"
    assert TokenSeal([new]).open(both.seal("EAA")) == "EAA"
    with pytest.raises(TokenRefused, match="FBSYNC_TOKEN_KEY"):
        TokenSeal([old]).open(both.seal("EAA"))


def test_of_many_those_that_cannot_be_opened_come_with_the_reason() -> None:
    ours, theirs = (TokenSeal([Fernet.generate_key().decode()]) for _ in range(2))
    foreign = theirs.seal("EAA2")
    found, sealed = opened([ours.seal("EAA1"), foreign, ours.seal("EAA3")], ours.open)
    assert found == ["EAA1", "EAA3"]
    ((row, why),) = sealed
    assert row == foreign
    assert isinstance(why, TokenRefused)
