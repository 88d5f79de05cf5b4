"""From verdicts to outbound flows: the control report is owed, accepted invoices are regrouped, full or aged batches are sealed.

It sends nothing (that is *dispatch*). Names and numbers are drawn in the transaction that plans them and never change after.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from gateway import acknowledgement, envelope, interfaces, routing
from gateway.catalogue import finding
from gateway.config import Destination
from gateway.delivering import held_reason
from gateway.lifecycle import DeliveryState, Event
from gateway.model import Blob, Box, Delivery, Flow, InvoiceRow, Return, ReturnKind, Syntax
from gateway.ports import SpoolWriter
from gateway.stages.desk import Gateway
from gateway.stages.facts import with_findings

READ_AHEAD = 4_000_000
"""Bytes of segments read together."""

Document = tuple[InvoiceRow, ...]
"""The invoices of one file, in order: what travels together."""


def deliver(gw: Gateway, flow: Flow, report: bytes | None = None) -> Flow:
    """Owe the partner the control report, plan the deliveries; park the flow when invoices wait for a person.

    The verdicts are told before anything else: what hinders the planning hides none of them. `report`: already written by *validate*.
    """
    if flow.box is Box.REAL:
        report = None if _let_the_flow_fall(gw, flow) else report
        _leave_what_cannot_be_cut(gw, flow)
    owed = control_report(gw, flow, report)
    with gw.store.transaction():
        gw.store.owe(owed, gw.now())
    gw.bell.ring("send")
    if flow.box is Box.REAL:
        _plan(gw, flow)
    with gw.store.transaction():
        counts = gw.store.counts(flow.number)
        moved = gw.store.record(flow, Event.DELIVER, at=gw.now(), who="deliver", detail=counts, attempts=0)
        held, reason = _for_a_person(gw, flow) if counts["held"] else ("", "")
        if held:
            moved = gw.store.record(moved, Event.PARK, at=gw.now(), who="deliver", detail={"held": held}, reason=reason)
    return moved


def _for_a_person(gw: Gateway, flow: Flow) -> tuple[str, str]:
    """What of the flow nobody but a person can move on, and what to do: invoices without a verdict, else a delivery held before this came.

    ("", "") when there is nothing: what waits on a delivery of unknown outcome is settled by asking.
    """
    without = [row.held for row in gw.store.invoices(flow=flow.number, lean=True) if row.held]
    if without:
        said = f"{len(without)} invoice(s) without a verdict ({without[0]})"
        return without[0], f"{flow.number}: {said}; replay from validate once the cause is gone"
    delivery = held_delivery(gw, flow)
    return (delivery.name, held_reason(delivery.name, delivery.detail)) if delivery else ("", "")


def held_delivery(gw: Gateway, flow: Flow) -> Delivery | None:
    """A delivery with an invoice of the flow that is held and has no report yet."""
    held = gw.store.deliveries(states=(DeliveryState.HELD,), flow=flow.number)
    return next((d for d in held if flow.number in gw.store.flows_of_delivery(d.name)), None)


def control_report(gw: Gateway, flow: Flow, written: bytes | None = None) -> Return:
    """The gateway's own verdicts as a return of this generation; read from the store unless they were `written` already."""
    if written is None:
        body = io.BytesIO()
        acknowledgement.control_report(flow, gw.store.invoices(flow=flow.number), body)
        written = body.getvalue()
    name = f"CONTROL_{flow.number}_{flow.generation}.xml"
    return Return(flow.partner, flow.box, flow.number, ReturnKind.CONTROL, name, written, f"{flow.number}:control:{flow.generation}")


def _let_the_flow_fall(gw: Gateway, flow: Flow) -> bool:
    """Destinations may want all of a flow or nothing (setting bad_invoice = "flow"); true when invoices fell with another one."""
    strict = _strict(gw)
    rejected = next((r for r in gw.store.invoices(flow=flow.number) if not r.accepted and not r.held), None) if strict else None
    if rejected is None:
        return False
    fallen = [
        with_findings(row, [finding("BUS-012", n=rejected.invoice.number, position=rejected.position)])
        for row in gw.store.invoices(flow=flow.number)
        if row.accepted and not row.delivery and _destination(gw, row)[0] in strict
    ]
    with gw.store.transaction():
        gw.store.update_verdicts(fallen)
    return True


