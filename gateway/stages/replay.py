"""Running a flow again from its bytes, and giving one up: a plan first, then one transaction; the loops do the work.

What the State holds or may hold is never deposited again unless forced: its invoices keep their verdict and their delivery.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway import acknowledgement
from gateway.envelope import wrapped
from gateway.errors import IllegalTransition, StaleFlow
from gateway.lifecycle import REPLAYABLE, REPLAYS, TRANSITIONS, Event, State
from gateway.model import Box, Flow, Return, ReturnKind
from gateway.stages.close import answers
from gateway.stages.deliver import held_delivery
from gateway.stages.desk import Gateway

_JUDGE = ["judge every invoice again", "control report of generation {g}", "deliver what is accepted", "final report"]
_WILL = {
    "open": ["read the envelope again", *_JUDGE],
    "validate": _JUDGE,
    "deliver": ["control report of generation {g}", "deliver what is accepted and not with the State", "final report"],
    "close": ["final report of generation {g}"],
}  # fmt: skip
_NOT_OF_TESTS = ("deliver", "final report")
"""The test box gets receipt and control report only."""

_UNREAD, _UNDELIVERED = frozenset({"deliver", "close"}), frozenset({"close"})
_TOO_LATE = {State.RECEIVED: _UNREAD, State.OPENED: _UNREAD, State.VALIDATED: _UNDELIVERED}
"""Where a flow stopped → the starts that would close it although something of it was never judged, or never delivered."""

_AFTER = {State.RECEIVED: "open", State.INADMISSIBLE: "open", State.VALIDATED: "deliver", State.DELIVERED: "close"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do. `refused` says why it may not, None when it may."""

    flow: Flow
    start: str  # open, validate, deliver, close
    will: tuple[str, ...]
    refused: str | None
    force: bool = False


def plan(gw: Gateway, flow: Flow, start: str | None, *, force: bool = False) -> Plan:
    """The replay of one flow from `start` (None: from where it stopped)."""
    start = start or _where_it_stopped(gw, flow)
    refused = _refusal(gw, flow, start, force=force)
    if refused:
        return Plan(flow, start, (), refused, force)
    steps = [line for line in _WILL[start] if flow.box is Box.REAL or not line.startswith(_NOT_OF_TESTS)]
    will = [line.format(g=flow.generation + 1) for line in steps]
    kept = gw.store.live_invoices(flow.number)
    if kept and start != "close":
        will.append(f"deposit {kept} invoice(s) AGAIN, as forced" if force else f"keep {kept} invoice(s) that the State holds or may hold")
    return Plan(flow, start, tuple(will), None, force)


def _where_it_stopped(gw: Gateway, flow: Flow) -> str:
    """From the state before it was parked; what waits for a verdict is judged again first."""
    if flow.state is State.INADMISSIBLE or not gw.store.counts(flow.number)["invoices"]:
        return "open"
    if flow.state is not State.PARKED or any(row.held for row in gw.store.invoices(flow=flow.number)):
        return "validate"
    return _AFTER.get(_came_from(gw, flow), "validate")


def _came_from(gw: Gateway, flow: Flow) -> State:
    """The state before the present one; the first one has none but itself."""
    came_to = [entry.detail["to"] for entry in gw.store.history(flow.number) if "to" in entry.detail]
    return State(came_to[-2:][0])


def _refusal(gw: Gateway, flow: Flow, start: str, *, force: bool) -> str | None:
    if flow.state not in REPLAYABLE:
        return f"{flow.number}: is {flow.state}; only {', '.join(sorted(REPLAYABLE))} flows can be replayed"
    stopped = _came_from(gw, flow)
    if start in _TOO_LATE.get(stopped, ()) and not flow.inadmissible:
        return f"{flow.number}: stopped in state {stopped}; from {start} what was not done yet would be left out, take an earlier step"
    if start == "close":
        return _open_ends(gw, flow, force=force)
    if start == "deliver":
        return _cleared(gw, flow) or (None if force else _all_there(gw, flow))
    return None


