"""docs/lifecycle.md from the tables of gateway/lifecycle.py: two diagrams, every step, what the words mean; it knows no stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docs.markdown import code, header, table
from gateway.lifecycle import ANSWERED, DELIVERY_STEPS, LIVE, OPEN_STATES, REPLAYABLE, REPLAYS, TRANSITIONS, DeliveryState, Event, State

STATES = {
    State.RECEIVED: "the bytes are durable, the row is committed, the receipt is owed",
    State.OPENED: "the envelope was read to its end; its documents are known",
    State.VALIDATED: "every invoice has a verdict, or waits for a person",
    State.DELIVERED: "the control report is owed, accepted invoices are assigned to outbound flows",
    State.CLOSED: "the final report is owed; statuses may still come for its invoices",
    State.INADMISSIBLE: "the flow as a whole cannot be read (irrecevable)",
    State.PARKED: "stopped for a person; bytes and history are kept",
    State.ABANDONED: "a person gave it up; the partner gets a report that says so",
}

EVENTS = {
    Event.OPEN: "the gate found the envelope whole",
    Event.DECLARE_INADMISSIBLE: "the gate, or the documents, refuse the flow",
    Event.VALIDATE: "all documents are judged",
    Event.DELIVER: "reports are owed, deliveries are planned",
    Event.CLOSE: "every outbound flow with one of its invoices is answered, or there is none",
    Event.PARK: "a fault of ours, or an invoice without a verdict",
    Event.ABANDON: "`gateway abandon`",
    Event.REPLAY_OPEN: "`gateway replay --from open`",
    Event.REPLAY_VALIDATE: "`gateway replay --from validate`",
    Event.REPLAY_DELIVER: "`gateway replay --from deliver`",
    Event.REPLAY_CLOSE: "`gateway replay --from close`",
}

DELIVERIES = {
    DeliveryState.PLANNED: "takes invoices until it is full or old enough",
    DeliveryState.SEALED: "name, bytes and size are fixed for ever",
    DeliveryState.SENDING: "an attempt is under way, its intent committed",
    DeliveryState.SENT: "seen under its final name at the State's",
    DeliveryState.UNKNOWN: "the outcome was lost: asked after, never sent again blindly",
    DeliveryState.CONFIRMED: "the State's report: integrated",
    DeliveryState.PARTIAL: "the State's report: partly integrated",
    DeliveryState.REFUSED: "the State's report: nothing integrated",
    DeliveryState.HELD: "no trace, or other bytes under our name: a person looks, or a late report settles it",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_parts())


def _parts() -> Iterator[str]:
    yield header("The life of a flow and of a delivery", "`gateway/lifecycle.py`")
    yield "A state is ours. The State's own word on an invoice is a *status*; the two never share a column ([glossary](glossary.md)).\n"
    yield "## A flow\n\n" + _diagram(_flow_steps())
    yield f"From {_words(REPLAYABLE)} a person may replay: those arrows are left out of the diagram and stand in the table below."
    yield "Each replay raises the flow's generation, which the names of its reports carry.\n"
    yield table(("state", "means", "open"), ((code(s), m, "yes" if s in OPEN_STATES else "") for s, m in STATES.items()))
    yield "*Open*: something is still owed by us without a person's help.\n"
    yield table(("event", "happens when"), ((code(e), m) for e, m in EVENTS.items()))
    yield table(("from", "event", "to"), sorted((code(s), code(e), code(t)) for (s, e), t in TRANSITIONS.items()))
    yield "## A delivery\n\n" + _diagram((s, t, "") for s, targets in DELIVERY_STEPS.items() for t in targets)
    yield "A report may overtake our own record of *sent*, hence the arrows from `sending`, `unknown` and `held`.\n"
    yield table(
        ("state", "means", "answered", "keeps its invoices"),
        ((code(s), m, "yes" if s in ANSWERED else "", "yes" if s in LIVE else "") for s, m in DELIVERIES.items()),
    )
    yield "An invoice on a delivery that keeps its invoices is not deposited anew by a replay, unless it is forced.\n"


def _words(states: Iterable[State]) -> str:
    return ", ".join(code(s) for s in State if s in states)


def _flow_steps() -> Iterator[tuple[str, str, str]]:
    replays = {event for event, _ in REPLAYS.values()}
    for state in State:
        for event in Event:
            if event not in replays and (state, event) in TRANSITIONS:
                yield state, TRANSITIONS[state, event], event


def _diagram(steps: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"    {start} --> {end}" + (f": {word}" if word else "") for start, end, word in steps]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", ""])