def _strict(gw: Gateway) -> set[str]:
    return {name for name, settings in gw.settings.destinations.items() if settings.bad_invoice == "flow"}


def _leave_what_cannot_be_cut(gw: Gateway, flow: Flow) -> None:
    """After a replay: a file travels whole, so an invoice whose file the State holds for another one must come in a file of its own."""
    if flow.generation == 1:
        return
    rows = [row for row in gw.store.invoices(flow=flow.number) if row.syntax is Syntax.CPP_MIXTE and row.accepted]
    there = {row.document: row for row in rows if row.delivery}
    left = [row for row in rows if not row.delivery and row.document in there]
    told = [with_findings(row, [finding("BUS-014", n=there[row.document].invoice.number)]) for row in left]
    with gw.store.transaction():
        gw.store.update_verdicts(told)


def _destination(gw: Gateway, row: InvoiceRow) -> tuple[str, Destination]:
    name = routing.destination_for(row.interface, gw.settings.destinations)
    return name, gw.settings.destinations[name]


def _plan(gw: Gateway, flow: Flow) -> None:
    """Assign accepted documents to planned deliveries, one short transaction for each; what is assigned already is passed over.

    Where a destination wants all of a flow or nothing, an invoice without a verdict keeps the others waiting.
    """
    strict = _strict(gw)
    unclear = bool(strict) and any(row.held for row in gw.store.invoices(flow=flow.number, lean=True))
    waiting = (row for row in gw.store.invoices(flow=flow.number, lean=True) if row.accepted and not row.delivery)
    by_file = (tuple(rows) for _, rows in groupby(waiting, key=attrgetter("document")))
    for (destination, interface), documents in _by_route(gw, by_file):
        if unclear and destination in strict:
            continue
        settings = gw.settings.destinations[destination]
        for batch in _batches(documents, settings):
            with gw.store.transaction():
                _assign(gw, flow, destination, interface, batch, settings)


def _by_route(gw: Gateway, documents: Iterable[Document]) -> Iterator[tuple[tuple[str, str], list[Document]]]:
    routes: dict[tuple[str, str], list[Document]] = {}
    for document in documents:
        routes.setdefault((_destination(gw, document[0])[0], document[0].interface), []).append(document)
    yield from routes.items()


def _batches(documents: list[Document], settings: Destination) -> Iterator[list[Document]]:
    """Cut where the destination's limits are reached (its own table: what a partner may send is another)."""
    batch: list[Document] = []
    invoices = size = 0
    for document in documents:
        invoices += len(document)
        size += document[0].segment_size
        if batch and (invoices > settings.max_invoices or size > settings.max_bytes):
            yield batch
            batch, invoices, size = [], len(document), document[0].segment_size
        batch.append(document)
    if batch:
        yield batch


def _signed_name(row: InvoiceRow) -> str:
    """The base name that a document with a signature beside it keeps in the archive; "" for every other one, whose name is its own.

    More tar blocks than the document's own mean that something travels beside it. Of one flow no two are alike: the gate sees to that.
    """
    alone = envelope.BLOCK + row.size + -row.size % envelope.BLOCK
    return envelope.member_name("", 0, row.member, has_sides=True) if row.segment_size > alone else ""


def _assign(gw: Gateway, flow: Flow, destination: str, interface: str, batch: list[Document], settings: Destination) -> None:
    rows = [row for document in batch for row in document]
    size = sum(document[0].segment_size for document in batch)
    planned = gw.store.open_delivery(destination, flow.partner, interface)
    if planned is None or not _joins(gw, planned, rows, size, settings):
        planned = _new_delivery(gw, flow, destination, interface, settings)
        gw.store.add_delivery(planned)
    gw.store.assign(planned, rows, documents=len(batch), size=size)


