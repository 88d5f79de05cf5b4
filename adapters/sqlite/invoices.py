"""Invoices: verdicts, the keys that they reserve, counts; it judges nothing and delivers nothing.

Limits: chunks of a flow come in the order of its documents (ordinals from 1), whole documents at a time: progress is kept as a mark, not as
a set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.sqlite.connection import Row
from adapters.sqlite.flows import Flows
from adapters.sqlite.records import (
    ACCEPTED,
    HELD,
    REJECTED,
    as_compared,
    coarse,
    findings_text,
    invoice_of,
    invoice_values,
    lean_of,
    packs_text,
    verdict,
)
from gateway.errors import UnknownSubject
from gateway.lifecycle import ANSWERED, DeliveryState, State
from gateway.model import Flow, InvoiceRow, PackUse
from gateway.rules import duplicate

PAGE = 500
"""Rows fetched at a time: no statement stays open between two of them."""

_LEADING = ("delivery", "flow", "number", "supplier", "status")
_WAITING = (DeliveryState.UNKNOWN, DeliveryState.HELD)
_WITH_THE_STATE = (DeliveryState.SENT, DeliveryState.CONFIRMED, DeliveryState.PARTIAL)


class Invoices(Flows):
    """Invoice rows, keys, counts."""

    # --- writing verdicts
    def put_invoices(self, flow: Flow, rows: Sequence[InvoiceRow], *, duplicate_key: str, reserve: bool) -> list[InvoiceRow]:
        """Write a chunk of verdicts; for accepted ones reserve (supplier, number, year) when `reserve`.

        Returns the accepted rows whose key another invoice holds: written all the same, the caller rejects them (`update_verdicts`).
        Rows with a live delivery keep verdict, key and delivery. `StaleFlow` when the flow moved.
        """
        if not rows:
            return []
        self._advance(flow, rows)
        there = self._there(flow.number, rows)
        written = [row for row in rows if not there.get(row.position)]
        self._write(written, again=[row for row in written if row.position in there])
        if not reserve:
            return []
        return self._reserve([row for row in written if row.accepted and not row.held], duplicate_key)

    def _advance(self, flow: Flow, rows: Sequence[InvoiceRow]) -> None:
        """Move the mark of validation: documents done and last position of this generation."""
        generation, documents, last, position = self._session.read("progress", {"number": flow.number})[0]
        if generation != flow.generation:
            documents = last = position = 0
        ordinals = {row.document for row in rows}
        values = {
            "number": flow.number, "state": str(flow.state), "generation": flow.generation,
            "documents": documents + sum(ordinal > last for ordinal in ordinals), "last": max(last, *ordinals),
            "position": max(position, *(row.position for row in rows)),
        }  # fmt: skip
        if not self._session.changed("set_progress", values):
            raise self._stale(flow)

    def _there(self, flow: str, rows: Sequence[InvoiceRow]) -> dict[int, bool]:
        """Which of the rows exist, and whether their delivery is live."""
        return {position: bool(live) for position, live in self._session.read("rows_there", {"flow": flow, **_span(rows)})}

    def _write(self, rows: Sequence[InvoiceRow], *, again: Sequence[InvoiceRow]) -> None:
        if again:
            self._free(again)
        self._session.write_many("put_invoice", list(self._values(rows)))
        if again:
            self._session.write("recount_deliveries", {"flow": again[0].flow})

    def _values(self, rows: Sequence[InvoiceRow]) -> Iterator[tuple[Any, ...]]:
        """Bindings row by row; a list of packs is written when a row has another one than the row before."""
        last: tuple[PackUse, ...] | None = None
        digest = ""
        for row in rows:
            if row.packs is not last and row.packs != last:
                last = row.packs
                digest, written = packs_text(last)
                self._session.write("put_packs", {"digest": digest, "packs": written})
            yield invoice_values(row, digest)

    def _reserve(self, rows: Sequence[InvoiceRow], scheme: str) -> list[InvoiceRow]:
        if not rows:
            return []
        wanted = [(row, key) for row in rows if (key := duplicate.key(row.invoice, scheme)).number]
        reserved = self._session.write_many("reserve_key", [_key_values(row, key) for row, key in wanted])
        if reserved == len(wanted):
            return []
        mine = {row[0] for row in self._session.read("reserved_positions", {"flow": rows[0].flow, **_span(rows)})}
        return [row for row, _ in wanted if row.position not in mine]

    def update_verdicts(self, rows: Sequence[InvoiceRow]) -> None:
        """Write verdict, findings and held again for rows that exist; one with a live delivery is left alone, one that is no longer
        accepted frees its key."""
        for flow in {row.flow for row in rows}:
            mine = [row for row in rows if row.flow == flow]
            there = self._there(flow, mine)
            self._update([row for row in mine if there.get(row.position) is False])

    def _update(self, rows: Sequence[InvoiceRow]) -> None:
        self._session.write_many(
            "update_verdict",
            [
                {"flow": r.flow, "position": r.position, "verdict": verdict(r), "held": r.held, "findings": findings_text(r.findings)}
                for r in rows
            ],
        )
        self._free([row for row in rows if verdict(row) != ACCEPTED])

    def _free(self, rows: Sequence[InvoiceRow]) -> None:
        self._session.write_many("free_key", [{"flow": row.flow, "position": row.position} for row in rows])

    def drop_invoices(self, flow: Flow) -> None:
        """Forget the rows that have no live delivery, free their keys; validation starts from the first document."""
        subject = {"flow": flow.number}
        for name in ("drop_keys", "drop_rows", "recount_deliveries"):
            self._session.write(name, subject)
        self._session.write("reset_progress", {"number": flow.number})

    def free_keys(self, flow: Flow) -> None:
        """The keys of a flow's invoices without live delivery are free again."""
        self._session.write("drop_keys", {"flow": flow.number})

    def release_from_deliveries(self, flow: Flow, *, live_too: bool) -> int:
        """Take invoices off deliveries that the State refused (all of it, or these invoices), so that they are planned anew; how many.

        `live_too`: off every delivery that has left us, by an operator's force; one still planned or sealed is about to be sent once.
        """
        count = self._session.changed("release_all" if live_too else "release_refused", {"flow": flow.number})
        self._session.write("recount_deliveries", {"flow": flow.number})
        return count

    def integrated(self, flow: str) -> int:
        """Accepted invoices on a delivery whose report is in, and that it has not refused."""
        return int(self._session.read("integrated_invoices", {"flow": flow})[0][0])

    def live_invoices(self, flow: str) -> int:
        """Accepted invoices on a delivery that the State holds, may hold or will get, and has not refused."""
        return int(self._session.read("live_invoices", {"flow": flow})[0][0])

    # --- keys
    def key_holder(self, flow: Flow, row: InvoiceRow, *, duplicate_key: str) -> tuple[Flow, int] | None:
        """Who holds the row's key: flow and position; None when nobody does, or the row itself."""
        key = duplicate.key(row.invoice, duplicate_key)
        asked = {**key._asdict(), "alike": coarse(key.number)}
        found = self._session.read("key_holder", asked)
        if not found or found[0] == (flow.number, row.position):
            return None
        return self.flow(found[0][0]), found[0][1]

    def look_alikes(self, flow: Flow, rows: Sequence[InvoiceRow]) -> dict[int, str]:
        """Of a chunk just put: positions whose number may be taken for an earlier one of the same partner, supplier, year; it."""
        if not rows:
            return {}
        found = self._session.read("look_alikes", {"flow": flow.number, "partner": flow.partner, **_span(rows)})
        if not found:
            return {}
        numbers = {row.position: row.invoice.number for row in rows}
        return {
            position: other for position, other in reversed(found)
            if duplicate.look_alike_key(other) == duplicate.look_alike_key(numbers[position])
        }  # fmt: skip

    # --- reading
    def validated_documents(self, flow: Flow) -> tuple[int, int]:
        """(documents done, last position) of the present generation."""
        generation, documents, _, position = self._session.read("progress", {"number": flow.number})[0]
        return (documents, position) if generation == flow.generation else (0, 0)

    def invoices(self, *, flow: str = "", number: str = "", supplier: str = "", status: str = "", delivery: str = "", limit: int = 0,
                 after: int = 0, lean: bool = False) -> Iterator[InvoiceRow]:  # fmt: skip
        """Rows in order of flow and position; `after`: positions above that. `supplier`: its identifier, as the invoice gives it.

        `lean`: without facts, findings and packs, at a third of the cost.
        """
        asked = {"flow": flow, "number": as_compared(number), "supplier": supplier, "status": status, "delivery": delivery}
        given: dict[str, Any] = {name: asked[name] for name in _LEADING if asked[name]}
        conditions = [f"only_invoice_{name}" for name in given]
        if after:
            conditions.append("only_invoice_position_after")
            given["after"] = after
        yield from self._pages(conditions, given, limit, lean_of if lean else invoice_of)

    def _pages(
        self, conditions: Sequence[str], asked: dict[str, Any], limit: int, read: Callable[[Row], InvoiceRow]
    ) -> Iterator[InvoiceRow]:
        """Page by page, each a statement of its own that goes on after the last row."""
        left = limit
        last: dict[str, Any] = {}
        while True:
            size = min(left, PAGE) if limit else PAGE
            paged = [*conditions, "only_invoice_after"] if last else conditions
            page = [read(row) for row in self._rows(paged, {**asked, **last}, size)]
            yield from page
            left -= len(page)
            if len(page) < size or (limit and left <= 0):
                return
            last = {"last_flow": page[-1].flow, "last_position": page[-1].position}

    def invoice(self, flow: str, position: int) -> InvoiceRow:
        """`UnknownSubject` when there is none."""
        found = self._rows(["only_invoice_flow", "only_invoice_position"], {"flow": flow, "position": position}, 1)
        if not found:
            raise UnknownSubject(f"flow {flow}, position {position}: unknown; see `gateway inspect invoices --flow {flow}`")
        return invoice_of(found[0])

    def find_invoices(self, number: str, supplier: str, year: str = "") -> list[InvoiceRow]:
        """Accepted invoices with a delivery, that a status may speak of; `supplier`: identifier or SIREN, "" for any."""
        conditions = ["only_invoice_number", "only_invoice_delivered", *(["only_invoice_year"] if year else [])]
        asked = {"number": as_compared(number), **({"year": year} if year else {})}
        found = (invoice_of(row) for row in self._rows(conditions, asked, 0))
        return [row for row in found if not supplier or duplicate.same_supplier(row.invoice.supplier, supplier)]

    def _rows(self, conditions: Sequence[str], asked: dict[str, Any], limit: int) -> list[Row]:
        return self._select("invoice_rows", conditions, asked, order="i.flow, i.position", limit=limit)

    # --- counting
    def counts(self, flow: str) -> dict[str, int]:
        """{"invoices","accepted","rejected","held"}. accepted and rejected are verdicts; held is what waits for a person or an answer:
        rows without a verdict, accepted ones on unknown or held deliveries, and in a parked flow every one that is not final. An accepted
        invoice that waits counts in both."""
        tally = self._tally(flow)
        parked = self.flow(flow).state is State.PARKED
        by_verdict = Counter[str]()
        held = 0
        for (given, delivery), count in tally.items():
            by_verdict[given] += count
            held += count * _waits(given, delivery, parked=parked)
        return {
            "invoices": sum(tally.values()), "accepted": by_verdict[ACCEPTED], "rejected": by_verdict[REJECTED], "held": held,
        }  # fmt: skip

    def _tally(self, flow: str) -> Counter[tuple[str, str]]:
        tally = Counter[tuple[str, str]]()
        for given, delivery, count in self._session.read("counts", {"flow": flow}):
            tally[given, delivery] += count
        return tally

    def has_unrejected(self, flow: str) -> bool:
        """True when an invoice of the flow is accepted or held and not refused by the State; True for a flow not judged yet. An abandoned
        flow counts only what the State has or will have."""
        state = self.flow(flow).state
        if state in (State.RECEIVED, State.OPENED, State.PARKED):
            return True
        return bool(self._session.read("unrejected", {"flow": flow, "live": state is State.ABANDONED})[0][0])

    def summary(self, flow: str) -> dict[str, Any]:
        """`counts` and, of the same rows: "deposited" and "refused" (by the State), "statuses" {code: n}, "deliveries" {state: invoices},
        "amounts" {currency: {"in", "deposited"}} as decimal strings. An amount that is not a number counts for nothing."""
        statuses, deliveries = Counter[str](), Counter[str]()
        amounts: dict[str, dict[str, Decimal]] = {}
        deposited = refused = 0
        for given, currency, total, status, delivery, named in self._session.read("totals", {"flow": flow}):
            there = given == ACCEPTED and delivery in _WITH_THE_STATE and not named
            refused += bool(named) or delivery == DeliveryState.REFUSED
            deposited += there
            statuses.update([status] if status else [])
            deliveries.update([delivery] if delivery else [])
            of_currency = amounts.setdefault(currency, {"in": Decimal(0), "deposited": Decimal(0)})
            of_currency["in"] += _amount(total)
            of_currency["deposited"] += _amount(total) if there else 0
        told = {currency: {name: f"{value:f}" for name, value in sums.items()} for currency, sums in amounts.items()}
        return {
            **self.counts(flow), "deposited": deposited, "refused": refused, "statuses": dict(statuses), "deliveries": dict(deliveries),
            "amounts": told,
        }  # fmt: skip


def _waits(given: str, delivery: str, *, parked: bool) -> bool:
    if given == ACCEPTED:
        return delivery in _WAITING or (parked and delivery not in ANSWERED)
    return given == HELD


def _span(rows: Sequence[InvoiceRow]) -> dict[str, int]:
    positions = [row.position for row in rows]
    return {"low": min(positions), "high": max(positions)}


def _key_values(row: InvoiceRow, key: duplicate.Key) -> tuple[Any, ...]:
    return (key.supplier, key.year, coarse(key.number), key.number, row.flow, row.position)


def _amount(written: str) -> Decimal:
    try:
        value = Decimal(written)
    except InvalidOperation:
        return Decimal(0)
    return value if value.is_finite() else Decimal(0)


