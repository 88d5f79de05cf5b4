"""The two tables: every state with every event, every delivery state with every other, and what must hold of them as a whole."""

from __future__ import annotations

import itertools

import pytest

from gateway.errors import IllegalTransition
from gateway.lifecycle import (
    ANSWERED,
    DELIVERY_STEPS,
    LIVE,
    OPEN_STATES,
    REPLAYABLE,
    REPLAYS,
    TRANSITIONS,
    DeliveryState,
    Event,
    State,
    after,
    delivery_after,
)

REPLAY = ["replay_open -> received", "replay_validate -> opened", "replay_deliver -> validated", "replay_close -> delivered"]

FLOW_TABLE = {
    "received": ["open -> opened", "declare_inadmissible -> inadmissible", "park -> parked"],
    "opened": ["declare_inadmissible -> inadmissible", "validate -> validated", "park -> parked"],
    "validated": ["deliver -> delivered", "park -> parked"],
    "delivered": ["close -> closed", "park -> parked"],
    "inadmissible": ["close -> closed", "park -> parked", *REPLAY],
    "parked": ["abandon -> abandoned", *REPLAY],
    "closed": REPLAY,
    "abandoned": [],
}
"""architecture.md, chapter 2, written out by hand."""

DELIVERY_TABLE = {
    "planned": {"sealed"},
    "sealed": {"sending"},
    "sending": {"sent", "sealed", "unknown", "held", "confirmed", "partial", "refused"},
    "sent": {"confirmed", "partial", "refused"},
    "unknown": {"sent", "sealed", "held", "confirmed", "partial", "refused"},
    "held": {"sealed", "sent", "confirmed", "partial", "refused"},
    "confirmed": set(),
    "partial": set(),
    "refused": set(),
}
"""reliability.md 2.3, with our words."""


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_event_in_every_state(state: State, event: Event) -> None:
    steps = dict(line.split(" -> ") for line in FLOW_TABLE[state])
    if event in steps:
        assert after(state, event) == steps[event]
    else:
        with pytest.raises(IllegalTransition) as told:
            after(state, event)
        assert str(state) in str(told.value)
        assert str(event) in str(told.value)


@pytest.mark.parametrize(("state", "target"), list(itertools.product(DeliveryState, DeliveryState)))
def test_every_delivery_state_to_every_other(state: DeliveryState, target: DeliveryState) -> None:
    if target in DELIVERY_TABLE[state]:
        assert delivery_after(state, target) is target
    else:
        with pytest.raises(IllegalTransition, match=f"cannot become {target}"):
            delivery_after(state, target)


def test_the_tables_are_whole() -> None:
    assert set(FLOW_TABLE) == set(State)
    assert set(DELIVERY_TABLE) == set(DELIVERY_STEPS) == set(DeliveryState)
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_an_error_lists_what_is_possible() -> None:
    with pytest.raises(IllegalTransition, match="possible here: abandon, replay_close, replay_deliver, replay_open, replay_validate"):
        after(State.PARKED, Event.OPEN)
    with pytest.raises(IllegalTransition, match="possible here: none"):
        after(State.ABANDONED, Event.OPEN)


@pytest.mark.parametrize("start", ["open", "validate", "deliver", "close"])
def test_a_replay_leads_to_the_state_in_which_its_start_is_done_anew(start: str) -> None:
    event, state = REPLAYS[start]
    assert event == f"replay_{start}"
    assert any(s is state for s, e in TRANSITIONS if e == start)


def test_every_state_but_the_last_has_a_way_out_and_every_state_is_reached() -> None:
    assert {s for s, _ in TRANSITIONS} == set(State) - {State.ABANDONED}
    reached = {State.RECEIVED}
    for _ in State:
        reached |= {target for (state, _), target in TRANSITIONS.items() if state in reached}
    assert reached == set(State)


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_every_open_state_can_be_parked_and_comes_to_its_end(state: State) -> None:
    assert after(state, Event.PARK) is State.PARKED
    reached = {state}
    for _ in State:
        reached |= {t for (s, e), t in TRANSITIONS.items() if s in reached and e is not Event.PARK and not e.startswith("replay")}
    assert State.CLOSED in reached


def test_a_replay_starts_only_where_nothing_is_under_way() -> None:
    assert {s for s, e in TRANSITIONS if e.startswith("replay")} == REPLAYABLE
    assert State.ABANDONED not in REPLAYABLE | OPEN_STATES


def test_an_answer_is_final() -> None:
    assert {state for state, steps in DELIVERY_STEPS.items() if not steps} == ANSWERED


def test_from_every_unanswered_delivery_an_answer_is_reached() -> None:
    for state in set(DeliveryState) - ANSWERED:
        reached = {state}
        for _ in DeliveryState:
            reached |= {target for one in reached for target in DELIVERY_STEPS[one]}
        assert reached >= ANSWERED


def test_what_is_unknown_or_held_is_never_sent_without_being_sealed_or_seen_first() -> None:
    """I5: no attempt starts from unknown but by reconciliation, which proves that nothing of it was taken."""
    assert [state for state, steps in DELIVERY_STEPS.items() if DeliveryState.SENDING in steps] == [DeliveryState.SEALED]


def test_only_a_refused_delivery_lets_its_invoices_go() -> None:
    assert set(DeliveryState) - LIVE == {DeliveryState.REFUSED}