def _joins(gw: Gateway, planned: Delivery, rows: list[InvoiceRow], size: int, settings: Destination) -> bool:
    """Within the limits, and no name twice: invoices signed beside keep the names that their signatures speak of."""
    if planned.invoices + len(rows) > settings.max_invoices or planned.size + size > settings.max_bytes:
        return False
    names = {name for row in rows if (name := _signed_name(row))}
    return not names or not any(_signed_name(row) in names for row in gw.store.invoices(delivery=planned.name, lean=True))


def _new_delivery(gw: Gateway, flow: Flow, destination: str, interface: str, settings: Destination) -> Delivery:
    application = settings.application or gw.partner(flow.partner).application
    digits = interfaces.by_code(interface).number
    number = f"{application}{digits}{gw.store.next_number(f'delivery:{application}:{digits}'):015d}"
    name = f"{interface}_{application}_{number}"
    return Delivery(name, number, destination, flow.partner, interface, DeliveryState.PLANNED, opened_at=gw.now())


def due(gw: Gateway, now: datetime) -> list[Delivery]:
    """Planned deliveries that are full or old enough to be sealed; those of a destination that the settings no longer name, at once."""
    return [planned for planned in gw.store.deliveries(states=(DeliveryState.PLANNED,)) if _is_due(gw, planned, now)]


def _is_due(gw: Gateway, planned: Delivery, now: datetime) -> bool:
    settings = gw.settings.destinations.get(planned.destination)
    if settings is None:
        return True
    age = now - planned.opened_at  # below zero when the clock was set back
    return not timedelta() <= age < timedelta(seconds=settings.batch_seconds) or planned.invoices >= settings.max_invoices


def seal(gw: Gateway, planned: Delivery) -> Delivery:
    """Close the batch, build its envelope, and fix name, content and size for ever (reliability.md 2.7, D2–D3)."""
    rows = list(gw.store.invoices(delivery=planned.name, lean=True))
    documents = [tuple(group) for _, group in groupby(rows, key=lambda row: (row.flow, row.document))]
    with gw.spool.writer() as writer:
        blob = _write_envelope(gw, documents, writer)
    with gw.store.transaction():
        if gw.store.delivery(planned.name).invoices != len(rows):
            return planned  # another flow joined meanwhile: sealed at the next turn
        return gw.store.move_delivery(planned, DeliveryState.SEALED, at=gw.now(), sha256=blob.sha256, size=blob.size)


def _write_envelope(gw: Gateway, documents: list[Document], writer: SpoolWriter) -> Blob:
    """One XML alone travels bare, everything else as one tar.gz of the segments that the children made."""
    alone = envelope.bare(_segment(gw, documents[0][0])) if len(documents) == 1 else None
    if alone is not None:
        writer.write(alone)
        return writer.commit()
    archive = envelope.Envelope()
    writer.write(archive.header())
    for row, segment in _segments(gw, [document[0] for document in documents]):
        writer.write(archive.add(segment, row.segment_crc, row.segment_size))
    writer.write(archive.finish())
    return writer.commit()


def _segment(gw: Gateway, row: InvoiceRow) -> bytes:
    return gw.spool.read_segment(row.flow, row.generation, row.segment_offset, row.segment_length)


def _segments(gw: Gateway, rows: list[InvoiceRow]) -> Iterator[tuple[InvoiceRow, bytes]]:
    """Every row's segment in order; those that follow each other in a file are read together."""
    run: list[InvoiceRow] = []
    for row in rows:
        if run and not (_follows(run[-1], row) and row.segment_offset - run[0].segment_offset < READ_AHEAD):
            yield from _read_run(gw, run)
            run = []
        run.append(row)
    if run:
        yield from _read_run(gw, run)


def _follows(before: InvoiceRow, row: InvoiceRow) -> bool:
    same = before.flow == row.flow and before.generation == row.generation
    return same and before.segment_offset + before.segment_length == row.segment_offset


def _read_run(gw: Gateway, run: list[InvoiceRow]) -> Iterator[tuple[InvoiceRow, bytes]]:
    start, end = run[0].segment_offset, run[-1].segment_offset + run[-1].segment_length
    data = gw.spool.read_segment(run[0].flow, run[0].generation, start, end - start)
    for row in run:
        yield row, data[row.segment_offset - start : row.segment_offset - start + row.segment_length]
