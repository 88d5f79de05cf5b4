"""Deposits, flows and their chained events; no invoice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import apsw
import orjson

from adapters.sqlite import chain
from adapters.sqlite.connection import Row
from adapters.sqlite.part import Part
from adapters.sqlite.records import findings_text, flow_of, flow_values, microseconds, text
from gateway.errors import StaleFlow, UnknownSubject
from gateway.lifecycle import Event, State, after
from gateway.model import Box, Drop, Flow, HistoryEntry

MOVABLE = frozenset({"interface", "members", "findings", "reason", "attempts", "generation"})
"""Values of a flow that a move may set along; the others are facts of its reception."""


class Flows(Part):
    """Deposits, flows, events."""

    def next_number(self, sequence: str) -> int:
        """Draw from a named sequence, from 1."""
        return int(self._session.write("draw", {"name": sequence})[0][0])

    def deposit_seen(self, drop: Drop) -> Flow | None:
        """The flow that this very transport act was given before."""
        act = {"partner": drop.partner, "channel": drop.channel, "transport_id": drop.transport_id}
        return self._first(self._flows(["only_flow_deposit"], act))

    def flows_of_bytes(self, partner: str, box: Box, sha256: str) -> list[Flow]:
        """Flows of the same bytes in the same box, oldest first."""
        return self._flows(["only_flow_bytes"], {"partner": partner, "box": str(box), "sha256": sha256})

    def flow_named(self, partner: str, box: Box, name: str) -> Flow | None:
        """The latest flow taken under that very name."""
        named = {"partner": partner, "box": str(box), "name": name}
        return self._first(self._flows(["only_flow_name"], named, order="id DESC", limit=1))

    def first_named(self, partner: str, box: Box, name: str) -> Flow | None:
        """The first flow taken under that very name."""
        return self._first(self._flows(["only_flow_name"], {"partner": partner, "box": str(box), "name": name}, limit=1))

    def add_flow(self, flow: Flow, drop: Drop, *, who: str) -> None:
        """The flow, its deposit and its first event. `StaleFlow` when somebody else took the drop meanwhile."""
        self._session.write("add_flow", flow_values(flow))
        self._add_deposit(flow, drop, flow.received_at, again=False)
        detail = {"channel": drop.channel, "file": drop.name, "sha256": flow.sha256, "size": flow.size, "to": str(flow.state)}
        if flow.linked_to:
            detail["linked_to"] = flow.linked_to
        self.note(flow.number, "receive", at=flow.received_at, who=who, detail=detail)

    def add_repeat(self, flow: Flow, drop: Drop, at: datetime) -> None:
        """Another act of deposit answered by an existing flow; an event on it."""
        self._add_deposit(flow, drop, at, again=True)
        self.note(flow.number, "receive_again", at=at, who="receive", detail={"channel": drop.channel, "file": drop.name})

    def _add_deposit(self, flow: Flow, drop: Drop, at: datetime, *, again: bool) -> None:
        values = {
            "partner": drop.partner, "channel": drop.channel, "transport_id": drop.transport_id, "box": str(drop.box), "name": drop.name,
            "flow": flow.number, "again": again, "at": text(at),
        }  # fmt: skip
        try:
            self._session.write("add_deposit", values)
        except apsw.ConstraintError as taken:
            raise StaleFlow(f"deposit {drop.name}: this act of deposit is known already; ask deposit_seen first") from taken

    def waiting_before(self, flow: Flow) -> int:
        """How many flows that wait for us (not for the State, not for a person) were received before it."""
        return int(self._session.read("waiting_before", {"number": flow.number})[0][0])

    def received(self, partner: str, since: datetime) -> tuple[int, int]:
        """How many flows of a partner, both boxes together, were received from then on, and their bytes."""
        files, size = self._session.read("received_since", {"partner": partner, "since": microseconds(since)})[0]
        return int(files), int(size)

    def flow(self, number: str) -> Flow:
        """`UnknownSubject` when there is none."""
        found = self._first(self._flows(["only_flow_number"], {"number": number}))
        if found is None:
            raise UnknownSubject(f"flow {number}: unknown; see `gateway inspect flows`")
        return found

    def flows(self, *, states: Sequence[State] = (), partner: str = "", since: datetime | None = None, limit: int = 0,
              newest_first: bool = False, due: datetime | None = None) -> list[Flow]:  # fmt: skip
        """Flows in order of reception. `due`: only those whose not-before time is past then."""
        asked: dict[str, Any] = {
            "states": orjson.dumps([str(s) for s in states]).decode() if states else None,
            "partner": partner or None, "since": since and microseconds(since), "due": due and microseconds(due),
        }  # fmt: skip
        given = {name: value for name, value in asked.items() if value is not None}
        order = "id DESC" if newest_first else "id"
        return self._flows([f"only_flow_{name}" for name in given], given, order=order, limit=limit)

    def closable(self, *, limit: int, due: datetime | None = None) -> list[Flow]:
        """Flows in state delivered whose deliveries are all answered. `due`: only those whose not-before time is past then."""
        conditions = ["only_flow_closable", *(["only_flow_due"] if due else [])]
        return self._flows(conditions, {"due": microseconds(due)} if due else {}, limit=limit)

    def record(self, flow: Flow, event: Event, *, at: datetime, who: str, detail: dict[str, Any] | None = None, **changes: Any) -> Flow:
        """Move the flow along the table and append to its chain, compare-and-swap on (state, generation): `StaleFlow` when it moved.

        A replay raises the generation unless `changes` does. Attempts stay as counted unless given; the reason is forgotten unless given
        (an abandoned flow keeps it). The event says `to` (the state) and `generation` beside `detail`.
        """
        moved = flow.moved(state=after(flow.state, event), **_changes(flow, event, changes))
        values = {
            "number": flow.number, "state": str(moved.state), "generation": moved.generation, "interface": moved.interface,
            "attempts": changes.get("attempts"), "reason": moved.reason, "findings": findings_text(moved.findings),
            "members": moved.members, "old_state": str(flow.state), "old_generation": flow.generation,
        }  # fmt: skip
        written = self._session.write("move_flow", values)
        if not written:
            raise self._stale(flow)
        said = {**(detail or {}), "to": str(moved.state), "generation": moved.generation}
        self.note(flow.number, str(event), at=at, who=who, detail=said)
        return moved.moved(attempts=written[0][0])

    def note(self, flow: str, what: str, *, at: datetime, who: str, detail: dict[str, Any] | None = None) -> None:
        """Append an event that moves nothing."""
        head = self._session.read("chain_head", {"flow": flow})
        n, previous = (head[0][0] + 1, head[0][1]) if head else (1, chain.FIRST)
        when, said = at.isoformat(), chain.canonical(detail or {})
        digest = chain.seal(flow, n, at=when, who=who, what=what, detail=said, previous=previous)
        self._session.write(
            "add_event",
            {"flow": flow, "n": n, "at": when, "who": who, "what": what, "detail": said, "previous": previous, "hash": digest},
        )

    def begin_attempt(self, flow: Flow) -> int:
        """Raise and return the attempt counter, in a transaction of its own before the work starts. `StaleFlow` when the flow moved."""
        with self.transaction():
            raised = self._session.write("begin_attempt", _identity(flow))
            if not raised:
                raise self._stale(flow)
            return int(raised[0][0])

    def forgive(self, flow: str) -> None:
        """Set the attempt counter back to 0, in a transaction of its own: a clean stop is no failure."""
        with self.transaction():
            self._session.write("forgive", {"number": flow})

    def postpone(self, flow: Flow, until: datetime, why: str) -> None:
        """Not before then; `why` is the flow's reason until its next move. `StaleFlow` when the flow moved."""
        if not self._session.changed("postpone", {**_identity(flow), "until": microseconds(until), "why": why}):
            raise self._stale(flow)

    def history(self, flow: str) -> list[HistoryEntry]:
        """A flow's events, oldest first."""
        return [chain.entry(row) for row in self._events(flow)]

    def verify_chain(self, flow: str) -> str | None:
        """The first fault of the flow's chain, worded; None when it is whole and ends in the state that the flow is in."""
        rows = self._events(flow)
        fault = chain.first_fault(rows)
        if fault:
            return fault
        moves = [entry.detail["to"] for entry in self.history(flow) if "to" in entry.detail]
        state = str(self.flow(flow).state)
        if not moves or moves[-1] != state:
            return f"{flow}: is {state}, and its last event leads to {moves[-1] if moves else 'nothing'}"
        return None

    def flow_numbers(self) -> Iterator[str]:
        """Every flow's number, in order of reception."""
        yield from (row[0] for row in self._session.read("flow_numbers"))

    def known_blobs(self) -> Iterator[str]:
        """The SHA-256 of every content that a row points to: what a sweep of the spool must keep."""
        yield from (row[0] for row in self._session.read("known_blobs"))

    def _events(self, flow: str) -> list[Row]:
        return self._session.read("history", {"flow": flow})

    def _flows(self, conditions: Sequence[str], bindings: dict[str, Any], *, order: str = "id", limit: int = 0) -> list[Flow]:
        return [flow_of(row) for row in self._select("flow_rows", conditions, bindings, order=order, limit=limit)]

    @staticmethod
    def _first(found: list[Flow]) -> Flow | None:
        return found[0] if found else None

    def _stale(self, flow: Flow) -> StaleFlow:
        now = self.flow(flow.number)
        seen = f"{flow.state} (generation {flow.generation})"
        return StaleFlow(f"flow {flow.number}: is {now.state} (generation {now.generation}), not {seen}; read it again")


def _identity(flow: Flow) -> dict[str, Any]:
    return {"number": flow.number, "state": str(flow.state), "generation": flow.generation}


def _changes(flow: Flow, event: Event, changes: dict[str, Any]) -> dict[str, Any]:
    if strangers := sorted(set(changes) - MOVABLE):
        raise TypeError(f"record: {', '.join(strangers)} cannot be set by a move; one of {', '.join(sorted(MOVABLE))}")
    given = dict(changes)
    if event.startswith("replay"):
        given.setdefault("generation", flow.generation + 1)
    if event is not Event.ABANDON:
        given.setdefault("reason", "")
    return given
