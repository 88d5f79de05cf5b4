"""The store as a protocol: the one place where flows, invoices, deliveries and returns are kept; its in-memory twin is the same SQLite
adapter on `:memory:`. See `ports.py` for everything else that we ask of the outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from gateway.letter import Reference
from gateway.lifecycle import DeliveryState, Event, State
from gateway.model import (
    Blob,
    Box,
    Delivery,
    Drop,
    Flow,
    HistoryEntry,
    InvoiceRow,
    KeptStatus,
    OwedReturn,
    Recipient,
    ReportLine,
    Return,
    ReturnKind,
    StatusNews,
)  # fmt: skip


class Store(Protocol):
    """The truth: flows, invoices, deliveries, outbox, inbox, events, directory; changed together in one transaction or not at all.

    Every writing method must run inside `transaction()`. One writer at a time; readers never block it.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """BEGIN IMMEDIATE … COMMIT (rolled back on any exception); `StoreBusy` past the busy timeout, `StorageRefused` on a full disk."""
        ...

    def next_number(self, sequence: str) -> int:
        """Draw from a named sequence (from 1): in the same transaction as what it names."""
        ...

    # --- deposits and flows
    def deposit_seen(self, drop: Drop) -> Flow | None:
        """The flow that this very transport act was given before, if any."""
        ...

    def flows_of_bytes(self, partner: str, box: Box, sha256: str) -> list[Flow]:
        """Flows of the same bytes in the same box, oldest first."""
        ...

    def flow_named(self, partner: str, box: Box, name: str) -> Flow | None:
        """The latest flow taken under that very name."""
        ...

    def first_named(self, partner: str, box: Box, name: str) -> Flow | None:
        """The first flow taken under that very name."""
        ...

    def has_unrejected(self, flow: str) -> bool:
        """True when an invoice of the flow is accepted or held (by us), and not refused by the State's report."""
        ...

    def add_flow(self, flow: Flow, drop: Drop, *, who: str) -> None:
        """The flow in state received, its deposit row, its first event ("receive")."""
        ...

    def add_repeat(self, flow: Flow, drop: Drop, at: datetime) -> None:
        """Another act of deposit answered by an existing flow; an event on it."""
        ...

    def waiting_before(self, flow: Flow) -> int:
        """How many open flows are ahead of it (place in line, from 0)."""
        ...

    def received(self, partner: str, since: datetime) -> tuple[int, int]:
        """How many flows of a partner, both boxes together, were received from then on, and their bytes."""
        ...

    def flow(self, number: str) -> Flow:
        """`UnknownSubject` when there is none."""
        ...

    def flows(self, *, states: Sequence[State] = (), partner: str = "", since: datetime | None = None, limit: int = 0,
              newest_first: bool = False, due: datetime | None = None) -> list[Flow]:
        """Flows in order of reception. `due`: only those whose not-before time is past then."""
        ...

    def closable(self, *, limit: int, due: datetime | None = None) -> list[Flow]:
        """Flows in state delivered whose deliveries are all answered. `due`: only those whose not-before time is past then."""
        ...

    def record(self, flow: Flow, event: Event, *, at: datetime, who: str, detail: dict[str, Any] | None = None, **changes: Any) -> Flow:
        """Move the flow along the table and append to its chain, compare-and-swap on (state, generation): `StaleFlow` when it moved.

        `changes`: interface, members, findings, reason, attempts, generation… values of `Flow` to set along.
        """
        ...

    def note(self, flow: str, what: str, *, at: datetime, who: str, detail: dict[str, Any] | None = None) -> None:
        """Append an event that moves nothing."""
        ...

    def begin_attempt(self, flow: Flow) -> int:
        """Raise and return the attempt counter; its own transaction, before the work starts."""
        ...

    def postpone(self, flow: Flow, until: datetime, why: str) -> None:
        """Try again later: sets not-before, notes why."""
        ...

    def history(self, flow: str) -> list[HistoryEntry]: ...

    # --- invoices
    def put_invoices(self, flow: Flow, rows: Sequence[InvoiceRow], *, duplicate_key: str, reserve: bool) -> list[InvoiceRow]:
        """Write a chunk of verdicts; for accepted ones reserve (supplier, number, year) when `reserve`.

        `duplicate_key`: "identifier" (type + id) or "siren". Returns the accepted rows whose key is held by another invoice: they were
        written all the same, and the caller rejects them with `reject_invoice`. Rows with a live delivery are left as they are.
        """
        ...

    def key_holder(self, flow: Flow, row: InvoiceRow, *, duplicate_key: str) -> tuple[Flow, int] | None:
        """Who holds the row's key: flow and position."""
        ...

    def look_alikes(self, flow: Flow, rows: Sequence[InvoiceRow]) -> dict[int, str]:
        """Of a chunk just put and reserved: positions whose number may be taken for an earlier one of the same partner, supplier and year
        (`rules.duplicate.look_alike_key`), and that number."""
        ...

    def update_verdicts(self, rows: Sequence[InvoiceRow]) -> None:
        """Write verdict, findings and held again for rows that exist (an invoice with a live delivery is left alone).

        A row that becomes rejected frees its key."""
        ...

    def drop_invoices(self, flow: Flow) -> None:
        """Forget the rows of an earlier generation that have no live delivery (replay from open or validate); frees their keys."""
        ...

    def free_keys(self, flow: Flow) -> None:
        """The keys of a flow's invoices without live delivery are free again (it was given up: they may come anew)."""
        ...

    def release_from_deliveries(self, flow: Flow, *, live_too: bool) -> int:
        """Take accepted invoices off deliveries that the State refused (all of it, or these invoices), so that they are planned anew.

        `live_too`: off every delivery, by an operator's force. How many."""
        ...

    def integrated(self, flow: str) -> int:
        """Accepted invoices on a delivery whose report is in, and that it has not refused."""
        ...

    def live_invoices(self, flow: str) -> int:
        """Accepted invoices on a delivery that the State holds, may hold or will get, and has not refused."""
        ...

    def forgive(self, flow: str) -> None:
        """Set the attempt counter back to 0 (a clean stop is no failure); its own transaction."""
        ...

    def validated_documents(self, flow: Flow) -> tuple[int, int]:
        """(documents done, last position) of the present generation: where validation goes on after a crash."""
        ...

    def invoices(self, *, flow: str = "", number: str = "", supplier: str = "", status: str = "", delivery: str = "", limit: int = 0,
                 after: int = 0, lean: bool = False) -> Iterator[InvoiceRow]:
        """Rows in order of flow and position; `after`: positions above that. `lean`: without facts, findings and packs."""
        ...

    def invoice(self, flow: str, position: int) -> InvoiceRow: ...

    def counts(self, flow: str) -> dict[str, int]:
        """{"invoices","accepted","rejected","held"}; held counts invoices that wait for a person or on unknown or held deliveries."""
        ...

    # --- deliveries
    def open_delivery(self, destination: str, partner: str, interface: str) -> Delivery | None:
        """The planned delivery that still takes invoices."""
        ...

    def add_delivery(self, delivery: Delivery) -> None: ...

    def assign(self, delivery: Delivery, rows: Sequence[InvoiceRow], *, documents: int, size: int) -> None:
        """Put invoices on a planned delivery; adds to its counters."""
        ...

    def delivery(self, name: str) -> Delivery: ...

    def delivery_numbered(self, number: str) -> Delivery | None:
        """By its 25-character flow identifier."""
        ...

    def deliveries(self, *, states: Sequence[DeliveryState] = (), flow: str = "", destination: str = "") -> list[Delivery]: ...

    def move_delivery(self, delivery: Delivery, state: DeliveryState, *, at: datetime, **changes: Any) -> Delivery:
        """Along its table, compare-and-swap: `StaleFlow`. `changes`: sha256, size, attempt, step, sent_at, answered_at, detail."""
        ...

    def set_step(self, delivery: Delivery, step: str) -> Delivery:
        """The protocol step about to be taken (D8: "renaming"), committed before it is."""
        ...

    def refuse_invoices(self, delivery: Delivery, refused: dict[tuple[str, int], tuple[ReportLine, ...]], *, free_keys: bool) -> None:
        """What the State's report says of single invoices: kept beside our verdict, never instead of it."""
        ...

    def flows_of_delivery(self, name: str) -> list[str]:
        """Numbers of the flows with an invoice on it."""
        ...

    def refused(self, flow: str) -> dict[int, tuple[ReportLine, ...]]:
        """The invoices of a flow that the State's report refused: position → its lines."""
        ...

    def refusals(self, delivery: str) -> int:
        """How many invoices the State's report on a delivery refused by name, whatever became of them since."""
        ...

    def unanswered(self, flow: str) -> int:
        """How many deliveries that hold an invoice of the flow have no report yet."""
        ...

    # --- returns (outbox)
    def owe(self, owed: Return, at: datetime) -> bool:
        """Owe a file to a partner; False when its key was owed before (nothing changes)."""
        ...

    def returns(self, *, pending: bool = False, flow: str = "", kind: ReturnKind | None = None, limit: int = 0,
                without: Sequence[tuple[str, Box]] = (), partner: str = "", after: int = 0) -> list[OwedReturn]:
        """In the order in which they were owed; `without`: not those of these partners' boxes; `partner`: this one's only; `after`: owed
        after that one (its `sequence`)."""
        ...

    def is_owed(self, key: str) -> bool:
        """True when a file was owed under that key, written since or not."""
        ...

    def mark_written(self, key: str, at: datetime) -> None: ...

    def owe_again(self, flow: str) -> int:
        """Put every return of the flow back to pending, same bytes; how many."""
        ...

    # --- files that messages name
    def await_file(self, reference: Reference) -> bool:
        """Wait for a file; False when the same act waits for it already."""
        ...

    def awaited_files(self, partner: str) -> list[Reference]: ...

    def file_answered(self, drop: Drop) -> None: ...

    # --- what the State tells (inbox)
    def taken(self, source: str, external_id: str, blob: Blob, at: datetime) -> bool:
        """Note a file read from the State; False when it was taken before."""
        ...

    def add_status(self, row: InvoiceRow, news: StatusNews, *, source: str, current: bool, at: datetime) -> bool:
        """Keep a status of an invoice (False: known already); `current` makes it the invoice's present one."""
        ...

    def statuses(self, flow: str, position: int) -> list[KeptStatus]: ...

    def find_invoices(self, number: str, supplier: str, year: str = "") -> list[InvoiceRow]:
        """Accepted invoices with a delivery, that a status may speak of."""
        ...

    def keep_stray(self, source: str, kind: str, detail: dict[str, Any], at: datetime) -> None:
        """A report or status that fits nothing we know: kept and shown."""
        ...

    def strays(self, *, since: datetime | None = None) -> list[dict[str, Any]]: ...

    def owed_statuses(self, limit: int = 10_000, *, without: Sequence[str] = ()) -> list[KeptStatus]:
        """Statuses not yet told to their partners, oldest first; `without`: not those of these partners."""
        ...

    def mark_told(self, statuses: Sequence[KeptStatus], key: str) -> None: ...

    # --- directory
    def import_directory(self, recipients: Iterable[Recipient], *, at: datetime, file: str, sha256: str) -> int: ...

    def directory_age(self) -> datetime | None:
        """When the directory was imported; None when there is none."""
        ...

    def directory_status(self) -> dict[str, Any] | None:
        """{"at","file","sha256","recipients"} of the import in force; `at` as text. None when there is none."""
        ...

    def recipient(self, siret: str) -> Recipient | None: ...

    # --- life of the store
    def known_blobs(self) -> Iterator[str]:
        """SHA-256 of every blob that a row names."""
        ...

    def idle(self, at: datetime | None = None) -> bool:
        """True when no flow, planned or sealed delivery, return or status waits for us; `at`: flows postponed past then do not."""
        ...

    def engine(self) -> str:
        """Version of the engine that keeps the store."""
        ...

    def backup(self, target: Path) -> None:
        """A consistent copy while running."""
        ...

    def close(self) -> None: ...
