"""What the State tells: integration reports and life-cycle statuses, taken into custody, applied, passed on; it sends no invoice.

State's answers are read by the hardened parser of this process: the *collect* loop is a process of its own and holds no partner's bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from gateway import parsing, status_return, statuses
from gateway.envelope import wrapped
from gateway.errors import IllegalTransition, ParkError, Unreachable
from gateway.formats import cpp_statut
from gateway.lifecycle import ANSWERED, DeliveryState
from gateway.log import logger
from gateway.model import (
    Blob,
    Box,
    Delivery,
    Finding,
    IntegrationReport,
    InvoiceRow,
    KeptStatus,
    ReportLine,
    Return,
    ReturnKind,
    StatusNews,
)
from gateway.ports import Accounting
from gateway.rules import duplicate
from gateway.stages.desk import Gateway


def collect(gw: Gateway, destination: str) -> int:
    """Take every answer the State has left, then owe the partners what is new; how many answers were new.

    No answer keeps another waiting: neither one beyond our own limits, nor one that is still being written, nor one that stays where it is.
    """
    account = gw.account(destination)
    count = 0
    for name, data in account.answers():
        try:
            parsed = parsing.parse(data, member=name)
        except ParkError as unread:
            count += _set_aside(gw, destination, name, data, str(unread))
        else:
            if parsed.root is None and not account.settled(name):
                logger("collect").info("answer.awaited", stage="collect", destination=destination, file=name, size=len(data))
                continue
            count += take_answer(gw, destination, name, data, parsed)
        _forget(account, destination, name)
    owe_statuses(gw)
    if count:
        gw.bell.ring("work")
        gw.bell.ring("send")
    return count


def _forget(account: Accounting, destination: str, name: str) -> None:
    """What is in our custody may go. Where it may not be removed (chorus.md §3: list, get and put only), it is there to stay."""
    try:
        account.forget(name)
    except Unreachable as refused:
        logger("collect").warning("answer.left", stage="collect", destination=destination, file=name, why=str(refused))


def take_answer(gw: Gateway, destination: str, name: str, data: bytes, parsed: parsing.Parsed) -> bool:
    """One file of the State: bytes kept, then its facts, in one transaction. The same file twice changes nothing: False."""
    blob = gw.spool.put(data)
    with gw.store.transaction():
        new = gw.store.taken(destination, f"{name}:{blob.sha256}", blob, gw.now())
        if new:
            _apply(gw, destination, name, parsed, blob)
    return new


def _set_aside(gw: Gateway, destination: str, name: str, data: bytes, why: str) -> bool:
    blob = gw.spool.put(data)
    with gw.store.transaction():
        new = gw.store.taken(destination, f"{name}:{blob.sha256}", blob, gw.now())
        if new:
            gw.store.keep_stray(destination, "CHO-011", {"file": name, "sha256": blob.sha256, "what": why}, gw.now())
    logger("collect").error("answer.set_aside", stage="collect", destination=destination, file=name, why=why)
    return new


def _apply(gw: Gateway, destination: str, name: str, parsed: parsing.Parsed, blob: Blob) -> None:
    pattern = gw.destination(destination).number_pattern
    answer = cpp_statut.Answer(findings=list(parsed.findings))
    if parsed.root is not None:
        answer = cpp_statut.read_answer(parsed.root, number_pattern=pattern, name=name)
    for wrong in answer.findings:
        _stray(gw, destination, wrong, name, blob)
    for report in answer.reports:
        apply_report(gw, destination, report, name)
    for status in answer.news:
        apply_status(gw, destination, status, name)


def _stray(gw: Gateway, destination: str, wrong: Finding, name: str, blob: Blob) -> None:
    detail = {"file": name, "sha256": blob.sha256, "what": wrong.message_en}
    gw.store.keep_stray(destination, wrong.rule, detail, gw.now())
    logger("collect").warning("answer.strayed", stage="collect", destination=destination, file=name, code=wrong.rule)


def apply_report(gw: Gateway, destination: str, report: IntegrationReport, name: str) -> None:
    """The State's word on an outbound flow. An answered delivery keeps its answer; an interim word is only noted."""
    delivery = gw.store.delivery_numbered(report.flow_id)
    if delivery is None or not _one_box(gw, delivery.destination, destination):
        gw.store.keep_stray(destination, "CHO-010", {"file": name, "flow": report.flow_id, "status": report.status}, gw.now())
        return
    state = report_state(gw, delivery.destination, report)
    detail = {"file": name, "delivery": delivery.name, "status": report.status, "comment": report.comment, "errors": len(report.lines)}
    if state is None or delivery.state in ANSWERED:
        _note(gw, delivery, "report.kept", detail)
        return
    try:
        answered = gw.store.move_delivery(delivery, state, at=gw.now(), answered_at=gw.now(), detail=report.comment)
    except IllegalTransition:
        gw.store.keep_stray(destination, "CHO-011", {**detail, "state": str(delivery.state)}, gw.now())
        return
    refused = refused_by(gw, answered, state, report.lines)
    gw.store.refuse_invoices(answered, refused, free_keys=gw.settings.rules.free_on_state_rejection)
    if state is DeliveryState.PARTIAL and not refused:
        gw.store.keep_stray(destination, "CHO-011", {**detail, "what": "partly integrated, and no line names an invoice of ours"}, gw.now())
    _note(gw, answered, f"report.{state}", detail)


