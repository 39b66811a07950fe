"""What was asked for against what the person made of it."""

from fbsync.graph.permissions import Permissions

ASKED = ("pages_show_list", "pages_manage_metadata", "pages_read_engagement")


def test_where_everything_is_granted_there_is_no_fault() -> None:
    found = Permissions(frozenset({*ASKED, "public_profile"}))
    assert found.faults(ASKED) == []
    assert found.missing(ASKED) == []


def test_a_declined_one_is_told_with_what_fails_and_how_to_be_asked_again() -> None:
    found = Permissions(
        frozenset({"pages_show_list"}),
        declined=frozenset({"pages_manage_metadata", "email"}),
        expired=frozenset({"pages_read_engagement"}),
    )
    metadata, engagement, remedy = found.faults(ASKED)
    assert metadata.startswith("declined: pages_manage_metadata (without it no webhook ")
    assert engagement.startswith("expired: pages_read_engagement (without it descriptions ")
    assert remedy.endswith("fbsync login --rerequest")
    assert found.missing(ASKED) == []


def test_one_that_facebook_never_asked_for_is_told_apart() -> None:
    found = Permissions(frozenset({"pages_show_list", "pages_manage_metadata"}))
    asked = [*ASKED, "leads_retrieval"]
    assert found.missing(asked) == ["leads_retrieval", "pages_read_engagement"]
    leads, engagement, remedy = found.faults(asked)
    assert leads == "not offered: leads_retrieval"
    assert engagement.startswith("not offered: pages_read_engagement (")
    assert "dashboard" in remedy
    assert "--rerequest" not in remedy


def test_an_empty_list_of_pages_is_explained_by_the_permission_for_it() -> None:
    found = Permissions(frozenset(), declined=frozenset({"pages_show_list"}))
    assert "list of pages is empty, and that is no error" in found.faults(ASKED[:1])[0]
