"""What the store's tests put into it: flows, invoices, deliveries, returns of an invented partner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.sqlite import SqliteStore
from gateway.lifecycle import DeliveryState, Event, State
from gateway.model import (
    Box,
    Delivery,
    Drop,
    Finding,
    Flow,
    Invoice,
    InvoiceRow,
    PackUse,
    Party,
    Return,
    ReturnKind,
    Severity,
    Syntax,
)  # fmt: skip

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PACKS = (PackUse("EN16931-UBL", "1.3.16", "d" * 64), PackUse("CPRO", "2017", "e" * 64))
FATAL = Finding("CPRO", "G1.31", Severity.FATAL, "faux", "faux", "wrong", "/Invoice/cbc:ID", 12, terms=("BT-1",))
SUPPLIER = Party("1", "12345678901234", "Menuiserie Lenoir", "FR")


def after_noon(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_drop(n: int = 1, **changes: Any) -> Drop:
    return replace(Drop("demo", Box.REAL, "sftp", f"upload-{n}", "flux.tar.gz"), **changes)


def a_flow(n: int = 1, **changes: Any) -> Flow:
    flow = Flow(f"F261122-{n:06d}", "demo", Box.REAL, "sftp", "flux.tar.gz", f"{n:064x}", 1234, State.RECEIVED, 1, after_noon(n))
    return replace(flow, **changes)


def an_invoice(n: int = 1, **changes: Any) -> Invoice:
    invoice = Invoice(
        number=f"FAC-{n:04d}", issue_date="2026-11-02", type="380", framework="A1", currency="EUR", supplier=SUPPLIER,
        recipient="11000101300017", service="SRV", engagement="EJ1", total_without_vat="100.00", total_vat="20.00",
        total_with_vat="120.00", payable="120.00", lines=2,
    )  # fmt: skip
    return replace(invoice, **changes)


def a_row(flow: Flow, position: int = 1, invoice: Invoice | None = None, **changes: Any) -> InvoiceRow:
    row = InvoiceRow(
        flow=flow.number, position=position, document=position, member=f"{position}.xml", sha256="b" * 64, syntax=Syntax.UBL_INVOICE,
        interface="FSO1110A", invoice=invoice or an_invoice(position), accepted=True, packs=PACKS, generation=flow.generation,
        segment_offset=position * 10, segment_length=10, segment_crc=1, segment_size=20, size=2000,
    )  # fmt: skip
    return replace(row, **changes)


def a_rejected_row(flow: Flow, position: int = 1, invoice: Invoice | None = None, **changes: Any) -> InvoiceRow:
    return a_row(flow, position, invoice, accepted=False, findings=(FATAL,), **changes)


def a_delivery(n: int = 1, **changes: Any) -> Delivery:
    number = f"DEM0011110{n:015d}"
    delivery = Delivery(f"FSO1110A_DEM001_{number}", number, "chorus", "demo", "FSO1110A", DeliveryState.PLANNED, after_noon(n))
    return replace(delivery, **changes)


def a_return(flow: Flow, key: str = "receipt", **changes: Any) -> Return:
    owed = Return(flow.partner, flow.box, flow.number, ReturnKind.RECEIPT, f"{key}.xml", b"<r/>", f"{flow.number}:{key}")
    return replace(owed, **changes)


def received(store: SqliteStore, n: int = 1, **changes: Any) -> Flow:
    """A flow in the store, state received."""
    flow = a_flow(n, **changes)
    with store.transaction():
        store.add_flow(flow, a_drop(n, partner=flow.partner, box=flow.box), who="receive")
    return flow


def moved(store: SqliteStore, flow: Flow, *events: Event, **changes: Any) -> Flow:
    """The flow after these events."""
    for event in events:
        with store.transaction():
            flow = store.record(flow, event, at=NOON, who="test", **changes)
    return flow


def opened(store: SqliteStore, n: int = 1, **changes: Any) -> Flow:
    """A flow in the store, state opened."""
    return moved(store, received(store, n, **changes), Event.OPEN)


def put(store: SqliteStore, flow: Flow, *rows: InvoiceRow, key: str = "identifier", reserve: bool = True) -> list[InvoiceRow]:
    """Rows written; those whose key another invoice holds."""
    with store.transaction():
        return store.put_invoices(flow, rows, duplicate_key=key, reserve=reserve)


def delivered(store: SqliteStore, *rows: InvoiceRow, n: int = 1, states: tuple[DeliveryState, ...] = ()) -> Delivery:
    """A delivery that holds the rows, moved through `states`."""
    with store.transaction():
        store.add_delivery(a_delivery(n))
        store.assign(a_delivery(n), rows, documents=len(rows), size=20 * len(rows))
        delivery = store.delivery(a_delivery(n).name)
        for state in states:
            delivery = store.move_delivery(delivery, state, at=NOON)
    return delivery


SEALED, SENDING, SENT = DeliveryState.SEALED, DeliveryState.SENDING, DeliveryState.SENT
TO_SENT = (SEALED, SENDING, SENT)
