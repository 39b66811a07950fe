"""`--metrics`: an address, none, or the default."""

import pytest

from fbsync.operations.address import OperationsAddress, parse_operations_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (None, OperationsAddress("127.0.0.1", 9464, is_wish=False)),
        ("off", None),
        ("127.0.0.1:9464", OperationsAddress("127.0.0.1", 9464, is_wish=True)),
        ("0.0.0.0:0", OperationsAddress("0.0.0.0", 0, is_wish=True)),  # noqa: S104 - an explicit wish
        ("[::1]:9465", OperationsAddress("::1", 9465, is_wish=True)),
        ("metrics.internal:80", OperationsAddress("metrics.internal", 80, is_wish=True)),
    ],
)
def test_an_address_is_read(text: str | None, address: OperationsAddress | None) -> None:
    assert parse_operations_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "9464", ":9464", "host", "host:", "host:x", "host:-1", "host:65536", "::1:80", "h:²"],
)
def test_anything_else_is_a_fault(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_operations_address(text)
