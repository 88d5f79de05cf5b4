"""The table of reliability.md 2.7, row by row: what each pair of committed step and sight on the other side leads to."""

from __future__ import annotations

import pytest

from gateway.delivering import NOT_ASKED, RENAMING, STEPS, UPLOADING, Decision, decide, step_before_publish, step_before_upload
from gateway.model import Presence

ROWS = {
    NOT_ASKED: {"absent": "send", "part": "send", "torn": "send", "ours": "sent", "foreign": "hold"},
    RENAMING: {"absent": "reconcile", "part": "publish", "torn": "send", "ours": "sent", "foreign": "hold"},
    UPLOADING: {"absent": "reconcile", "part": "reconcile", "torn": "reconcile", "ours": "sent", "foreign": "reconcile"},
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("presence", list(Presence))
def test_every_step_and_presence_has_exactly_the_decision_of_the_table(step: str, presence: Presence) -> None:
    assert decide(step, presence) == ROWS[step][presence.value]


def test_nothing_is_ever_sent_again_once_the_final_name_was_asked_for_and_nothing_is_seen() -> None:
    for step in (RENAMING, UPLOADING):
        assert decide(step, Presence.ABSENT) is Decision.RECONCILE


def test_our_own_bytes_under_the_final_name_are_sent_whatever_we_had_noted() -> None:
    assert {decide(step, Presence.OURS) for step in STEPS} == {Decision.SENT}


def test_an_unknown_step_counts_as_not_asked() -> None:
    assert decide("sealing", Presence.PART) is Decision.SEND


def test_without_temporary_names_no_part_is_ever_published() -> None:
    told = {decide(step, presence, temporary_name=False) for step in STEPS for presence in Presence}
    assert told == set(Decision) - {Decision.PUBLISH}


def test_the_step_to_commit_depends_on_whether_the_target_allows_temporary_names() -> None:
    assert (step_before_upload(True), step_before_publish(True)) == (NOT_ASKED, RENAMING)
    assert (step_before_upload(False), step_before_publish(False)) == (UPLOADING, UPLOADING)
