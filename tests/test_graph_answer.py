"""Answers of the Graph API: JSON, no JSON, and the items of a batch."""

import json

import pytest

from fbsync.errors import FbsyncError, GraphUnavailable, RateLimited, TokenRefused
from fbsync.graph.answer import Answer, decoded
from fbsync.graph.answer import read_item as read_item_and_usage


def item(body: object, code: int = 200) -> dict[str, object]:
    return {"code": code, "body": json.dumps(body)}


def read_item(item: object, version: str) -> Answer | FbsyncError:
    return read_item_and_usage(item, version)[0]


def test_an_item_is_its_body_and_the_version() -> None:
    assert read_item(item({"id": "1"}), "v26.0") == Answer({"id": "1"}, "v26.0")


def test_a_bare_true_is_a_success() -> None:
    assert read_item(item(True), "v26.0") == Answer({"success": True}, "v26.0")
    assert isinstance(read_item(item(False), "v26.0"), GraphUnavailable)


@pytest.mark.parametrize(
    "odd",
    [
        *(None, "text", {"body": "{}"}, {"code": 200}, {"code": 200, "body": "[]"}),
        {"code": 200, "body": "no json"},
    ],
)
def test_an_item_of_an_unknown_shape_is_a_failure_that_passes(odd: object) -> None:
    assert isinstance(read_item(odd, "v26.0"), GraphUnavailable)


@pytest.mark.parametrize("code", [200, 400])
def test_an_error_in_an_item_is_that_items_own(code: int) -> None:
    assert isinstance(read_item(item({"error": {"code": 190}}, code), "v26.0"), TokenRefused)


@pytest.mark.parametrize("headers", [None, "text", ["text"], [{"name": 7}], [{"value": "x"}]])
def test_odd_headers_of_an_item_count_nothing(headers: object) -> None:
    throttled = item({"error": {"code": 4}}, 400) | {"headers": headers}
    assert isinstance(read_item(throttled, "v26.0"), RateLimited)


@pytest.mark.parametrize("body", [None, 7, b"", "<html>", b"\xff", "[" * 100_000])
def test_what_is_no_json_is_none(body: object) -> None:
    assert decoded(body) is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (r'"half \ud800 pair"', "half ? pair"),
        (r'"half \uDFFF pair"', "half ? pair"),
        (r'"whole \ud83c\udf89 pair"', "whole 🎉 pair"),
        (r'"a backslash \\ud800"', r"a backslash \ud800"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_question_mark(sent: str, read: str) -> None:
    assert decoded(sent) == read
    assert decoded(sent.encode()) == read


def edge(**body: object) -> Answer:
    return Answer(body, "v26.0")


@pytest.mark.parametrize(
    ("data", "expected"),
    [([{"id": "1"}, "x", None, {"id": "2"}], ["1", "2"]), ({}, []), (None, [])],
)
def test_the_items_of_an_edge_are_its_objects(data: object, expected: list[str]) -> None:
    assert [item["id"] for item in edge(data=data).items] == expected


@pytest.mark.parametrize("paging", [None, [], {}, {"cursors": {"after": "a"}}])
def test_without_a_next_an_edge_is_at_its_end(paging: object) -> None:
    assert edge(paging=paging).next_cursor(()) is None


def test_an_edge_goes_on_at_its_cursor_even_after_an_empty_part() -> None:
    paging = {"cursors": {"after": "b"}, "next": "https://next.example"}
    assert edge(data=[], paging=paging).next_cursor({"a"}) == "b"


@pytest.mark.parametrize("cursors", [None, [], {}, {"after": None}, {"after": "a"}])
def test_an_edge_that_does_not_get_on_is_a_failure(cursors: object) -> None:
    paging = {"cursors": cursors, "next": "https://next.example"}
    with pytest.raises(GraphUnavailable, match="does not go on"):
        edge(paging=paging).next_cursor({"a"})
