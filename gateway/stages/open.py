"""The gate at work: a received flow becomes opened or inadmissible; it judges no invoice."""

from __future__ import annotations

from gateway import gate
from gateway.catalogue import finding
from gateway.lifecycle import Event
from gateway.model import Finding, Flow, is_fatal
from gateway.stages.desk import Gateway


def open_flow(gw: Gateway, flow: Flow) -> tuple[Flow, gate.Opening]:
    """Read the whole envelope once and prove its end; then one transaction. The attempt under way goes on into validation."""
    opening = examine(gw, flow)
    findings = (*_name_conflict(gw, flow), *opening.findings)
    event = Event.DECLARE_INADMISSIBLE if is_fatal(findings) else Event.OPEN
    with gw.store.transaction():
        moved = gw.store.record(
            flow, event, at=gw.now(), who="open", detail={"kind": opening.kind, "codes": sorted({f.rule for f in findings})},
            interface=opening.interface, members=opening.documents, findings=findings, attempts=int(event is Event.OPEN),
        )  # fmt: skip
    return moved, opening


def examine(gw: Gateway, flow: Flow) -> gate.Opening:
    """What the gate says of the flow's bytes, without writing anything."""
    with gw.spool.open(flow.sha256) as stream:
        return gate.open_flow(flow.name, stream, flow.size, partner=gw.partner(flow.partner), limits=gw.settings.limits)


def _name_conflict(gw: Gateway, flow: Flow) -> tuple[Finding, ...]:
    """Row 23: under strict naming a name serves once; the earlier flow keeps it."""
    if gw.partner(flow.partner).naming != "strict":
        return ()
    earlier = gw.store.first_named(flow.partner, flow.box, flow.name)
    if earlier is None or earlier.number == flow.number or earlier.sha256 == flow.sha256:
        return ()
    return (finding("DUP-003", nom=flow.name, date=f"{earlier.received_at:%d/%m/%Y}"),)
