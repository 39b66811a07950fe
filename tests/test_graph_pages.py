"""The Graph API in our words, over a real connection whose wire is respx."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from fbsync.errors import (
    FbsyncError,
    FieldRefused,
    GraphUnavailable,
    PermissionMissing,
    RateLimited,
    TokenRefused,
)
from fbsync.graph.answer import Answer
from fbsync.graph.call import MAX_BATCH, GraphConnection
from fbsync.graph.page_fields import PageFields
from fbsync.graph.pages import Account, GraphPages
from fbsync.graph.read import Read
from fbsync.page import PageAccess, PageId, PageSnapshot
from tests.graph_wire import ANNA, ONE, THREE, TWO, URL, Call, Meta, access, error, item
from tests.instant import FieldsInMemory
from tests.test_accounts import unexpected


@pytest.fixture
def graph(connection: GraphConnection) -> GraphPages:
    return GraphPages(
        connection, PageFields(("id", "name", "picture{url,cache_key}"), FieldsInMemory())
    )


# List pages


def part(*pages: dict[str, object], after: object = None, more: bool = False) -> list[object]:
    paging: dict[str, object] = {"cursors": {"before": "b", "after": after}}
    if more:
        paging["next"] = f"{URL}/v26.0/me/accounts?access_token=EAAuser&after={after}"
    return [item({"data": list(pages), "paging": paging})]


def listed(parts: Iterator[list[Account]]) -> list[list[PageId]]:
    return [[account.snapshot.page_id for account in accounts] for accounts in parts]


def test_a_listed_page_comes_with_its_fields_and_the_right_to_read_it(
    graph: GraphPages, meta: Meta
) -> None:
    page: dict[str, object] = {
        "id": "1",
        "name": "Bakery",
        "access_token": "EAApage1",
        "tasks": ["MANAGE", "MODERATE"],
        "category": "Never asked for",
    }
    meta.answer_reads(part(page))
    ((account,),) = graph.accounts(ANNA, unexpected)
    assert account.access == PageAccess(ONE, "Bakery", "EAApage1", ("MANAGE", "MODERATE"))
    assert account.snapshot.fields == {"id": "1", "name": "Bakery"}
    assert account.snapshot.graph_version == "v26.0"


def test_the_list_is_asked_for_with_all_fields_once(graph: GraphPages, meta: Meta) -> None:
    meta.answer_reads(part())
    assert listed(graph.accounts(ANNA, unexpected)) == [[]]
    (((node, params),),) = meta.reads
    assert node == "me/accounts"
    assert params["fields"] == ["id,name,picture{url,cache_key},access_token,tasks"]
    assert params["limit"] == ["100"]
    assert params["access_token"] == ["EAAuser"]
    assert "after" not in params


def test_the_list_goes_on_by_its_cursor_over_an_empty_part(graph: GraphPages, meta: Meta) -> None:
    meta.answer_reads(
        part({"id": "1"}, {"id": "2"}, after="AAA", more=True),
        part(after="BBB", more=True),
        part({"id": "3"}, after="CCC"),
    )
    assert listed(graph.accounts(ANNA, unexpected)) == [[ONE, TWO], [], [THREE]]
    cursors = [params.get("after") for ((_, params),) in meta.reads]
    assert cursors == [None, ["AAA"], ["BBB"]]
    assert all(params["limit"] == ["100"] for ((_, params),) in meta.reads)


def test_a_full_part_without_a_next_one_ends_the_list(graph: GraphPages, meta: Meta) -> None:
    pages: list[dict[str, object]] = [{"id": str(number)} for number in range(1, 101)]
    meta.answer_reads(part(*pages, after="AAA"))
    assert len(list(graph.accounts(ANNA, unexpected))) == 1


@pytest.mark.parametrize("after", [None, 7])
def test_a_list_that_has_more_but_no_cursor_is_a_failure_after_what_it_gave(
    graph: GraphPages, meta: Meta, after: object
) -> None:
    meta.answer_reads(part({"id": "1"}, after=after, more=True))
    parts = graph.accounts(ANNA, unexpected)
    assert len(next(parts)) == 1
    with pytest.raises(GraphUnavailable, match="does not go on"):
        next(parts)


def test_a_list_that_goes_in_a_circle_is_a_failure(graph: GraphPages, meta: Meta) -> None:
    first, second = (part({"id": "1"}, after=after, more=True) for after in ("AAA", "BBB"))
    meta.answer_reads(first, second, first)
    with pytest.raises(GraphUnavailable, match="does not go on"):
        list(graph.accounts(ANNA, unexpected))


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {}}, {"data": [], "paging": []}])
def test_a_list_of_an_odd_shape_is_empty(graph: GraphPages, meta: Meta, answer: object) -> None:
    meta.answer_reads([item(answer)])
    assert listed(graph.accounts(ANNA, unexpected)) == [[]]


def test_an_entry_that_is_no_object_is_passed_over(graph: GraphPages, meta: Meta) -> None:
    meta.answer_reads([item({"data": [None, "text", {"id": "1"}]})])
    assert listed(graph.accounts(ANNA, unexpected)) == [[ONE]]


@pytest.mark.parametrize("odd", [{}, {"id": "../etc"}, {"id": True}, {"id": ""}])
def test_a_listed_page_without_a_usable_id_is_told_and_the_others_are_listed(
    graph: GraphPages, meta: Meta, odd: dict[str, object]
) -> None:
    told: list[GraphUnavailable] = []
    meta.answer_reads(part({"id": "1"}, odd, {"id": "3"}))
    assert listed(graph.accounts(ANNA, told.append)) == [[ONE, THREE]]
    (why,) = told
    assert "without a usable id" in str(why)


@pytest.mark.parametrize("token", [{}, {"access_token": ""}, {"access_token": None}])
def test_a_listed_page_without_a_token_is_listed_without_access(
    graph: GraphPages, meta: Meta, token: dict[str, object]
) -> None:
    meta.answer_reads(part({"id": "1", "name": "Bakery", **token}))
    ((account,),) = graph.accounts(ANNA, unexpected)
    assert account.access is None
    assert account.snapshot.fields == {"id": "1", "name": "Bakery"}


def test_a_listed_page_without_name_and_tasks_has_access_all_the_same(
    graph: GraphPages, meta: Meta
) -> None:
    meta.answer_reads(part({"id": "1", "access_token": "EAApage1", "tasks": None}))
    ((account,),) = graph.accounts(ANNA, unexpected)
    assert account.access == PageAccess(ONE, "", "EAApage1", ())


@pytest.mark.parametrize(
    ("code", "expected"), [(190, TokenRefused), (200, PermissionMissing), (4, RateLimited)]
)
def test_a_refused_list_says_why(
    graph: GraphPages, meta: Meta, code: int, expected: type[FbsyncError]
) -> None:
    meta.answer_reads([item(error(code), 400)])
    with pytest.raises(expected, match="It failed"):
        list(graph.accounts(ANNA, unexpected))


def test_the_token_of_a_listed_page_shows_in_no_repr(graph: GraphPages, meta: Meta) -> None:
    meta.answer_reads(part({"id": "1", "access_token": "EAApage1"}))
    assert "EAApage1" not in repr(list(graph.accounts(ANNA, unexpected)))


# Read pages


def test_each_page_is_read_with_its_own_token_in_one_request(graph: GraphPages, meta: Meta) -> None:
    meta.read_each(lambda node: {"id": node, "name": f"Page {node}"})
    found = graph.read_pages([access(1), access(2)])
    assert {page: _fields(reading) for page, reading in found.items()} == {
        ONE: {"id": "1", "name": "Page 1"},
        TWO: {"id": "2", "name": "Page 2"},
    }
    ((first, second),) = meta.reads
    assert [(node, params["access_token"]) for node, params in (first, second)] == [
        ("1", ["EAApage1"]),
        ("2", ["EAApage2"]),
    ]
    assert first[1]["fields"] == ["id,name,picture{url,cache_key}"]


def _fields(reading: object) -> object:
    assert isinstance(reading, PageSnapshot)
    return reading.fields


def test_a_snapshot_keeps_only_the_fields_asked_for(graph: GraphPages, meta: Meta) -> None:
    picture = {"data": {"url": "https://example.com/p.jpg", "cache_key": "k"}}
    answer = {"id": "1", "picture": picture, "access_token": "EAApage1", "likes": 3}
    meta.answer_reads([item(answer)])
    reading = graph.read_pages([access(1)])[ONE]
    assert _fields(reading) == {"id": "1", "picture": picture}


def test_a_snapshot_tells_when_and_by_which_version_it_was_read(
    graph: GraphPages, meta: Meta
) -> None:
    meta.answer_reads([item({"id": "1"})], version="v21.0")
    before = datetime.now(UTC)
    reading = graph.read_pages([access(1)])[ONE]
    assert isinstance(reading, PageSnapshot)
    assert reading.graph_version == "v21.0"
    assert before <= reading.fetched_at <= datetime.now(UTC)


def test_a_page_whose_id_is_a_number_is_the_same_page(graph: GraphPages, meta: Meta) -> None:
    page = {"id": 1, "name": "Bakery"}
    meta.answer_reads(part(page), [item(page)], [item(page | {"id": "1"})])
    ((account,),) = graph.accounts(ANNA, unexpected)
    for reading in (account.snapshot, *(graph.read_pages([access(1)])[ONE] for _ in range(2))):
        assert _fields(reading) == {"id": "1", "name": "Bakery"}


@pytest.mark.parametrize("body", [True, {}, {"success": True}, {"id": "2", "name": "Other"}])
def test_an_answer_that_is_not_the_page_fails_for_now_and_alone(
    graph: GraphPages, meta: Meta, body: object
) -> None:
    meta.answer_reads([item(body), item({"id": "2", "name": "Butcher"})])
    found = graph.read_pages([access(1), access(2)])
    assert type(found[ONE]) is GraphUnavailable
    assert _fields(found[TWO]) == {"id": "2", "name": "Butcher"}


def test_one_bad_page_fails_alone(graph: GraphPages, meta: Meta) -> None:
    bad = [item({"id": "1"}), item(error(190), 400), item(error(4), 400), item({"id": "4"})]
    meta.answer_reads(bad)
    found = graph.read_pages([access(number) for number in range(1, 5)])
    kinds = [PageSnapshot, TokenRefused, RateLimited, PageSnapshot]
    assert [type(found[PageId(str(number))]) for number in range(1, 5)] == kinds


@pytest.mark.parametrize(
    ("pages", "batches"),
    [
        (0, []),
        (1, [1]),
        (MAX_BATCH, [MAX_BATCH]),
        (MAX_BATCH + 1, [MAX_BATCH, 1]),
        (2 * MAX_BATCH + 3, [MAX_BATCH, MAX_BATCH, 3]),
    ],
)
def test_one_request_reads_up_to_fifty_pages(
    connection: GraphConnection, meta: Meta, pages: int, batches: list[int]
) -> None:
    if pages:
        meta.read_each(lambda node: {"id": node})
    found = GraphPages(connection, PageFields(("id",), FieldsInMemory())).read_pages(
        [access(n) for n in range(1, pages + 1)]
    )
    assert [len(reads) for reads in meta.reads] == batches
    assert {page: _fields(reading) for page, reading in found.items()} == {
        str(n): {"id": str(n)} for n in range(1, pages + 1)
    }


def test_a_request_that_fails_as_a_whole_raises(graph: GraphPages, meta: Meta) -> None:
    meta.answer_posts("", error(4), status=400)
    with pytest.raises(RateLimited):
        graph.read_pages([access(1), access(2)])


# Refused fields


def refused(field: str) -> dict[str, object]:
    text = f"(#100) Tried accessing nonexisting field ({field}) on node type (Page)"
    return item({"error": {"code": 100, "message": text}}, 400)


def asked(call: Call) -> set[str]:
    return set(call["fields"][0].split(","))


def test_a_field_that_the_list_of_pages_refuses_is_left_out_from_then_on(
    connection: GraphConnection, meta: Meta
) -> None:
    memory = FieldsInMemory()
    graph = GraphPages(connection, PageFields(("id", "name", "parking", "phone"), memory))
    page = {"id": "1", "name": "Bakery"}
    meta.answer_reads([refused("parking")], [item({"data": [page]})])
    ((account,),) = graph.accounts(ANNA, unexpected)
    assert account.snapshot.fields == page
    assert account.snapshot.left_out == {"parking"}
    assert memory.added == ["parking"]
    assert [asked(reads[0][1]) & {"parking", "phone"} for reads in meta.reads] == [
        {"parking", "phone"},
        {"phone"},
    ]


def test_a_list_goes_on_where_another_call_left_the_refused_field_out_meanwhile(
    connection: GraphConnection, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = FieldsInMemory()
    fields = PageFields(("id", "name", "parking"), memory)
    read = connection.read

    def read_beside_a_worker(asked: Read) -> Answer:
        try:
            return read(asked)
        except FieldRefused as refusal:
            fields.leave_out(refusal, asked=asked.params["fields"])
            raise

    monkeypatch.setattr(connection, "read", read_beside_a_worker)
    meta.answer_reads([refused("parking")], [item({"data": [{"id": "1"}]})])
    assert listed(GraphPages(connection, fields).accounts(ANNA, unexpected)) == [[ONE]]
    assert memory.added == ["parking"]


def test_pages_that_refuse_a_field_are_read_again_without_it_and_only_those(
    connection: GraphConnection, meta: Meta
) -> None:
    memory = FieldsInMemory()
    graph = GraphPages(connection, PageFields(("id", "parking", "phone"), memory))
    bad = refused("parking")
    meta.answer_reads([bad, item({"id": "2"}), bad], [item({"id": "1"}), item({"id": "3"})])
    found = graph.read_pages([access(1), access(2), access(3)])
    assert {page: _fields(reading) for page, reading in found.items()} == {
        ONE: {"id": "1"},
        TWO: {"id": "2"},
        THREE: {"id": "3"},
    }
    assert memory.added == ["parking"]
    assert [node for node, _ in meta.reads[1]] == ["1", "3"]


def test_a_field_that_was_refused_before_is_not_asked_for(
    connection: GraphConnection, meta: Meta
) -> None:
    graph = GraphPages(
        connection, PageFields(("id", "parking", "phone"), FieldsInMemory("parking", "other"))
    )
    meta.answer_reads([item({"id": "1"})])
    reading = graph.read_pages([access(1)])[ONE]
    assert isinstance(reading, PageSnapshot)
    assert reading.left_out == {"parking"}
    assert asked(meta.reads[0][0][1]) == {"id", "phone"}


@pytest.mark.parametrize("field", ["id", "name", "never_asked"])
def test_a_refusal_that_leaving_out_would_not_mend_is_an_error(
    connection: GraphConnection, meta: Meta, field: str
) -> None:
    graph = GraphPages(connection, PageFields(("id", "name"), FieldsInMemory()))
    meta.answer_reads([refused(field)])
    with pytest.raises(FieldRefused, match=field):
        list(graph.accounts(ANNA, unexpected))


def test_a_refusal_that_nothing_mends_fails_its_own_page_alone(
    connection: GraphConnection, meta: Meta
) -> None:
    graph = GraphPages(connection, PageFields(("id", "parking"), FieldsInMemory()))
    good = item({"id": "2"})
    meta.answer_reads([refused("parking"), good, refused("colour")], [refused("parking")])
    found = graph.read_pages([access(1), access(2), access(3)])
    assert isinstance(found[PageId("1")], FieldRefused)  # though it was not asked for any more
    assert isinstance(found[PageId("2")], PageSnapshot)
    assert isinstance(found[PageId("3")], FieldRefused)  # which nobody asked for
