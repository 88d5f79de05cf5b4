"""Deliveries: outbound flows, their attempts, and what the State's reports say of their invoices; it sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from adapters.sqlite.invoices import Invoices
from adapters.sqlite.records import delivery_of, delivery_values, lines_of, lines_text, text
from gateway.errors import StaleFlow, UnknownSubject
from gateway.lifecycle import ANSWERED, DeliveryState, delivery_after
from gateway.model import Delivery, InvoiceRow, ReportLine

MOVABLE = frozenset({"sha256", "size", "attempt", "step", "sent_at", "answered_at", "detail"})


class Deliveries(Invoices):
    """Deliveries, attempts, refusals."""

    def open_delivery(self, destination: str, partner: str, interface: str) -> Delivery | None:
        """The planned delivery that still takes invoices: the latest one."""
        asked = {"destination": destination, "partner": partner, "interface": interface}
        found = self._deliveries(["only_delivery_open"], asked, order="id DESC", limit=1)
        return found[0] if found else None

    def add_delivery(self, delivery: Delivery) -> None:
        """A delivery as planned."""
        self._session.write("add_delivery", delivery_values(delivery))

    def assign(self, delivery: Delivery, rows: Sequence[InvoiceRow], *, documents: int, size: int) -> None:
        """Put accepted invoices on a planned delivery; adds to its counters.

        `StaleFlow` when the delivery was sealed meanwhile, or a row is no longer accepted and where the caller saw it.
        """
        grown = {"name": delivery.name, "invoices": len(rows), "documents": documents, "size": size}
        if not self._session.changed("grow_delivery", grown):
            raise StaleFlow(f"delivery {delivery.name}: takes no more invoices; plan another one")
        moves = [{"delivery": delivery.name, "flow": row.flow, "position": row.position, "old": row.delivery} for row in rows]
        if self._session.write_many("assign_invoice", moves) != len(rows):
            raise StaleFlow(f"delivery {delivery.name}: an invoice was judged anew or delivered meanwhile; read the rows again")
        for flow, count in Counter(row.flow for row in rows).items():
            self._session.write("join_delivery", {"flow": flow, "delivery": delivery.name, "invoices": count})
        for flow in {row.flow for row in rows if row.delivery}:
            self._session.write("recount_deliveries", {"flow": flow})

    def delivery(self, name: str) -> Delivery:
        """`UnknownSubject` when there is none."""
        found = self._deliveries(["only_delivery_name"], {"name": name})
        if not found:
            raise UnknownSubject(f"delivery {name}: unknown; see `gateway inspect flow`")
        return found[0]

    def delivery_numbered(self, number: str) -> Delivery | None:
        """By its 25-character flow identifier."""
        found = self._deliveries(["only_delivery_number"], {"number": number})
        return found[0] if found else None

    def deliveries(self, *, states: Sequence[DeliveryState] = (), flow: str = "", destination: str = "") -> list[Delivery]:
        """Deliveries in the order in which they were planned; `flow`: those that hold or held one of its invoices."""
        asked = {"states": orjson.dumps([str(s) for s in states]).decode() if states else "", "flow": flow, "destination": destination}
        given = {name: value for name, value in asked.items() if value}
        return self._deliveries([f"only_delivery_{name}" for name in given], given)

    def move_delivery(self, delivery: Delivery, state: DeliveryState, *, at: datetime, **changes: Any) -> Delivery:
        """Along its table, compare-and-swap on (state, attempt): `StaleFlow` when it moved.

        Becoming *sending* is the intent of an attempt, numbered by `attempt`; the state it next comes to is that attempt's outcome.
        """
        if strangers := sorted(set(changes) - MOVABLE):
            raise TypeError(f"move_delivery: {', '.join(strangers)} cannot be set by a move; one of {', '.join(sorted(MOVABLE))}")
        moved = replace(delivery, state=delivery_after(delivery.state, state), changed_at=at, **changes)
        values = {**delivery_values(moved), "old_state": str(delivery.state), "old_attempt": delivery.attempt}
        if not self._session.changed("move_delivery", _only(values, _MOVE)):
            raise self._lost(delivery)
        self._keep_attempt(moved, at)
        if state in ANSWERED:
            self._session.write("answer_delivery", {"delivery": delivery.name})
        return self.delivery(delivery.name)

    def _keep_attempt(self, delivery: Delivery, at: datetime) -> None:
        attempt = {"delivery": delivery.name, "n": delivery.attempt, "at": text(at)}
        if delivery.state is DeliveryState.SENDING:
            self._session.write("begin_delivery_attempt", {**attempt, "step": delivery.step})
        elif delivery.attempt:
            self._session.write("end_delivery_attempt", {**attempt, "outcome": str(delivery.state), "detail": delivery.detail})

    def set_step(self, delivery: Delivery, step: str) -> Delivery:
        """The protocol step about to be taken, committed before it is; a transaction of its own unless inside one. `StaleFlow`."""
        with self.transaction():
            expected = {"name": delivery.name, "state": str(delivery.state), "attempt": delivery.attempt, "step": step}
            if not self._session.changed("set_step", expected):
                raise self._lost(delivery)
            self._session.write("step_delivery_attempt", {"delivery": delivery.name, "n": delivery.attempt, "step": step})
            return replace(delivery, step=step)

    def attempts(self, delivery: str) -> list[dict[str, Any]]:
        """{"n","started_at","step","outcome","ended_at","detail"} of each attempt, oldest first; times as text."""
        names = ("n", "started_at", "step", "outcome", "ended_at", "detail")
        return [dict(zip(names, row, strict=True)) for row in self._session.read("attempts", {"delivery": delivery})]

    def refuse_invoices(self, delivery: Delivery, refused: dict[tuple[str, int], tuple[ReportLine, ...]], *, free_keys: bool) -> None:
        """What the State's report says of single invoices, by (flow, position): kept beside our verdict, never instead of it."""
        said = [
            {"delivery": delivery.name, "flow": flow, "position": position, "lines": lines_text(lines)}
            for (flow, position), lines in refused.items()
        ]
        self._session.write_many("refuse_invoice", said)
        if free_keys:
            self._session.write_many("free_key", [{"flow": flow, "position": position} for flow, position in refused])

    def refused(self, flow: str) -> dict[int, tuple[ReportLine, ...]]:
        """The invoices of a flow that the State's report refused, and that were not delivered anew since: position → its lines."""
        return {position: lines_of(lines) for position, lines in self._session.read("refused", {"flow": flow})}

    def refusals(self, delivery: str) -> int:
        """How many invoices the State's report on a delivery refused by name, whatever became of them since."""
        return int(self._session.read("refusals", {"delivery": delivery})[0][0])

    def flows_of_delivery(self, name: str) -> list[str]:
        """Numbers of the flows with an invoice on it."""
        return [row[0] for row in self._session.read("flows_of_delivery", {"delivery": name})]

    def unanswered(self, flow: str) -> int:
        """How many deliveries that hold an invoice of the flow have no report yet."""
        return int(self._session.read("unanswered", {"flow": flow})[0][0])

    def _deliveries(self, conditions: Sequence[str], asked: dict[str, Any], *, order: str = "id", limit: int = 0) -> list[Delivery]:
        return [delivery_of(row) for row in self._select("delivery_rows", conditions, asked, order=order, limit=limit)]

    def _lost(self, delivery: Delivery) -> StaleFlow:
        now = self.delivery(delivery.name)
        return StaleFlow(
            f"delivery {delivery.name}: is {now.state} (attempt {now.attempt}), not {delivery.state} ({delivery.attempt}); read it again"
        )


_MOVE = ("name", "state", "sha256", "size", "attempt", "step", "sent_at", "answered_at", "detail", "changed_at", "old_state", "old_attempt")


def _only(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}
