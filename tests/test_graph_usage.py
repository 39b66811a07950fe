"""Usage headers: Meta's shapes, and whatever else may come."""

from datetime import timedelta

import httpx
import pytest

from fbsync.graph.usage import Usage, read_usage

APP = '{"call_count":28,"total_time":25,"total_cputime":31}'
BUSINESS = (
    '{"1":[{"type":"pages","call_count":90,"total_cputime":1,"total_time":1,'
    '"estimated_time_to_regain_access":0}],'
    '"2":[{"type":"pages","call_count":5,"estimated_time_to_regain_access":12,"new":"x"}],'
    '"3":[{"type":"messenger","call_count":99,"estimated_time_to_regain_access":99}]}'
)


@pytest.mark.parametrize(
    ("headers", "usage"),
    [
        ({}, Usage()),
        ({"X-App-Usage": APP}, Usage(app_percent=31)),
        ({"X-Page-Usage": APP}, Usage(percent=31)),
        ({"X-Business-Use-Case-Usage": BUSINESS}, Usage(None, 90, timedelta(minutes=12))),
        (
            {"X-Business-Use-Case-Usage": '{"1":[{"estimated_time_to_regain_access":0}]}'},
            Usage(regain=timedelta(0)),
        ),
        (
            {"X-App-Usage": APP, "X-Business-Use-Case-Usage": BUSINESS},
            Usage(31, 90, timedelta(0, 720)),
        ),
        ({"X-App-Usage": '{"acc_id_util_pct": 9.67, "reset_time_duration": 100}'}, Usage()),
    ],
)
def test_the_nearest_limit_counts(headers: dict[str, str], usage: Usage) -> None:
    assert read_usage(httpx.Headers(headers)) == usage


@pytest.mark.parametrize(
    ("caller", "usage"),
    [
        ("1", Usage(None, 90, timedelta(0))),
        ("2", Usage(None, 5, timedelta(minutes=12))),
        ("3", Usage()),  # of another kind than ours
        ("4", Usage(None, 90, timedelta(minutes=12))),
        ("", Usage(None, 90, timedelta(minutes=12))),
    ],
)
def test_where_the_caller_is_among_the_business_objects_the_others_do_not_count(
    caller: str, usage: Usage
) -> None:
    assert read_usage({"x-business-use-case-usage": BUSINESS}, caller) == usage


def test_the_header_of_the_page_itself_counts_beside_its_business_usage() -> None:
    headers = {"x-page-usage": APP, "x-business-use-case-usage": BUSINESS}
    assert read_usage(headers, "2").percent == 31


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "null", '{"call_count":"90"}', '{"1":[7]}', '{"call_count":-5}']
)
@pytest.mark.parametrize("name", ["x-app-usage", "x-business-use-case-usage"])
def test_what_cannot_be_read_counts_nothing(name: str, text: str) -> None:
    assert read_usage({name: text}) == Usage()


def test_an_absurd_wait_is_cut_to_a_day() -> None:
    text = '{"1":[{"estimated_time_to_regain_access":99999999999}]}'
    assert read_usage({"x-business-use-case-usage": text}).regain == timedelta(days=1)
