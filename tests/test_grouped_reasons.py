"""Reasons of pages, told together."""

from fbsync.grouped_reasons import grouped


def test_a_page_of_its_own_is_named_with_its_reason() -> None:
    assert grouped([("1", "It failed.\nTry again.")]) == ["page 1: It failed. Try again."]


def test_pages_that_share_a_reason_share_a_line_whatever_the_trace() -> None:
    reasons = [
        ("1", "Expired (code 190, trace Aaa)"),
        ("2", "Gone."),
        ("3", "Expired (code 190, trace Abb)"),
    ]
    assert grouped(reasons) == ["2 pages (1, 3): Expired (code 190, trace Aaa)", "page 2: Gone."]


def test_of_many_pages_some_are_named() -> None:
    (line,) = grouped([(str(number), "Gone.") for number in range(1, 101)])
    assert line == "100 pages (1, 2, 3, 4, 5 and 95 more): Gone."
