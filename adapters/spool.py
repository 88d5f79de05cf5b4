"""The spool on disk: bytes in and out, immutable, by SHA-256, and the segments of flows under way; it knows no flow's state.

    staging/<uuid>            being written; swept when forgotten
    blobs/ab/<sha256>         durable, never changed
    segments/<flow>.<g>       append-only; what rows do not point to is ignored

Write order: reliability.md 2.4, B1–B7. A blob appears by link, not rename, so that two writers of the same bytes cannot harm each other.

Limits: one local file system that honours fsync and hard links. A failed fsync of a folder leaves the blob's name where it is: another
writer of the same bytes may have been told yes already; the sweep removes it if nobody was. An object store is another adapter.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from gateway.errors import StorageRefused, UnknownSubject
from gateway.model import Blob

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FLOW = re.compile(r"[A-Z0-9-]{1,25}")
_WHAT_TO_DO = "nothing was kept, free or repair the disk and send again"


class DiskSpool:
    """Bytes under `root`. Threads and processes may share it."""

    def __init__(self, root: Path) -> None:
        self.staging = root / "staging"
        self.blobs = root / "blobs"
        self._segments = root / "segments"
        self._durable: set[str] = set()
        with _refused(root):
            for folder in (self.staging, self.blobs, self._segments):
                folder.mkdir(parents=True, exist_ok=True)
            _fsync_folder(root)

    # --- writing
    @contextlib.contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """A blob being written; leaving the block without `commit` throws it away."""
        writing = BlobWriter(self)
        try:
            yield writing
        finally:
            writing.discard()

    def put(self, data: bytes) -> Blob:
        """Bytes at hand as a blob."""
        with self.writer() as writing:
            writing.write(data)
            return writing.commit()

    def adopt(self, path: Path, sha256: str) -> Blob:
        """Make a finished file (already fsynced, on this file system) a blob without copying it; `path` is gone after."""
        with _refused(path):
            size = path.stat().st_size
            self._publish(path, sha256, size)
            path.unlink(missing_ok=True)
        return Blob(sha256, size)

    def _publish(self, staged: Path, sha256: str, size: int) -> None:
        """B5 and B6: the name under blobs/, then its folder; blobs/ too, the first time that this process uses the folder (another one may
        have made it and not synced it yet)."""
        target = self._path(sha256)
        target.parent.mkdir(exist_ok=True)
        with _names(self.blobs, fcntl.LOCK_SH):
            _link(staged, target, size)
        _fsync_folder(target.parent)
        if target.parent.name not in self._durable:
            _fsync_folder(self.blobs)
            self._durable.add(target.parent.name)

    # --- reading
    def open(self, sha256: str) -> BinaryIO:
        """A readable, seekable file; `UnknownSubject` when absent."""
        with _refused(sha256):
            try:
                return self._path(sha256).open("rb")
            except FileNotFoundError:
                raise UnknownSubject(f"blob {sha256}: not in the spool; restore it from a backup") from None

    def read(self, sha256: str) -> bytes:
        """All of a blob."""
        with self.open(sha256) as file, _refused(sha256):
            return file.read()

    def has(self, sha256: str) -> bool:
        """True when the blob is there."""
        return self._path(sha256).is_file()

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise UnknownSubject(f"blob {sha256!r}: not a SHA-256; 64 hexadecimal digits are expected")
        return self.blobs / sha256[:2] / sha256

    # --- segments
    @contextlib.contextmanager
    def segments(self, flow: str, generation: int) -> Iterator[SegmentFile]:
        """A flow's segment file, opened for appending; created when absent."""
        writing = SegmentFile(self._segment_path(flow, generation))
        try:
            yield writing
        finally:
            writing.close()

    def read_segment(self, flow: str, generation: int, offset: int, length: int) -> bytes:
        """Bytes of a segment file; `UnknownSubject` when they are not all there."""
        path = self._segment_path(flow, generation)
        wanted = f"segment {path.name}, {length} bytes at {offset}"
        with _refused(path):
            try:
                with path.open("rb") as file:
                    data = os.pread(file.fileno(), length, offset)
            except FileNotFoundError:
                raise UnknownSubject(f"{wanted}: no such file; replay the flow from validate") from None
        if len(data) != length:
            raise UnknownSubject(f"{wanted}: only {len(data)} are there; replay the flow from validate")
        return data

    def has_segments(self, flow: str, generation: int) -> bool:
        """True when the segment file is there."""
        return self._segment_path(flow, generation).is_file()

    def segmented(self, older_than: datetime) -> list[tuple[str, int]]:
        """Flows and generations whose segment file was last written before then."""
        limit = older_than.timestamp()
        with _refused(self._segments), os.scandir(self._segments) as rows:
            old = [row.name.rpartition(".") for row in rows if row.stat().st_mtime < limit]
        return sorted((flow, int(generation)) for flow, _, generation in old if generation.isdigit())

    def drop_segments(self, flow: str, generation: int) -> None:
        """Forget a flow's segments; a crash that brings the file back harms nobody."""
        path = self._segment_path(flow, generation)
        with _refused(path):
            path.unlink(missing_ok=True)

    def _segment_path(self, flow: str, generation: int) -> Path:
        if not _FLOW.fullmatch(flow):
            raise UnknownSubject(f"flow {flow!r}: not a flow number; at most 25 of A-Z, 0-9 and -")
        return self._segments / f"{flow}.{generation}"

    # --- upkeep
    def sweep(self, known: Iterable[str], older_than: datetime) -> int:
        """Remove staging files and blobs outside `known` that nobody has touched since then; how many."""
        keep, limit = set(known), older_than.timestamp()
        with _refused(self.blobs):
            forgotten = [path for path in self.staging.iterdir() if path.is_file()]
            orphans = [path for path in self.blobs.glob("??/*") if path.name not in keep]
            return sum(self._remove_if_old(path, limit) for path in (*forgotten, *orphans))

    def _remove_if_old(self, path: Path, limit: float) -> bool:
        """Age by ctime, which link and touch renew, under the lock of names: a writer of the same bytes cannot lose them in between."""
        with _names(self.blobs, fcntl.LOCK_EX):
            try:
                if path.stat().st_ctime >= limit:
                    return False
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def free_bytes(self) -> int:
        """What a process without privileges may still write."""
        with _refused(self.blobs):
            disk = os.statvfs(self.blobs)
        return disk.f_bavail * disk.f_frsize


