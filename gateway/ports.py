"""What we ask of the outside, as protocols; no implementation, no library name. Each has an adapter and one contract suite.

The ports' twins live in adapters/memory.py. The store, the largest of them, is in `store_port.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.model import (
    Blob,
    Box,
    Delivery,
    Document,
    Drop,
    Judgement,
    Presence,
    Reception,
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

    def close(self) -> None: ...


class Board(Protocol):
    """What is put off until later and what is left to do now, seen by every process of a site. A hint: lost, it costs `run --until-idle`
    its end. A topic has one writer at a time, and is either put or reported."""

    def put(self, topic: str, due: Mapping[str, float]) -> None:
        """All that is put off of a topic: name → when it is tried again, in monotonic seconds."""
        ...

    def postponed(self, topic: str) -> dict[str, float]:
        """What of a topic waits still, and for how many seconds."""
        ...

    def report(self, topic: str, left: int) -> None:
        """How much a look at a topic, ended now, left to do now."""
        ...

    def left(self, topic: str, since: float) -> int | None:
        """What the last look left; None when none ended since then (monotonic seconds)."""
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
