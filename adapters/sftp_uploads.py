"""Uploads under way at the SFTP counter: staging files, ranges written, resuming; it takes no custody and speaks no SFTP.

Each upload is `<id>.data` and `<id>.json` in var/spool/sftp/staging. The JSON is replaced by rename whenever the upload stops (parked,
interrupted), every 64 MB, and before custody is asked for. After a crash an upload is what its JSON says: what was written after the last
note is dropped, what was *taking* is handed to custody again under the same id.

Limits: uploads are kept in memory as well (some hundred bytes each); one process owns the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import uuid
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from adapters.disk import disk_border, write_whole
from gateway.model import Box
from gateway.ports import Clock

NOTE_EVERY = 64_000_000
_SPANS = 4096
_CHUNK = 1 << 20


class Stage(StrEnum):
    """Where an upload stands (reliability.md 2.3, DEPOSIT; STORED is a flow and no longer an upload)."""

    OPEN = "open"
    PARKED = "parked"
    PARTIAL = "partial"
    TAKING = "taking"


BUSY = frozenset({Stage.OPEN, Stage.TAKING})


class Ranges:
    """Byte ranges written so far, sorted and merged."""

    def __init__(self, spans: Iterable[Iterable[int]] = ()) -> None:
        self.spans: list[tuple[int, int]] = [(a, b) for a, b in spans]

    @property
    def end(self) -> int:
        """Where the last range ends."""
        return self.spans[-1][1] if self.spans else 0

    @property
    def prefix(self) -> int:
        """How many bytes from the start are there without a hole."""
        return self.spans[0][1] if self.spans and self.spans[0][0] == 0 else 0

    @property
    def scattered(self) -> bool:
        """True when so many holes are open that nobody pipelines like that."""
        return len(self.spans) > _SPANS

    def add(self, start: int, end: int) -> None:
        """Note bytes [start, end)."""
        if end <= start:
            return
        left = bisect_left(self.spans, start, key=lambda s: s[1])
        right = bisect_right(self.spans, end, key=lambda s: s[0])
        if left < right:
            start, end = min(start, self.spans[left][0]), max(end, self.spans[right - 1][1])
        self.spans[left:right] = [(start, end)]

    def cut(self, size: int) -> None:
        """Forget everything from `size` on."""
        self.spans = [(a, min(b, size)) for a, b in self.spans if a < size]

    def hole(self) -> tuple[int, int] | None:
        """The first hole as (position, bytes missing), None when there is none."""
        if self.prefix == self.end:
            return None
        following = next(a for a, _ in self.spans if a > self.prefix)
        return self.prefix, following - self.prefix


class Upload:
    """One staging file. Only the session that opened it writes; `SHA-256` runs along while bytes come in order."""

    def __init__(self, folder: Path, ident: str, *, partner: str, box: Box, name: str, touched: datetime) -> None:
        self.folder, self.id, self.partner, self.box, self.name, self.touched = folder, ident, partner, box, name, touched
        self.stage = Stage.OPEN
        self.ranges = Ranges()
        self.sha256 = ""
        self.hidden = False  # whole, but custody was refused: a client that only compares sizes must not take it for accepted
        self.broken = False  # a write failed: whatever the client says later, this is not the whole file
        self._descriptor = -1
        self._noted = 0
        self._hash = hashlib.sha256()
        self._hashed = 0

    @property
    def path(self) -> Path:
        return self.folder / f"{self.id}.data"

    @property
    def size(self) -> int:
        """What a client may count on: all ranges while it writes, the part without holes afterwards."""
        return self.ranges.end if self.stage is Stage.OPEN else self.ranges.prefix

    def open(self) -> None:
        """Open for writing; of an interrupted upload only the part without holes is kept, and only as much as the file really holds."""
        with disk_border(self.id):
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self.truncate(min(self.ranges.prefix, os.fstat(self._descriptor).st_size))
        self.stage, self.sha256, self._noted = Stage.OPEN, "", self.ranges.prefix
        self.hidden = self.broken = False
        if self._hashed > self.ranges.prefix:
            self._forget_hash()

    def write(self, offset: int, data: bytes) -> None:
        """Unbuffered, at any offset; `StorageRefused` when the disk does not take it."""
        start, view = offset, memoryview(data)
        with disk_border(self.id):
            while view:
                done = os.pwrite(self._descriptor, view, offset)
                view, offset = view[done:], offset + done
        self.ranges.add(start, start + len(data))
        if start == self._hashed:
            self._hash.update(data)
            self._hashed += len(data)
        elif start < self._hashed:
            self._forget_hash()

    def _forget_hash(self) -> None:
        self._hash, self._hashed = hashlib.sha256(), 0

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def truncate(self, size: int) -> None:
        """Drop everything from `size` on (a larger size changes nothing: bytes that were not sent are not there)."""
        self.ranges.cut(size)
        os.ftruncate(self._descriptor, self.ranges.end)
        if self._hashed > size:
            self._forget_hash()

    @property
    def due_for_note(self) -> bool:
        """True every 64 MB."""
        return self.ranges.end - self._noted >= NOTE_EVERY

    def note(self) -> None:
        """Make what is there durable, then write it down: where resuming goes on after a crash."""
        with disk_border(self.id):
            os.fdatasync(self._descriptor)
            self._noted = self.ranges.end
            self.save()

    def seal(self) -> str:
        """fsync, close, SHA-256 of the whole. A failed fsync is final for these bytes: the ranges are forgotten with it."""
        if self.sha256:
            return self.sha256
        try:
            with disk_border(self.id):
                os.fsync(self._descriptor)
        except BaseException:
            self.ranges = Ranges()
            raise
        while block := os.pread(self._descriptor, _CHUNK, self._hashed):
            self._hash.update(block)
            self._hashed += len(block)
        self.sha256 = self._hash.hexdigest()
        self.shut()
        return self.sha256

    def shut(self) -> None:
        """Close the descriptor, if open."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def interrupt(self) -> None:
        """Close what was not closed by its sender: the ranges count only when they are durable."""
        try:
            if self._descriptor >= 0:
                os.fsync(self._descriptor)
        except OSError:
            self.ranges = Ranges()  # never asked twice: the kernel may have dropped the pages
        finally:
            self.shut()

    def save(self) -> None:
        """Replace the JSON by rename: file and folder synced."""
        record = {
            "partner": self.partner, "box": self.box, "name": self.name, "stage": self.stage, "touched": self.touched.isoformat(),
            "spans": self.ranges.spans, "sha256": self.sha256,
        }  # fmt: skip
        with disk_border(self.id):
            write_whole(self.folder / f"{self.id}.json", json.dumps(record).encode())

    @classmethod
    def load(cls, note: Path) -> Upload:
        """Read one JSON back. `ValueError` when it is not ours."""
        raw = json.loads(note.read_bytes())
        if not isinstance(raw, dict):
            raise ValueError(note.name)
        touched = datetime.fromisoformat(raw["touched"])
        upload = cls(note.parent, note.stem, partner=raw["partner"], box=Box(raw["box"]), name=raw["name"], touched=touched)
        upload.ranges, upload.stage, upload.sha256 = Ranges(raw["spans"]), Stage(raw["stage"]), raw["sha256"]
        if upload.stage is Stage.OPEN:
            upload.stage = Stage.PARTIAL
        return upload

    def remove(self) -> None:
        """Throw file and note away."""
        self.shut()
        self.path.unlink(missing_ok=True)
        (self.folder / f"{self.id}.json").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Shown:
    """An accepted name, still listed for clients that compare sizes after the close."""

    name: str
    size: int
    flow: str
    at: datetime
    until: float


