"""The in-memory twins of the ports (ports.py) for tests and `--dry-run`: they keep nothing and sleep never.

The store's twin is the SQLite adapter on ":memory:"; the others are here, and pass the same contract suites as the real ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from gateway.errors import OutcomeUnknown, StorageRefused, TransientError, UnknownSubject
from gateway.model import Blob, Box, Delivery, Presence
from gateway.ports import Clock


class SettableClock:
    """Time that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError(f"clock: {at} has no offset; give it one")
        self._at = at
        self._seconds = 0.0

    def now(self) -> datetime:
        """The time as set."""
        return self._at

    def monotonic(self) -> float:
        """Seconds that `advance` added up; a jump by `set` does not count."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._at += timedelta(seconds=seconds)
        self._seconds += seconds

    def set(self, at: datetime) -> None:
        """Somebody moves the wall clock."""
        self._at = at


class MemoryBell:
    """Bells of one process. Waiting in vain advances the clock, when it is a settable one, and never sleeps."""

    def __init__(self, loop: str, clock: SettableClock | None = None, rung: set[str] | None = None) -> None:
        self.rung = set() if rung is None else rung
        self._loop = loop
        self._clock = clock

    def beside(self, loop: str) -> MemoryBell:
        """Another loop's bell, heard by the same rings."""
        return MemoryBell(loop, self._clock, self.rung)

    def close(self) -> None:
        """Nothing to give back."""

    def ring(self, loop: str) -> None:
        """The loop's next wait returns at once."""
        self.rung.add(loop)

    def wait(self, seconds: float) -> None:
        """Take a ring, else let the time pass."""
        if self._loop in self.rung:
            self.rung.discard(self._loop)
        elif self._clock is not None:
            self._clock.advance(seconds)


class MemoryBoard:
    """What is put off, and what was left, in dictionaries."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._topics: dict[str, dict[str, float]] = {}
        self._reports: dict[str, tuple[float, int]] = {}

    def put(self, topic: str, due: Mapping[str, float]) -> None:
        """In place of what was before."""
        self._topics[topic] = dict(due)

    def postponed(self, topic: str) -> dict[str, float]:
        """What of it waits still."""
        now = self._clock.monotonic()
        return {name: due - now for name, due in self._topics.get(topic, {}).items() if due > now}

    def report(self, topic: str, left: int) -> None:
        """What a look left."""
        self._reports[topic] = (self._clock.monotonic(), left)

    def left(self, topic: str, since: float) -> int | None:
        """What the last look left."""
        at, left = self._reports.get(topic, (since - 1.0, 0))
        return left if at >= since else None


class MemorySpool:
    """Bytes in a dictionary. `free` is what `free_bytes` answers."""

    def __init__(self, clock: Clock, free: int = 1 << 40) -> None:
        self.free = free
        self._clock = clock
        self._blobs: dict[str, tuple[bytes, datetime]] = {}
        self._segments: dict[tuple[str, int], MemorySegments] = {}

    @contextlib.contextmanager
    def writer(self) -> Iterator[MemoryWriter]:
        """A blob being written; without `commit` it never was."""
        writing = MemoryWriter(self)
        yield writing
        writing.closed = True

    def put(self, data: bytes) -> Blob:
        """Bytes at hand as a blob; bytes that are there are young again."""
        digest = hashlib.sha256(data).hexdigest()
        self._blobs[digest] = (data, self._clock.now())
        return Blob(digest, len(data))

    def adopt(self, path: Path, sha256: str) -> Blob:
        """A finished file as a blob; `path` is gone after."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageRefused(f"{path.name}: {error.strerror}; send the file again") from error
        there = self._blobs.get(sha256)
        if there is not None and len(there[0]) != len(data):
            raise StorageRefused(f"blob {sha256}: holds {len(there[0])} bytes and not {len(data)}; restore it from a backup")
        self._blobs[sha256] = (data, self._clock.now())
        path.unlink()
        return Blob(sha256, len(data))

    def open(self, sha256: str) -> BinaryIO:
        """A readable, seekable file."""
        return io.BytesIO(self.read(sha256))

    def read(self, sha256: str) -> bytes:
        """All of a blob; `UnknownSubject` when absent."""
        if sha256 not in self._blobs:
            raise UnknownSubject(f"blob {sha256}: not in the spool; restore it from a backup")
        return self._blobs[sha256][0]

    def has(self, sha256: str) -> bool:
        """True when the blob is there."""
        return sha256 in self._blobs

    @contextlib.contextmanager
    def segments(self, flow: str, generation: int) -> Iterator[MemorySegments]:
        """A flow's segments, for appending."""
        writing = self._segments.setdefault((flow, generation), MemorySegments(self._clock))
        writing.closed = False
        yield writing
        writing.closed = True

    def read_segment(self, flow: str, generation: int, offset: int, length: int) -> bytes:
        """Bytes of a flow's segments; `UnknownSubject` when they are not all there."""
        there = self._segments.get((flow, generation))
        if there is None or len(data := bytes(there.data[offset : offset + length])) != length:
            raise UnknownSubject(f"segment {flow}.{generation}, {length} bytes at {offset}: not there; replay the flow from validate")
        return data

    def has_segments(self, flow: str, generation: int) -> bool:
        """True when there are some."""
        return (flow, generation) in self._segments

    def segmented(self, older_than: datetime) -> list[tuple[str, int]]:
        """Flows and generations to whose segments nothing was added since then."""
        return sorted(key for key, segments in self._segments.items() if segments.touched < older_than)

    def drop_segments(self, flow: str, generation: int) -> None:
        """Forget a flow's segments."""
        self._segments.pop((flow, generation), None)

    def sweep(self, known: Iterable[str], older_than: datetime) -> int:
        """Forget blobs outside `known` that nobody has touched since then; how many."""
        keep = set(known)
        orphans = [digest for digest, (_, touched) in self._blobs.items() if digest not in keep and touched < older_than]
        for digest in orphans:
            del self._blobs[digest]
        return len(orphans)

    def free_bytes(self) -> int:
        """As set."""
        return self.free


