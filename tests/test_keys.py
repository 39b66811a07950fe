"""What an object key may be; that both stores hold to it is in test_object_store."""

import pytest

from fbsync.store.keys import checked


@pytest.mark.parametrize("key", ["1/page_data.json", "a", "1/history/000001.json", "..a/b.."])
def test_a_key_is_taken_as_it_is(key: str) -> None:
    assert checked(key) == key


@pytest.mark.parametrize("key", ["", "/a", "a//b", "a/../b", ".", "a\\b", "a\nb"])
def test_what_could_leave_the_prefix_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no object key"):
        checked(key)
