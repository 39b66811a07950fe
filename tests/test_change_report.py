"""Changed fields, as people and programs get to see them."""

import pytest

from fbsync.change_report import changes_as_json, describe_changes, value_text
from fbsync.page import FieldChange


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (None, "New", "name: (unset) → New"),
        ("Old", None, "name: Old → (unset)"),
        ({"city": "Łódź"}, ["a"], 'name: {"city": "Łódź"} → ["a"]'),
        ("x" * 41, "y" * 40, f"name: {'x' * 39}… → {'y' * 40}"),
    ],
)
def test_changes_are_told_in_one_line(before: object, after: object, text: str) -> None:
    assert describe_changes([FieldChange("name", before, after)]) == text


def test_json_has_whole_values() -> None:
    change = FieldChange("about", None, "x" * 50)
    assert changes_as_json([change]) == [{"field": "about", "before": None, "after": "x" * 50}]


def test_a_value_may_be_told_over_several_lines() -> None:
    assert value_text({"city": "Łódź"}, indent=2) == '{\n  "city": "Łódź"\n}'
