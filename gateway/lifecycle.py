"""The life of a flow and of a delivery, each one table; it stores nothing and knows no stage.

`docs/lifecycle.md` is generated from these tables and a test compares them.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.errors import IllegalTransition


class State(StrEnum):
    """Where *our* processing of a flow stands. Never the State's word on an invoice (that is a status)."""

    RECEIVED = "received"
    OPENED = "opened"
    VALIDATED = "validated"
    DELIVERED = "delivered"
    CLOSED = "closed"
    INADMISSIBLE = "inadmissible"
    PARKED = "parked"
    ABANDONED = "abandoned"


class Event(StrEnum):
    """What moves a flow."""

    OPEN = "open"
    DECLARE_INADMISSIBLE = "declare_inadmissible"
    VALIDATE = "validate"
    DELIVER = "deliver"
    CLOSE = "close"
    PARK = "park"
    ABANDON = "abandon"
    REPLAY_OPEN = "replay_open"
    REPLAY_VALIDATE = "replay_validate"
    REPLAY_DELIVER = "replay_deliver"
    REPLAY_CLOSE = "replay_close"


OPEN_STATES = frozenset({State.RECEIVED, State.OPENED, State.VALIDATED, State.DELIVERED, State.INADMISSIBLE})
"""States in which something is still owed by us without a person's help."""

OVER = frozenset({State.CLOSED, State.ABANDONED})
"""States in which nothing is owed by us any more."""

REPLAYABLE = frozenset({State.CLOSED, State.INADMISSIBLE, State.PARKED})

REPLAYS = {
    "open": (Event.REPLAY_OPEN, State.RECEIVED),
    "validate": (Event.REPLAY_VALIDATE, State.OPENED),
    "deliver": (Event.REPLAY_DELIVER, State.VALIDATED),
    "close": (Event.REPLAY_CLOSE, State.DELIVERED),
}

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.RECEIVED, Event.OPEN): State.OPENED,
    (State.RECEIVED, Event.DECLARE_INADMISSIBLE): State.INADMISSIBLE,
    (State.OPENED, Event.DECLARE_INADMISSIBLE): State.INADMISSIBLE,
    (State.OPENED, Event.VALIDATE): State.VALIDATED,
    (State.VALIDATED, Event.DELIVER): State.DELIVERED,
    (State.DELIVERED, Event.CLOSE): State.CLOSED,
    (State.INADMISSIBLE, Event.CLOSE): State.CLOSED,
    (State.PARKED, Event.ABANDON): State.ABANDONED,
    **{(state, Event.PARK): State.PARKED for state in OPEN_STATES},
    **{(state, event): target for state in REPLAYABLE for event, target in REPLAYS.values()},
}


def after(state: State, event: Event) -> State:
    """The state that `event` leads to; `IllegalTransition` where the table has no such step."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        known = ", ".join(sorted(e for s, e in TRANSITIONS if s is state)) or "none"
        raise IllegalTransition(f"flow {state}: no event {event}; possible here: {known}") from None


class DeliveryState(StrEnum):
    """Where one outbound flow stands between us and the State."""

    PLANNED = "planned"
    SEALED = "sealed"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    CONFIRMED = "confirmed"
    PARTIAL = "partial"
    REFUSED = "refused"
    HELD = "held"


ANSWERED = frozenset({DeliveryState.CONFIRMED, DeliveryState.PARTIAL, DeliveryState.REFUSED})
"""The State's integration report is in: the delivery is over."""

LIVE = frozenset(set(DeliveryState) - {DeliveryState.REFUSED})
"""The State holds, may hold or will get the invoice: it keeps its verdict and is not deposited anew."""

_REPORT = (DeliveryState.CONFIRMED, DeliveryState.PARTIAL, DeliveryState.REFUSED)

DELIVERY_STEPS: dict[DeliveryState, tuple[DeliveryState, ...]] = {
    DeliveryState.PLANNED: (DeliveryState.SEALED,),
    DeliveryState.SEALED: (DeliveryState.SENDING,),
    # a report may overtake our own commit of *sent*: it is better founded than our outcome
    DeliveryState.SENDING: (DeliveryState.SENT, DeliveryState.SEALED, DeliveryState.UNKNOWN, DeliveryState.HELD, *_REPORT),
    DeliveryState.SENT: _REPORT,
    DeliveryState.UNKNOWN: (DeliveryState.SENT, DeliveryState.SEALED, DeliveryState.HELD, *_REPORT),
    DeliveryState.HELD: (DeliveryState.SEALED, DeliveryState.SENT, *_REPORT),
    DeliveryState.CONFIRMED: (),
    DeliveryState.PARTIAL: (),
    DeliveryState.REFUSED: (),
}


def delivery_after(state: DeliveryState, target: DeliveryState) -> DeliveryState:
    """`target` when the table allows the step, else `IllegalTransition`."""
    if target not in DELIVERY_STEPS[state]:
        allowed = ", ".join(DELIVERY_STEPS[state]) or "none"
        raise IllegalTransition(f"delivery {state}: cannot become {target}; possible here: {allowed}")
    return target