def _one_box(gw: Gateway, one: str, other: str) -> bool:
    """The same destination, or two that fetch their answers from one box."""
    known = gw.settings.destinations
    return one == other or (one in known and other in known and known[one].collection == known[other].collection)


def report_state(gw: Gateway, destination: str, report: IntegrationReport) -> DeliveryState | None:
    """confirmed, partial or refused by the destination's table of IdStatut; None for an interim word."""
    settings = gw.destination(destination)
    for codes, state in (
        (settings.report_integrated, DeliveryState.CONFIRMED),
        (settings.report_partial, DeliveryState.PARTIAL),
        (settings.report_refused, DeliveryState.REFUSED),
    ):
        if report.status in codes:
            return state
    return None


def refused_by(
    gw: Gateway, delivery: Delivery, state: DeliveryState, lines: Sequence[ReportLine]
) -> dict[tuple[str, int], tuple[ReportLine, ...]]:
    """Which invoices the report refuses: all of a refused delivery, else those that its lines name."""
    if state is DeliveryState.CONFIRMED:
        return {}
    rows = list(gw.store.invoices(delivery=delivery.name))
    if state is DeliveryState.REFUSED:
        return {(row.flow, row.position): _lines_of(row, lines) or tuple(lines) for row in rows}
    return {(row.flow, row.position): found for row in rows if (found := _lines_of(row, lines))}


def _lines_of(row: InvoiceRow, lines: Sequence[ReportLine]) -> tuple[ReportLine, ...]:
    supplier = row.invoice.supplier
    mine = (line for line in lines if line.number == row.invoice.number)
    return tuple(line for line in mine if not line.supplier or duplicate.same_supplier(supplier, line.supplier))


def _note(gw: Gateway, delivery: Delivery, what: str, detail: dict[str, object]) -> None:
    for flow in gw.store.flows_of_delivery(delivery.name):
        gw.store.note(flow, what, at=gw.now(), who="collect", detail=detail)


def apply_status(gw: Gateway, destination: str, news: StatusNews, name: str) -> None:
    """A status of one invoice: kept always; the present one only when better founded (statuses.moves).

    A supplier's numbers may begin anew each year: of invoices with one number the last one to the recipient that the State names is meant.
    """
    found = gw.store.find_invoices(news.number, news.supplier.id)
    rows = [row for row in found if _one_box(gw, gw.store.delivery(row.delivery).destination, destination)]
    if not rows:
        detail = {"file": name, "number": news.number, "supplier": news.supplier.id, "status": news.code, "at": news.at}
        gw.store.keep_stray(destination, "CHO-010", detail, gw.now())
        return
    row = next((row for row in reversed(rows) if row.invoice.recipient == news.recipient), rows[-1])
    current = statuses.moves(row.status, row.status_at, news)
    gw.store.add_status(row, news, source=name, current=current, at=gw.now())


def owe_statuses(gw: Gateway) -> None:
    """One status return for each partner with news, each in one transaction. A partner whose file is gone waits alone."""
    gone: set[str] = set()
    while True:
        kept = sorted(gw.store.owed_statuses(without=sorted(gone)), key=lambda status: (status.partner, status.id))
        strangers = {status.partner for status in kept} - set(gw.partners)
        for partner, group in groupby(kept, key=lambda status: status.partner):
            if partner not in strangers:
                with gw.store.transaction():
                    _owe(gw, partner, list(group))
        if not strangers:
            return
        gone |= strangers  # asked once more without them: they may hide what the others are owed
        logger("collect").error("statuses.untold", stage="collect", source=sorted(strangers))


def _owe(gw: Gateway, partner: str, told: list[KeptStatus]) -> None:
    settings = gw.partner(partner)
    pairs = [(status, gw.store.invoice(status.flow, status.position)) for status in told]
    number = gw.store.next_number(f"status:{settings.application}")
    name, body = status_return.status_return(settings, pairs, number=number, produced_at=gw.now(), settings=gw.settings)
    body = wrapped(name, body, settings.return_envelope)
    gw.store.owe(Return(partner, Box.REAL, "", ReturnKind.STATUS, name, body, f"status:{name}"), gw.now())
    gw.store.mark_told(told, f"status:{name}")
