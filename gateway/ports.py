"""What we ask of the outside, as protocols; no implementation, no library name. Each has an adapter and one contract suite.

The store's in-memory twin is the same SQLite adapter on `:memory:`; the other ports' twins live in adapters/memory.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from gateway.letter import Reference
from gateway.lifecycle import DeliveryState, Event, State
from gateway.model import (
    Blob,
    Box,
    Delivery,
    Document,
    Drop,
    Flow,
    HistoryEntry,
    InvoiceRow,
    Judgement,
    KeptStatus,
    OwedReturn,
    Presence,
    Reception,
    Recipient,
    ReportLine,
    Return,
    ReturnKind,
    StatusNews,
)  # fmt: skip


class Clock(Protocol):
    """Time is asked for, never read."""

    def now(self) -> datetime:
        """The current time with its offset, Europe/Paris."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump: for back-off and timeouts."""
        ...


class SpoolWriter(Protocol):
    """A blob being written in staging; `commit` makes it durable, leaving the block without it throws it away."""

    def write(self, data: bytes) -> None: ...

    def commit(self) -> Blob:
        """fsync file, link under its SHA-256, fsync folder (reliability.md 2.4, B1–B7); `StorageRefused` when the disk does not keep it."""
        ...


class SegmentWriter(Protocol):
    """The append-only file of a flow's deflated documents (see Judgement.segment)."""

    def append(self, data: bytes) -> int:
        """Add bytes; their offset in the file."""
        ...

    def sync(self) -> None:
        """fsync what was appended: before the rows that point to it are committed."""
        ...


class Spool(Protocol):
    """Bytes in and out, immutable, by SHA-256; and the segments of flows under way."""

    def writer(self) -> AbstractContextManager[SpoolWriter]: ...

    def adopt(self, path: Path, sha256: str) -> Blob:
        """Make a finished staging file (already fsynced, on the spool's file system) a blob, without copying it."""
        ...

    def put(self, data: bytes) -> Blob: ...

    def open(self, sha256: str) -> BinaryIO:
        """A readable, seekable file; `UnknownSubject` when absent."""
        ...

    def read(self, sha256: str) -> bytes: ...

    def has(self, sha256: str) -> bool: ...

    def segments(self, flow: str, generation: int) -> AbstractContextManager[SegmentWriter]:
        """Open for appending (created when absent)."""
        ...

    def read_segment(self, flow: str, generation: int, offset: int, length: int) -> bytes: ...

    def has_segments(self, flow: str, generation: int) -> bool: ...

    def segmented(self, older_than: datetime) -> list[tuple[str, int]]:
        """Flows and generations that have segments to which nothing was added since then."""
        ...

    def drop_segments(self, flow: str, generation: int) -> None:
        """Forget a flow's segments (a replay from validate makes them again from the blob)."""
        ...

    def sweep(self, known: Iterable[str], older_than: datetime) -> int:
        """Remove staging files and orphan blobs older than that; how many."""
        ...

    def free_bytes(self) -> int: ...


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


class DropSource(Protocol):
    """A door: where complete drops come from."""

    name: str

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        """Complete drops, each claimed by rename, with the claimed file."""
        ...

    def waiting(self) -> bool:
        """True when a drop, complete or claimed, is still there."""
        ...

    def release(self, drop: Drop, path: Path) -> None:
        """Remove the claimed file and fsync its folder: after COMMIT only."""
        ...


class ReturnChannel(Protocol):
    """Where a partner's returns go: `.part`, fsync, rename, fsync folder."""

    def write(self, partner: str, box: Box, name: str, body: bytes) -> None:
        """`TransientError` when the box cannot be written."""
        ...


class Bell(Protocol):
    """Wakes a loop; losing a ring costs a poll interval, never a flow."""

    def ring(self, loop: str) -> None: ...

    def wait(self, seconds: float) -> None: ...


class Board(Protocol):
    """What is put off until later, seen by every process of a site. A hint: lost, it costs `run --until-idle` its end."""

    def put(self, topic: str, due: Mapping[str, float]) -> None:
        """All that is put off of a topic: name → when it is tried again, in monotonic seconds."""
        ...

    def postponed(self, topic: str) -> dict[str, float]:
        """What of a topic waits still, and for how many seconds."""
        ...


class Accounting(Protocol):
    """A State's accounting system (Chorus). Errors come as `Unreachable` (not sent), never as a guess."""

    name: str

    def look(self, delivery: Delivery, content: BinaryIO) -> Presence:
        """What is on the other side for this delivery's fixed name (reliability.md 2.7): asked before any attempt is repeated."""
        ...

    def upload(self, delivery: Delivery, content: BinaryIO) -> None:
        """D5–D7: write `<name>.part` exclusively, read it back. Raises `Unreachable`; the final name was not asked for yet."""
        ...

    def publish(self, delivery: Delivery) -> None:
        """D9: plain rename to the final name. Any exception after this began means *unknown*."""
        ...

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Files the State has left for us: (name, bytes)."""
        ...

    def settled(self, name: str) -> bool:
        """False while an answer may still be being written: not seen unchanged for long enough. Asked for one that cannot be read."""
        ...

    def forget(self, name: str) -> None:
        """Remove an answer that is in our custody. `Unreachable` when the other side refuses: it is there to stay, and not given again."""
        ...

    def probe(self) -> None:
        """Raise `Unreachable` when the State does not answer."""
        ...

    def close(self) -> None: ...


class Validator(Protocol):
    """The pool of validation children: parses, checks, extracts and deflates, far from the store and the network.

    A batch shares one fate: on a limit or crash the pool runs it again document by document, so that only the guilty one is marked
    (`Judgement.outcome`). It never raises for a document.
    """

    def room(self) -> int:
        """How many more batches it takes now without making anyone wait."""
        ...

    def submit(self, token: object, documents: Sequence[Document]) -> None: ...

    def results(self, timeout: float) -> list[tuple[object, list[Judgement]]]:
        """Finished batches (token, judgements in order of the documents), waiting at most `timeout` seconds for the first."""
        ...

    def pending(self) -> int: ...

    def cage(self) -> dict[str, str]:
        """Which layers hold the children: name → state."""
        ...

    def read_answer(self, data: bytes) -> list[Judgement]:
        """Judge one document at once (what the State or the command line brings)."""
        ...

    def close(self) -> None: ...


class Intake(Protocol):
    """What a door that answers on the wire (SFTP, command line) asks of us."""

    def refusal(self, partner: str, box: Box, name: str, size: int) -> str | None:
        """Why nothing of that size may be deposited now (quota, disk nearly full), worded for the partner; None when it may."""
        ...

    def accepted(self, partner: str, box: Box, name: str) -> str | None:
        """Number of the latest flow taken under that very name, None when there is none."""
        ...

    def take(self, drop: Drop, path: Path, sha256: str) -> Reception:
        """Custody of a finished, fsynced staging file on the spool's file system: blob, then one transaction. The file is gone after.

        Raises `StorageRefused` or `StoreBusy`: then nothing was acknowledged, and the
        sender sends again (the file may be a blob already, which harms nobody).
        """
        ...