def _cleared(gw: Gateway, flow: Flow) -> str | None:
    """Its documents as they would be sent were removed with time (housekeeping); judging makes them again from the bytes received."""
    sendable = {row.generation for row in gw.store.invoices(flow=flow.number, lean=True) if row.accepted and row.segment_length}
    if all(gw.spool.has_segments(flow.number, generation) for generation in sendable):
        return None
    return f"{flow.number}: its documents made ready for sending were cleared away; --from validate makes them again"


def _open_ends(gw: Gateway, flow: Flow, *, force: bool) -> str | None:
    if left := _with_nobody(gw, flow):
        what = f"{left} invoice(s) undelivered or without a verdict would be left behind"
        return f"{flow.number}: {what}; take an earlier step, or abandon it"
    held = held_delivery(gw, flow)
    if held and not force:
        return f"{flow.number}: the State has not answered on {held.name}, which is held; --from close once its report is in"
    return None


def _all_there(gw: Gateway, flow: Flow) -> str | None:
    counts = gw.store.counts(flow.number)
    if counts["accepted"] and gw.store.live_invoices(flow.number) >= counts["accepted"]:
        return f"{flow.number}: all its accepted invoices were deposited; --force-delivery deposits them again under another name"
    return None


def _with_nobody(gw: Gateway, flow: Flow) -> int:
    """Invoices accepted or without a verdict that were never put on a delivery; the test box delivers nothing."""
    rows = gw.store.invoices(flow=flow.number, lean=True) if flow.box is Box.REAL else ()
    return sum((row.accepted or bool(row.held)) and not row.delivery for row in rows)


def apply(gw: Gateway, planned: Plan, *, who: str, reason: str) -> Flow:
    """Move the flow back, one generation on; who and why are recorded."""
    event, _ = REPLAYS[planned.start]
    flow = planned.flow
    detail = {"from": planned.start, "reason": reason, "force_delivery": planned.force}
    with gw.store.transaction():
        if planned.start == "deliver" and (cleared := _cleared(gw, flow)):  # since it was planned
            raise StaleFlow(cleared)
        if planned.start in ("open", "validate"):
            gw.store.drop_invoices(flow)
        if planned.start != "close":
            gw.store.release_from_deliveries(flow, live_too=planned.force)
        findings = () if planned.start in ("open", "validate") else flow.findings
        moved = gw.store.record(
            flow, event, at=gw.now(), who=who, detail=detail, generation=flow.generation + 1, attempts=0, reason="", findings=findings,
        )  # fmt: skip
    gw.bell.ring("work")
    return moved


def abandon(gw: Gateway, flow: Flow, *, who: str, reason: str) -> Flow:
    """Close a parked flow for good and owe the partner a report that says so. What the State does not have may be sent anew."""
    if (flow.state, Event.ABANDON) not in TRANSITIONS:
        raise IllegalTransition(f"{flow.number}: is {flow.state}; only parked flows can be abandoned")
    with gw.store.transaction():
        moved = gw.store.record(flow, Event.ABANDON, at=gw.now(), who=who, detail={"reason": reason}, reason=reason)
        gw.store.free_keys(moved)
        if flow.box is Box.REAL:
            gw.store.owe(_farewell(gw, moved), gw.now())
    gw.bell.ring("send")
    return moved


def _farewell(gw: Gateway, flow: Flow) -> Return:
    partner = gw.partner(flow.partner)
    number = gw.store.next_number(f"report:{partner.application}")
    name, body = acknowledgement.final_report(
        flow, partner, answers(gw, flow), number=number, returns=gw.settings.returns, produced_at=gw.now(),
        operator_code=gw.settings.operator_code,
    )  # fmt: skip
    body = wrapped(name, body, partner.return_envelope)
    return Return(flow.partner, flow.box, flow.number, ReturnKind.FINAL, name, body, f"{flow.number}:final:{flow.generation}:abandoned")