class MemoryWriter:
    """Bytes of a blob under way."""

    def __init__(self, spool: MemorySpool) -> None:
        self.closed = False
        self._spool = spool
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        """`StorageRefused` after `commit` or outside the block."""
        self._must_be_open()
        self._data += data

    def commit(self) -> Blob:
        """The blob."""
        self._must_be_open()
        self.closed = True
        return self._spool.put(bytes(self._data))

    def _must_be_open(self) -> None:
        if self.closed:
            raise StorageRefused("staging: this file is closed; write it anew")


class MemorySegments:
    """A flow's segments of one generation."""

    def __init__(self, clock: Clock) -> None:
        self.closed = False
        self.data = bytearray()
        self.touched = clock.now()
        self._clock = clock

    def append(self, data: bytes) -> int:
        """Add bytes; their offset."""
        if self.closed:
            raise StorageRefused("segments: closed; open them anew")
        offset = len(self.data)
        self.data += data
        self.touched = self._clock.now()
        return offset

    def sync(self) -> None:
        """Memory has nothing to sync."""


@dataclass
class MemoryReturnChannel:
    """Partners' boxes as a dictionary (partner, box, name) → bytes. `closed`: partners whose box refuses."""

    files: dict[tuple[str, Box, str], bytes] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)

    def write(self, partner: str, box: Box, name: str, body: bytes) -> None:
        """`StorageRefused` for a closed box."""
        if partner in self.closed:
            raise StorageRefused(f"{partner}/{name}: the box is closed; try later")
        self.files[partner, box, name] = body
        self.written.append(name)


@dataclass
class MemoryAccounting:
    """A State that takes what it is given. `taken` is every publication in order, so that lost and doubled can be counted.

    `fails` maps "look", "upload", "publish", "answers" or "forget" to an error to raise; a publish that fails with `OutcomeUnknown` has
    taken place. `growing`: answers that are still being written.
    """

    name: str = "chorus"
    parts: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    out: dict[str, bytes] = field(default_factory=dict)
    growing: set[str] = field(default_factory=set)
    fails: dict[str, TransientError] = field(default_factory=dict)

    def look(self, delivery: Delivery, content: BinaryIO) -> Presence:
        """What is here for the delivery's name."""
        self._may_fail("look")
        content.seek(0)
        ours = content.read()
        if delivery.name in self.files:
            return Presence.OURS if self.files[delivery.name] == ours else Presence.FOREIGN
        if delivery.name in self.parts:
            return Presence.PART if self.parts[delivery.name] == ours else Presence.TORN
        return Presence.ABSENT

    def upload(self, delivery: Delivery, content: BinaryIO) -> None:
        """The `.part`, whole."""
        self._may_fail("upload")
        content.seek(0)
        self.parts[delivery.name] = content.read()

    def publish(self, delivery: Delivery) -> None:
        """The final name."""
        error = self.fails.get("publish")
        if error is not None and not isinstance(error, OutcomeUnknown):
            raise error
        self.files[delivery.name] = self.parts.pop(delivery.name)
        self.taken.append(delivery.name)
        if error is not None:
            raise error

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Files left for us."""
        self._may_fail("answers")
        yield from list(self.out.items())

    def settled(self, name: str) -> bool:
        """Unless told that it is still being written."""
        return name not in self.growing

    def forget(self, name: str) -> None:
        """Remove an answer."""
        self._may_fail("forget")
        self.out.pop(name, None)

    def probe(self) -> None:
        """Answers, unless told to fail."""
        self._may_fail("look")

    def close(self) -> None:
        """Nothing is held open."""

    def _may_fail(self, what: str) -> None:
        if what in self.fails:
            raise self.fails[what]
