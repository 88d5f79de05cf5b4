"""What to do about a delivery, given the step we had committed and what is seen on the other side; it looks at nothing itself.

The rows of reliability.md 2.7 as one table. The stage asks before *every* attempt: look → `decide` → upload, publish → record.

Limits: a State that takes deposits away at once leaves nothing to see; then only its report tells, hence `Decision.RECONCILE`.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.model import Presence

NOT_ASKED = ""
"""No step of ours asked for the final name yet."""

RENAMING = "renaming"
"""Committed before D9: the final name may have been asked for."""

UPLOADING = "uploading"
"""Committed before the first byte where the target allows no temporary name: the final name itself is being written."""

STEPS = (NOT_ASKED, RENAMING, UPLOADING)


class Decision(StrEnum):
    """What the stage does next."""

    SEND = "send"  # upload anew (a part of ours is removed), then commit RENAMING and publish
    PUBLISH = "publish"  # the part is whole: rename again
    SENT = "sent"  # it is there: record it
    RECONCILE = "reconcile"  # state unknown: the State's report or a person tells; never sent again by itself
    HOLD = "hold"  # somebody used our name for other bytes: a person looks


_TABLE: dict[tuple[str, Presence], Decision] = {
    (NOT_ASKED, Presence.ABSENT): Decision.SEND,
    (NOT_ASKED, Presence.PART): Decision.SEND,
    (NOT_ASKED, Presence.TORN): Decision.SEND,
    (NOT_ASKED, Presence.OURS): Decision.SENT,
    (NOT_ASKED, Presence.FOREIGN): Decision.HOLD,
    # neither name: taken already, or the directory was cleaned
    (RENAMING, Presence.ABSENT): Decision.RECONCILE,
    (RENAMING, Presence.PART): Decision.PUBLISH,
    # a server that lost power may keep the name and lose bytes; the part's presence proves that the rename was not done
    (RENAMING, Presence.TORN): Decision.SEND,
    (RENAMING, Presence.OURS): Decision.SENT,
    (RENAMING, Presence.FOREIGN): Decision.HOLD,
    # without temporary names a failure after the first byte is unknown: other bytes may be the beginning of ours, being read by the State
    (UPLOADING, Presence.ABSENT): Decision.RECONCILE,
    (UPLOADING, Presence.PART): Decision.RECONCILE,
    (UPLOADING, Presence.TORN): Decision.RECONCILE,
    (UPLOADING, Presence.OURS): Decision.SENT,
    (UPLOADING, Presence.FOREIGN): Decision.RECONCILE,
}


def step_before_upload(temporary_name: bool) -> str:
    """The step to commit before D6, by the destination's `temporary_name`."""
    return NOT_ASKED if temporary_name else UPLOADING


def step_before_publish(temporary_name: bool) -> str:
    """The step to commit before D9 (D8), by the destination's `temporary_name`."""
    return RENAMING if temporary_name else UPLOADING


def held_reason(delivery: str, why: str) -> str:
    """What a flow says that is parked for a held delivery."""
    return f"{delivery}: {why}; replay from close once the State has answered, --force-delivery only if it has not got it"


def decide(step: str, presence: Presence, *, temporary_name: bool = True) -> Decision:
    """The row of the table; `step` as committed in `Delivery.step` (any other word than ours counts as not asked).

    Where the target turned out to forbid renaming (setting `temporary_name`), a part that stands was not renamed: the final name is
    written.
    """
    decision = _TABLE[step if step in STEPS else NOT_ASKED, presence]
    return Decision.SEND if decision is Decision.PUBLISH and not temporary_name else decision
