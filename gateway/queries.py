"""Reading, for the command line and the console: stored facts as the JSON objects of contract.md; it changes nothing."""

from __future__ import annotations

from typing import Any

from gateway import gate, statuses
from gateway.errors import UnknownSubject
from gateway.lifecycle import State
from gateway.model import Delivery, Flow, HistoryEntry, InvoiceRow, KeptStatus, OwedReturn
from gateway.stages.desk import Gateway
from gateway.stages.open import examine


def flow_line(gw: Gateway, flow: Flow) -> dict[str, Any]:
    """One flow of `inspect flows`."""
    counts = gw.store.counts(flow.number)
    return {
        "flow": flow.number, "partner": flow.partner, "file": flow.name, "interface": flow.interface or None, "state": str(flow.state),
        "generation": flow.generation, "received_at": flow.received_at.isoformat(), **counts, "sha256": flow.sha256, "size": flow.size,
        "test": flow.box == "test", "channel": flow.channel, "reason": flow.reason or None, "linked_to": flow.linked_to or None,
    }  # fmt: skip


def flow_detail(gw: Gateway, flow: Flow) -> dict[str, Any]:
    """One flow with its members, deliveries, returns and whole history, oldest first."""
    return flow_line(gw, flow) | {
        "findings": [f.as_json() for f in flow.findings],
        "members": members(gw, flow),
        "deliveries": [delivery_line(d) for d in gw.store.deliveries(flow=flow.number)],
        "returns": [return_line(r) for r in gw.store.returns(flow=flow.number)],
        "events": [event_line(e) for e in gw.store.history(flow.number)],
    }


def members(gw: Gateway, flow: Flow) -> list[dict[str, Any]]:
    """The flow's files in the order of the bytes, with what they are."""
    found: dict[int, dict[str, Any]] = {}
    for row in gw.store.invoices(flow=flow.number):
        entry = {"name": row.member or flow.name, "sha256": row.sha256, "size": row.size, "syntax": str(row.syntax), "invoices": 0}
        found.setdefault(row.document, entry)["invoices"] += 1
    return [found[n] for n in sorted(found)]


def delivery_line(delivery: Delivery) -> dict[str, Any]:
    """One outbound flow."""
    return {
        "delivery": delivery.name, "number": delivery.number, "destination": delivery.destination, "interface": delivery.interface,
        "state": str(delivery.state), "invoices": delivery.invoices, "attempt": delivery.attempt, "sha256": delivery.sha256 or None,
        "size": delivery.size, "sent_at": _time(delivery.sent_at), "answered_at": _time(delivery.answered_at),
        "detail": delivery.detail or None,
    }  # fmt: skip


def return_line(kept: OwedReturn) -> dict[str, Any]:
    """One return owed or written."""
    return {
        "kind": str(kept.owed.kind), "file": kept.owed.name, "size": len(kept.owed.body), "owed_at": _time(kept.owed_at),
        "written_at": _time(kept.written_at),
    }  # fmt: skip


def event_line(event: HistoryEntry) -> dict[str, Any]:
    """One entry of a flow's history."""
    return {"n": event.n, "at": event.at.isoformat(), "who": event.who, "what": event.what, "detail": event.detail, "hash": event.hash}


def invoice_line(row: InvoiceRow) -> dict[str, Any]:
    """One invoice of `inspect invoices`."""
    facts = row.invoice
    return {
        "flow": row.flow, "position": row.position, "member": row.member, "number": facts.number, "supplier": facts.supplier.id,
        "recipient": facts.recipient, "service": facts.service or None, "engagement": facts.engagement or None,
        "issue_date": facts.issue_date, "total": facts.total_with_vat, "currency": facts.currency, "verdict": verdict(row),
        "status": row.status or None, "status_label": statuses.label(row.status, "fr") if row.status else None,
        "delivery": row.delivery or None,
    }  # fmt: skip


def verdict(row: InvoiceRow) -> str:
    """accepted, rejected or held."""
    return "held" if row.held else "accepted" if row.accepted else "rejected"


def invoice_detail(gw: Gateway, row: InvoiceRow) -> dict[str, Any]:
    """One invoice with findings, the State's words and the packs that judged it."""
    refused = gw.store.refused(row.flow).get(row.position, ())
    return invoice_line(row) | {
        "syntax": str(row.syntax), "interface": row.interface or None, "facts": row.invoice.as_json(), "held": row.held or None,
        "findings": [f.as_json() for f in row.findings],
        "refused": [{"nature": x.nature, "code": x.code, "label": x.label, "description": x.description} for x in refused],
        "statuses": [status_line(s) for s in gw.store.statuses(row.flow, row.position)],
        "packs": [{"name": p.name, "version": p.version, "digest": p.digest} for p in row.packs],
    }  # fmt: skip


def status_line(kept: KeptStatus) -> dict[str, Any]:
    """One word of the State on an invoice."""
    news = kept.news
    return {
        "status": news.code, "label": statuses.label(news.code, "fr"), "at": _told(news.at), "complement": news.complement or None,
        "comment": news.comment or None, "received_at": kept.received_at.isoformat(), "source": kept.source,
    }  # fmt: skip


def content(gw: Gateway, flow: Flow, position: int | None) -> bytes:
    """The exact bytes received: of the flow, or of the file that holds the invoice at a position."""
    if position is None:
        return gw.spool.read(flow.sha256)
    row = gw.store.invoice(flow.number, position)
    opening = examine(gw, flow)
    with gw.spool.open(flow.sha256) as stream:
        for document in gate.documents(stream, opening, limits=gw.settings.limits, after=row.document - 1):
            return document.data
    raise UnknownSubject(f"{flow.number}: no file at position {position}; positions count from 1")


def states(word: str) -> tuple[State, ...]:
    """A state named by a person."""
    try:
        return (State(word),)
    except ValueError:
        raise UnknownSubject(f"--state {word}: unknown; one of {', '.join(State)}") from None


def _told(at: str) -> str:
    """The State's time in Paris, with the offset that it may have left out; a time that is none stays as it is."""
    moment = statuses.instant(at)
    return moment.astimezone(statuses.PARIS).isoformat() if moment else at


def _time(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
