"""The examination of a kill loop's log notices what it is there for."""

import pytest

from tests.witness_log import examine, read_log

ORDERLY = """\
1.0 1 claim 7 -
1.2 1 put 7 -
1.3 1 finishing 7 -
1.4 2 claim 7 -
1.5 1 finished 7 1
1.6 2 finishing 7 -
1.7 2 finished 7 -
"""


def test_an_orderly_log_has_no_faults() -> None:
    found = examine(read_log(ORDERLY))
    assert (found.faults, found.claims, found.versions, found.takeovers) == ([], 2, 1, [])


def test_a_version_has_the_bytes_of_its_creation_for_ever() -> None:
    log = "1.1 1 created 7 7/history/000001.json={}\n"
    once = ORDERLY + log.format("aa")
    assert examine(read_log(once)).etags == {"7/history/000001.json": "aa"}
    (fault,) = examine(read_log(once + log.format("bb"))).faults
    assert "created twice" in fault


def test_a_takeover_is_counted_from_the_kill() -> None:
    text = "1.0 1 claim 7 -\n2.0 1 killed - -\n14.5 2 claim 7 -\n15.0 2 finishing 7 -\n"
    found = examine(read_log(text))
    assert (found.faults, found.takeovers) == ([], [12.5])


def test_a_takeover_by_a_worker_that_died_before_it_could_tell_is_none() -> None:
    text = "1.0 1 claim 7 -\n2.0 1 killed - -\n13.0 2 claiming - -\n13.1 2 killed - -\n"
    found = examine(read_log(f"{text}25.0 3 claim 7 -\n25.5 3 finishing 7 -\n"))
    assert found.faults == []
    assert found.takeovers == [pytest.approx(11.9)]
    failed = "1.0 1 claim 7 -\n2.0 1 killed - -\n13.0 2 claiming - -\n13.5 2 claiming - -\n"
    found = examine(read_log(f"{failed}13.6 2 claimed - -\n25.0 3 claim 7 -\n"))
    assert found.takeovers == [pytest.approx(11.5)]


def test_to_give_back_after_a_finish_whose_answer_was_lost_touches_nothing() -> None:
    text = "1.0 1 claim 7 -\n1.1 1 finishing 7 -\n1.5 2 claim 7 -\n1.6 1 giving-back 7 -\n"
    assert examine(read_log(f"{text}1.7 2 finishing 7 -\n")).faults == []


def test_a_process_id_that_is_given_anew_is_another_process() -> None:
    text = "0.5 1 claim 8 -\n0.6 1 finishing 8 -\n0.7 1 killed - -\n0.8 2 claim 8 -\n"
    text += "0.9 2 finishing 8 -\n400.0 1 claim 7 -\n401.0 1 killed - -\n"
    found = examine(read_log(f"{text}412.0 2 claim 7 -\n413.0 2 finishing 7 -\n"))
    assert (found.faults, found.takeovers) == ([], [11.0])


def test_what_a_finish_did_that_a_kill_cut_short_is_not_known() -> None:
    text = "1.0 1 claim 7 -\n1.5 1 finishing 7 -\n2.0 1 killed - -\n"
    assert examine(read_log(text)).faults == []
    later = examine(read_log(f"{text}80.0 2 claim 7 -\n81.0 2 finishing 7 -\n"))
    assert (later.faults, later.takeovers) == ([], [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1.0 1 claim 7 -\n1.1 2 claim 7 -\n1.2 1 put 7 -\n", "in two hands"),
        ("1.0 1 claim 7 -\n1.1 1 finished 7 4\n1.2 1 claim 7 -\n1.3 1 finished 7 4\n", "twice"),
        ("1.0 1 claim 7 -\n1.1 1 killed - -\n", "by nobody"),
        ("1.0 1 put 7 -\n", "without a claim"),
    ],
)
def test_each_fault_is_noticed(text: str, fault: str) -> None:
    assert any(fault in told for told in examine(read_log(text)).faults)