class BlobWriter:
    """A staging file. After an error or `commit` it takes no more bytes."""

    def __init__(self, spool: DiskSpool) -> None:
        self._spool = spool
        self._path = spool.staging / uuid.uuid4().hex
        self._hash = hashlib.sha256()
        self._size = 0
        with _refused(self._path):
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        """B2. `StorageRefused`, and the file is thrown away, when the disk does not take it."""
        with self._or_nothing():
            _write_all(self._descriptor, data)
        self._hash.update(data)
        self._size += len(data)

    def commit(self) -> Blob:
        """B3 to B7; `StorageRefused`, and the file is thrown away and never synced again, when the disk does not keep it."""
        digest = self._hash.hexdigest()
        with self._or_nothing():
            _fsync_file(self._descriptor)
            self._close()
            self._spool._publish(self._path, digest, self._size)
            self._path.unlink()
        return Blob(digest, self._size)

    def discard(self) -> None:
        """Close and remove what is left; safe to repeat."""
        self._close()
        with contextlib.suppress(OSError):  # the sweep takes what cannot be removed now
            self._path.unlink()

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    @contextlib.contextmanager
    def _or_nothing(self) -> Iterator[None]:
        if self._descriptor < 0:
            raise StorageRefused(f"{self._path.name}: this file is closed or was refused; write it anew")
        try:
            with _refused(self._path):
                yield
        except StorageRefused:
            self.discard()
            raise


class SegmentFile:
    """An append-only file. After a failed write or sync it takes nothing more: what was not synced is cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _refused(path):
            self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._synced = self._end = os.lseek(self._descriptor, 0, os.SEEK_END)
        self._named = False

    def append(self, data: bytes) -> int:
        """Add bytes; their offset in the file. One writer at a time."""
        with self._or_nothing():
            _write_all(self._descriptor, data)
        offset, self._end = self._end, self._end + len(data)
        return offset

    def sync(self) -> None:
        """fsync what was appended, and once the folder that names the file."""
        with self._or_nothing():
            _fsync_file(self._descriptor)
            if not self._named:
                _fsync_folder(self._path.parent)
                self._named = True
        self._synced = self._end

    def close(self) -> None:
        """Let go of the file; safe to repeat."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    @contextlib.contextmanager
    def _or_nothing(self) -> Iterator[None]:
        if self._descriptor < 0:
            raise StorageRefused(f"{self._path.name}: closed, or refused by the disk before; open it anew")
        try:
            with _refused(self._path):
                yield
        except StorageRefused:
            with contextlib.suppress(OSError):  # rows point below the last sync only
                os.ftruncate(self._descriptor, self._synced)
            self.close()
            raise


# The durable steps, each a function of its own: fault tests replace them one by one.


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _fsync_file(descriptor: int) -> None:
    os.fsync(descriptor)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(staged: Path, target: Path, size: int) -> None:
    """Give the staged file its name. Where the name exists it must be as long; it is touched, so that no sweep takes it for old."""
    try:
        target.hardlink_to(staged)
    except FileExistsError:
        there = target.stat().st_size
        if there != size:
            raise StorageRefused(
                f"blob {target.name}: holds {there} bytes and not {size}; the disk is damaged, restore it from a backup"
            ) from None
        os.utime(target)


@contextlib.contextmanager
def _names(blobs: Path, mode: int) -> Iterator[None]:
    """The lock of names under blobs/: shared to add one, exclusive to look at one and remove it."""
    descriptor = os.open(blobs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _refused(where: object) -> Iterator[None]:
    """Any error of the disk is a *no*."""
    try:
        yield
    except OSError as error:
        name = where.name if isinstance(where, Path) else where
        raise StorageRefused(f"{name}: {error.strerror or error}; {_WHAT_TO_DO}") from error