Key = tuple[str, Box, str]


class Uploads:
    """Every upload by (partner, box, name), and the accepted names still shown. All methods may be called from any session's thread."""

    def __init__(self, folder: Path, clock: Clock, keep_visible: float) -> None:
        self.folder, self._clock, self._keep = folder, clock, keep_visible
        self.lock = threading.RLock()
        self._table: dict[Key, Upload] = {}
        self._shown: dict[Key, Shown] = {}

    def recover(self) -> list[Upload]:
        """Read the folder at start; returns the uploads whose custody was being taken when the process died. Strays are removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for note in sorted(self.folder.glob("*.json")):
            with contextlib.suppress(ValueError, KeyError):
                upload = Upload.load(note)
                if upload.path.exists():
                    self._table[upload.partner, upload.box, upload.name] = upload
        known = {u.id for u in self._table.values()}
        for stray in [p for p in self.folder.iterdir() if p.name.split(".")[0] not in known]:
            stray.unlink()
        return [u for u in self._table.values() if u.stage is Stage.TAKING]

    def find(self, partner: str, box: Box, name: str) -> Upload | None:
        with self.lock:
            return self._table.get((partner, box, name))

    def of(self, partner: str, box: Box) -> list[Upload]:
        """A partner's uploads in one box."""
        with self.lock:
            return [u for (p, b, _), u in self._table.items() if (p, b) == (partner, box)]

    def begin(self, partner: str, box: Box, name: str) -> Upload:
        """A new upload, in place of what was parked or interrupted under that name."""
        with self.lock:
            old = self._table.pop((partner, box, name), None)
            if old:
                old.remove()
            upload = Upload(self.folder, uuid.uuid4().hex, partner=partner, box=box, name=name, touched=self._clock.now())
            upload.open()
            upload.save()
            self._table[partner, box, name] = upload
            return upload

    def settle(self, upload: Upload, stage: Stage) -> None:
        """Write down that an upload stopped or moves to custody."""
        with self.lock:
            upload.stage, upload.touched = stage, self._clock.now()
            upload.save()

    def move(self, upload: Upload, box: Box, name: str) -> None:
        """Another name for a parked upload; what was under it before is thrown away."""
        with self.lock:
            old = self._table.pop((upload.partner, box, name), None)
            if old and old is not upload:
                old.remove()
            self._table.pop((upload.partner, upload.box, upload.name), None)
            upload.box, upload.name = box, name
            self._table[upload.partner, box, name] = upload

    def discard(self, upload: Upload) -> None:
        """Forget an upload and its bytes."""
        with self.lock:
            if self._table.get((upload.partner, upload.box, upload.name)) is upload:
                del self._table[upload.partner, upload.box, upload.name]
            upload.remove()

    def show(self, upload: Upload, flow: str) -> None:
        """Custody is taken: keep the name visible with its size for a while."""
        with self.lock:
            now = self._clock.monotonic()
            self._shown = {k: s for k, s in self._shown.items() if s.until > now}
            shown = Shown(upload.name, upload.ranges.end, flow, self._clock.now(), now + self._keep)
            self._shown[upload.partner, upload.box, upload.name] = shown

    def shown(self, partner: str, box: Box) -> dict[str, Shown]:
        """Accepted names still visible in one box."""
        with self.lock:
            now = self._clock.monotonic()
            return {s.name: s for (p, b, _), s in self._shown.items() if (p, b) == (partner, box) and s.until > now}

    def stale(self, before: datetime) -> list[Upload]:
        """Uploads that stopped before then, taken out of the table: the caller removes them."""
        with self.lock:
            old = [u for u in self._table.values() if u.stage not in BUSY and u.touched < before]
            for upload in old:
                self.discard(upload)
            return old
