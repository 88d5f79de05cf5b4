"""The end of a flow: its final report is owed once the State has answered all that it holds of it; statuses may still come."""

from __future__ import annotations

from collections.abc import Iterator

from gateway import acknowledgement
from gateway.catalogue import finding
from gateway.envelope import wrapped
from gateway.lifecycle import DeliveryState, Event, State
from gateway.model import Box, Finding, Flow, Return, ReturnKind
from gateway.stages.deliver import control_report
from gateway.stages.desk import Gateway


def close(gw: Gateway, flow: Flow) -> Flow | None:
    """Owe the partner the report, and be done; None while the State still owes us an answer."""
    if flow.state is State.DELIVERED and gw.store.unanswered(flow.number):
        return None
    owed = list(_reports(gw, flow))
    with gw.store.transaction():
        for report in owed:
            gw.store.owe(report, gw.now())
        if flow.box is Box.REAL:
            gw.store.owe(final_report(gw, flow), gw.now())
        return gw.store.record(flow, Event.CLOSE, at=gw.now(), who="close", detail=gw.store.counts(flow.number), attempts=0)


def _reports(gw: Gateway, flow: Flow) -> Iterator[Return]:
    """An inadmissible flow never came to *deliver*: its control report says why it was not read."""
    if flow.state is State.INADMISSIBLE:
        yield control_report(gw, flow)


def final_report(gw: Gateway, flow: Flow) -> Return:
    """The CSO file of this generation; its number is drawn here, inside the caller's transaction."""
    partner = gw.partner(flow.partner)
    sequence = f"report:{partner.application}"
    name, body = acknowledgement.final_report(
        flow, partner, answers(gw, flow), number=gw.store.next_number(sequence), returns=gw.settings.returns, produced_at=gw.now(),
        operator_code=gw.settings.operator_code,
    )  # fmt: skip
    return Return(
        flow.partner,
        flow.box,
        flow.number,
        ReturnKind.FINAL,
        name,
        wrapped(name, body, partner.return_envelope),
        f"{flow.number}:final:{flow.generation}",
    )


def answers(gw: Gateway, flow: Flow) -> acknowledgement.FinalAnswers:
    """What became of the flow's invoices: ours, and the State's line by line."""
    refused = gw.store.refused(flow.number)
    rows = [row for row in gw.store.invoices(flow=flow.number) if not row.accepted or row.position in refused]
    counts = gw.store.counts(flow.number)
    return acknowledgement.FinalAnswers(
        deposited=gw.store.live_invoices(flow.number) + len(refused), integrated=gw.store.integrated(flow.number),
        rejected=counts["rejected"], refused=len(refused), held=counts["held"],
        rejected_rows=tuple(row for row in rows if not row.accepted),
        refused_rows=tuple((row, refused[row.position]) for row in rows if row.position in refused),
        findings=(*flow.findings, *_unnamed(gw, flow)),
    )  # fmt: skip


def _unnamed(gw: Gateway, flow: Flow) -> list[Finding]:
    """A delivery integrated in part of which the report named no invoice of ours: the partner must not read that all went well."""
    partial = [d for d in gw.store.deliveries(flow=flow.number) if d.state is DeliveryState.PARTIAL]
    holding = [d for d in partial if flow.number in gw.store.flows_of_delivery(d.name)]
    return [finding("RET-010", flux=d.number) for d in holding if not gw.store.refusals(d.name)]
