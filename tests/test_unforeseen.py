"""An exception that nobody foresaw, in one line without its values."""

from fbsync.unforeseen import describe


def fail(depth: int) -> None:
    if depth:
        fail(depth - 1)
    raise KeyError("a secret")


def test_it_is_told_by_its_type_and_the_innermost_places() -> None:
    try:
        fail(20)
    except KeyError as error:
        told = describe(error)
    assert told.startswith("KeyError at test_unforeseen.py:")
    assert told.count("fail") == 5
    assert "secret" not in told


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert describe(ValueError("a secret")) == "ValueError at an unknown place"
