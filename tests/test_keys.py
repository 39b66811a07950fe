"""What an object key may be; that both stores hold to it is in test_object_store."""

import pytest

from fbsync.store.keys import checked, checked_prefix


@pytest.mark.parametrize("key", ["1/page_data.json", "a", "1/history/000001.json", "..a/b.."])
def test_a_key_is_taken_as_it_is(key: str) -> None:
    assert checked(key) == key


@pytest.mark.parametrize("key", ["", "/a", "a//b", "a/../b", ".", "a\\b", "a\nb"])
def test_what_could_leave_the_prefix_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no object key"):
        checked(key)


@pytest.mark.parametrize("prefix", ["", "1", "1/", "1/history/", "1/history/0000"])
def test_a_beginning_of_keys_may_end_anywhere(prefix: str) -> None:
    assert checked_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "../", "../1", "1/../2", "1//", "./"])
def test_a_beginning_that_leads_elsewhere_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="no object key"):
        checked_prefix(prefix)
