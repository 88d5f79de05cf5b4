"""What one partner sees and may do over SFTP: the tree, uploads into staging, returns out of the box; it speaks no protocol.

`UploadHandle.commit` is the sender's CLOSE request, `UploadHandle.close` all else that ends a handle: only the first leads to custody.

Limits: a client that closes politely after an interruption of its own (Ctrl-C in OpenSSH's sftp) cannot be told from one that is done;
the gate's proof of completeness catches it. After a restart an accepted name is no longer listed.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from paramiko import sftp

from adapters.disk import disk_border
from adapters.sftp_uploads import BUSY, NOTE_EVERY, Ranges, Shown, Stage, Upload, Uploads
from gateway.catalogue import sentence
from gateway.config import Partner, Settings
from gateway.errors import GatewayError
from gateway.flow_names import temporary, unsafe_name
from gateway.model import Box, Drop
from gateway.ports import Intake

FOLDERS = {"/": ("in", "out", "test"), "/test": ("in", "out")}
BOXES = {"/in": (Box.REAL, "in"), "/out": (Box.REAL, "out"), "/test/in": (Box.TEST, "in"), "/test/out": (Box.TEST, "out")}
READ_BYTES = 261_120  # as OpenSSH: 256 KiB less its headers

_READ, _WRITE, _CREATE, _TRUNCATE, _EXCLUSIVE = 0x01, 0x02, 0x08, 0x10, 0x20
_APPEND = 0x04


class Refusal(Exception):
    """An answer of *no* on the wire: SFTP status code and sentence. `Session` answers it; it never leaves the counter."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Place:
    """A path of the virtual tree. `name` is "" for the folder itself, `side` "" above the boxes."""

    path: str
    box: Box = Box.REAL
    side: str = ""
    name: str = ""


@dataclass(frozen=True)
class Counter:
    """What every session shares. `oversized` is told of a file that was refused while it was written (row 10)."""

    settings: Settings
    intake: Intake
    uploads: Uploads
    log: Any
    oversized: Callable[[Upload, str], None]


class Tree(paramiko.SFTPServerInterface):  # type: ignore[misc]  # paramiko ships no types
    """What one partner sees and may do. Methods raise `Refusal`, or errors of ours that `Session` words."""

    def __init__(self, door: Any, counter: Counter) -> None:
        super().__init__(door)
        self.partner: Partner = door.partner
        self._counter, self._uploads, self._intake = counter, counter.uploads, counter.intake
        self.log = counter.log.bind(partner=self.partner.name)

    # --- words
    def refusal(self, status: int, code: str, **fields: object) -> Refusal:
        """The catalogue's sentence for this partner, with an SFTP status."""
        self.log.info("request.refused", code=code)
        return Refusal(status, sentence(code, self.partner.language, **fields))

    @property
    def limit(self) -> int:
        """The largest file this partner may send, bytes."""
        return self.partner.flow_bytes or self._counter.settings.limits.flow_bytes

    # --- paths
    def place(self, path: str) -> Place:
        """Where a path leads; rows 16 (`..`, backslash, NUL) and "no such file" for what the tree does not hold."""
        if "\0" in path or "\\" in path or ".." in path.split("/"):
            raise self.refusal(sftp.SFTP_PERMISSION_DENIED, "DEP-012")
        full = canonical(path)
        if full in FOLDERS:
            return Place(full)
        if full in BOXES:
            return Place(full, *BOXES[full])
        parent, name = posixpath.split(full)
        if parent not in BOXES:
            raise Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file")
        return Place(full, *BOXES[parent], name)

    def target(self, path: str) -> Place:
        """A place in an `in` folder where a file may appear; rows 15, 16, 18."""
        try:
            place = self.place(path)
        except Refusal as no:
            if no.code == sftp.SFTP_NO_SUCH_FILE:
                raise self.refusal(sftp.SFTP_PERMISSION_DENIED, "DEP-012") from None
            raise
        fault = unsafe_name(place.name, self._counter.settings.limits.name_bytes) if place.name else None
        if fault:
            raise self.refusal(sftp.SFTP_PERMISSION_DENIED if fault == "DEP-012" else sftp.SFTP_FAILURE, fault)
        if place.side != "in" or not place.name:
            raise Refusal(sftp.SFTP_PERMISSION_DENIED, "Permission denied")
        return place

    def returned(self, place: Place) -> Path:
        """The real file of a return; temporary names are not there yet."""
        if place.name.startswith("."):
            raise Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file")
        return self._out(place.box) / place.name

    def _out(self, box: Box) -> Path:
        root = self._counter.settings.var / "boxes" / self.partner.name
        return root / "test" / "out" if box is Box.TEST else root / "out"

    # --- looking
    def look(self, path: str) -> Any:
        """Attributes of a path."""
        place = self.place(path)
        if not place.name:
            return _attributes(posixpath.basename(place.path), None, 0)
        if place.side == "out":
            return self._return_attributes(self.returned(place))
        found = {a.filename: a for a in self._arrivals(place.box)}
        if place.name not in found:
            raise Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file")
        return found[place.name]

    def entries(self, path: str) -> list[Any]:
        """A folder's listing."""
        place = self.place(path)
        if place.name:
            raise Refusal(sftp.SFTP_FAILURE, "Not a folder")
        if place.path in FOLDERS:
            return [_attributes(name, None, 0) for name in FOLDERS[place.path]]
        return self._arrivals(place.box) if place.side == "in" else self._returns(place.box)

    def _arrivals(self, box: Box) -> list[Any]:
        under_way: dict[str, Upload | Shown] = dict(self._uploads.shown(self.partner.name, box))
        rows = {s.name: _attributes(s.name, s.size, s.at.timestamp()) for s in under_way.values() if isinstance(s, Shown)}
        for upload in [u for u in self._uploads.of(self.partner.name, box) if not u.hidden]:
            rows[upload.name] = _attributes(upload.name, upload.size, upload.touched.timestamp())
        return list(rows.values())

    def _returns(self, box: Box) -> list[Any]:
        rows = []
        for path in sorted(self._out(box).glob("[!.]*")):
            with suppress(Refusal):  # taken away or replaced meanwhile
                rows.append(self._return_attributes(path))
        return rows

    def _return_attributes(self, path: Path) -> Any:
        try:
            status = path.lstat()
        except FileNotFoundError:
            raise Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file") from None
        if not stat.S_ISREG(status.st_mode):
            raise Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file")
        return _attributes(path.name, status.st_size, status.st_mtime)

    # --- opening
    def begin(self, path: str, flags: int) -> Any:
        """A handle for OPEN: on a return for reading, on a staging file for writing (rows 13, 15, 16, 18, 19, 20)."""
        if flags & _WRITE:
            return UploadHandle(self, self._begin_upload(self.target(path), flags), append=bool(flags & _APPEND))
        place = self.place(path)
        if place.side != "out" or not place.name:
            raise Refusal(sftp.SFTP_PERMISSION_DENIED, "Permission denied")
        self._return_attributes(self.returned(place))
        try:
            return ReturnHandle(os.open(self.returned(place), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
        except FileNotFoundError:
            raise Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file") from None

    def _begin_upload(self, place: Place, flags: int) -> Upload:
        self.ask(place.box, place.name, 0)
        with self._uploads.lock:
            current = self._uploads.find(self.partner.name, place.box, place.name)
            shown = self._uploads.shown(self.partner.name, place.box).get(place.name)
            self._may_open(current, shown, flags)
            if current and not flags & _TRUNCATE:
                current.open()
                current.save()
                return current
            return self._uploads.begin(self.partner.name, place.box, place.name)

    def _may_open(self, current: Upload | None, shown: Shown | None, flags: int) -> None:
        if current and current.stage in BUSY:
            raise self.refusal(sftp.SFTP_FAILURE, "DEP-015")
        if (current or shown) and flags & _EXCLUSIVE:
            raise Refusal(sftp.SFTP_FAILURE, "File already exists")
        if shown and not current and not flags & _TRUNCATE:
            raise self.refusal(sftp.SFTP_PERMISSION_DENIED, "DEP-016", flux=shown.flow)
        if not current and not shown and not flags & _CREATE:
            raise Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file")

    def ask(self, box: Box, name: str, size: int) -> None:
        """Quota and free space for `size` more bytes (rows 11, 12, 13)."""
        why = self._intake.refusal(self.partner.name, box, name, size)
        if why is not None:
            self.log.warning("deposit.refused", file=name, why=why)
            raise Refusal(sftp.SFTP_FAILURE, why)

    # --- ending
    def finish(self, upload: Upload) -> None:
        """A real CLOSE: park a temporary name, take custody of a final one, answer a hole with *no*."""
        settled = False
        try:
            self._whole(upload)
            upload.hidden = True
            if temporary(upload.name):
                upload.seal()
                self._uploads.settle(upload, Stage.PARKED)
                upload.hidden = False
                settled = True
            else:
                self._take(upload)
                settled = True
        finally:
            if not settled:
                self.abandon(upload)

    def _whole(self, upload: Upload) -> None:
        if upload.broken:
            raise self.refusal(sftp.SFTP_FAILURE, "DEP-008")
        hole = upload.ranges.hole()
        if hole:
            raise self.refusal(sftp.SFTP_FAILURE, "DEP-003", n=hole[1], p=hole[0])

    def _take(self, upload: Upload) -> None:
        self.ask(upload.box, upload.name, 0)
        upload.seal()
        self._uploads.settle(upload, Stage.TAKING)
        take(self._intake, self._uploads, upload, self.log)

    def abandon(self, upload: Upload) -> None:
        """No CLOSE request, or one we answered with *no*: keep what can be resumed, take nothing."""
        upload.interrupt()
        if not upload.path.exists() or (upload.broken and not upload.ranges.end):
            self._uploads.discard(upload)
            return
        self._uploads.settle(upload, Stage.PARTIAL)
        self.log.info("upload.interrupted", code="DEP-001", file=upload.name, size=upload.size)

    def oversize(self, upload: Upload) -> Refusal:
        """Row 10: the bytes are let go at once, the sender hears it now, at CLOSE and by a notice."""
        upload.broken = True
        upload.truncate(0)
        limit = f"{self.limit / 1_000_000:g}"
        self._counter.oversized(upload, limit)
        return self.refusal(sftp.SFTP_FAILURE, "DEP-005", nom=upload.name, max=limit)

    # --- names
    def remove_name(self, path: str) -> None:
        """REMOVE: a return, or an upload that stopped; never an accepted file (row 20)."""
        place = self.place(path)
        if not place.name:
            raise Refusal(sftp.SFTP_PERMISSION_DENIED, "Permission denied")
        if place.side == "out":
            self._return_attributes(self.returned(place))
            self.returned(place).unlink(missing_ok=True)
            self.log.info("return.removed", file=place.name)
            return
        with self._uploads.lock:
            self._uploads.discard(self._stopped(place))

    def rename_name(self, old: str, new: str, *, replace: bool) -> None:
        """RENAME: of a parked file only; onto a final name it is the sender's word that the file is whole."""
        source, target = self.place(old), self.target(new)
        if source.side != "in" or not source.name:
            raise Refusal(sftp.SFTP_PERMISSION_DENIED, "Permission denied")
        with self._uploads.lock:
            upload = self._stopped(source)
            if upload.stage is Stage.PARTIAL:
                when = f"{upload.touched:%d/%m/%Y %H:%M}"
                raise self.refusal(sftp.SFTP_FAILURE, "DEP-001", nom=upload.name, n=upload.size, date=when)
            self._make_way(upload, target, replace=replace)
            if temporary(target.name):
                self._uploads.move(upload, target.box, target.name)
                self._uploads.settle(upload, Stage.PARKED)
                return
            self._uploads.move(upload, target.box, target.name)
            upload.stage = Stage.TAKING
        try:
            self._take(upload)
        except BaseException:
            self._put_back(upload, source)
            raise

    def _put_back(self, upload: Upload, source: Place) -> None:
        """Custody was not taken: the parked file goes under its old name again, unless another one was opened there meanwhile."""
        with self._uploads.lock:
            if not upload.path.exists():
                self._uploads.discard(upload)
            elif self._uploads.find(self.partner.name, source.box, source.name):
                self._uploads.settle(upload, Stage.PARTIAL)
            else:
                self._uploads.move(upload, source.box, source.name)
                self._uploads.settle(upload, Stage.PARKED)

    def _make_way(self, upload: Upload, target: Place, *, replace: bool) -> None:
        there = self._uploads.find(self.partner.name, target.box, target.name)
        if there is None or there is upload:
            return
        if there.stage in BUSY:
            raise self.refusal(sftp.SFTP_FAILURE, "DEP-015")
        if there.stage is Stage.PARKED and not replace:
            raise Refusal(sftp.SFTP_FAILURE, "File already exists")

    def _stopped(self, place: Place) -> Upload:
        upload = self._uploads.find(self.partner.name, place.box, place.name)
        if upload is None:
            raise self._accepted(place)
        if upload.stage in BUSY:
            raise self.refusal(sftp.SFTP_FAILURE, "DEP-015")
        return upload

    def _accepted(self, place: Place) -> Refusal:
        shown = self._uploads.shown(self.partner.name, place.box).get(place.name)
        if shown:
            return self.refusal(sftp.SFTP_PERMISSION_DENIED, "DEP-016", flux=shown.flow)
        flow = self._intake.accepted(self.partner.name, place.box, place.name)
        if flow:  # no longer listed: the code says so, the sentence says why
            return self.refusal(sftp.SFTP_NO_SUCH_FILE, "DEP-016", flux=flow)
        return Refusal(sftp.SFTP_NO_SUCH_FILE, "No such file")


def take(intake: Intake, uploads: Uploads, upload: Upload, log: Any) -> None:
    """Hand a sealed upload to custody (again, after a crash: the same transport id makes it the same act)."""
    drop = Drop(upload.partner, upload.box, "sftp", upload.id, upload.name)
    reception = intake.take(drop, upload.path, upload.sha256)
    log.info("upload.taken", flow=reception.flow.number, file=upload.name, size=upload.ranges.end, again=reception.again)
    uploads.show(upload, reception.flow.number)
    uploads.discard(upload)


class UploadHandle(paramiko.SFTPHandle):  # type: ignore[misc]  # paramiko ships no types
    """A staging file being written."""

    def __init__(self, tree: Tree, upload: Upload, *, append: bool) -> None:
        super().__init__()
        self.upload, self._tree, self._append = upload, tree, append
        self._no: Refusal | GatewayError | None = None  # once a write was answered *no*, so is everything after it

    def write(self, offset: int, data: bytes) -> int:
        if self._no:
            raise self._no
        if self._append:
            offset = self.upload.ranges.end
        try:
            self._write(offset, data)
        except (Refusal, GatewayError) as no:
            self.upload.broken, self._no = True, no
            raise
        except BaseException:
            self.upload.broken = True
            raise
        return int(sftp.SFTP_OK)

    def _write(self, offset: int, data: bytes) -> None:
        if offset + len(data) > self._tree.limit:
            raise self._tree.oversize(self.upload)
        self.upload.write(offset, data)
        if self.upload.ranges.scattered:
            raise self._tree.refusal(sftp.SFTP_FAILURE, "DEP-003", n=0, p=self.upload.ranges.prefix)
        if self.upload.due_for_note:
            self._tree.ask(self.upload.box, self.upload.name, NOTE_EVERY)
            self.upload.note()

    def read(self, offset: int, length: int) -> bytes:
        return self.upload.read(offset, min(length, READ_BYTES))

    def stat(self) -> Any:
        return _attributes(self.upload.name, self.upload.size, self.upload.touched.timestamp())

    def shrink(self, size: int) -> None:
        """FSETSTAT with a size: cutting is obeyed, growing is not (bytes that were not sent are not there)."""
        with disk_border(self.upload.id):
            self.upload.truncate(size)

    def commit(self) -> None:
        """The sender's CLOSE request."""
        if self._no:
            self._tree.abandon(self.upload)
            raise self._no
        self._tree.finish(self.upload)

    def close(self) -> None:
        """The session ended without a CLOSE: cut, EOF, disconnect. Nothing may escape, or the library stops cleaning up."""
        try:
            self._tree.abandon(self.upload)
        except Exception as failed:  # noqa: BLE001  # see above; the upload stays open in its note and is partial after a restart
            self._tree.log.error("upload.interrupted", file=self.upload.name, error=repr(failed))
            self.upload.stage, self.upload.ranges = Stage.PARTIAL, Ranges()


class ReturnHandle(paramiko.SFTPHandle):  # type: ignore[misc]  # paramiko ships no types
    """A return being read."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, min(length, READ_BYTES), offset)

    def write(self, offset: int, data: bytes) -> int:
        return int(sftp.SFTP_PERMISSION_DENIED)

    def stat(self) -> Any:
        status = os.fstat(self._descriptor)
        return _attributes("", status.st_size, status.st_mtime)

    def commit(self) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def canonical(path: str) -> str:
    """The absolute path in the virtual tree; `..` never leads above it."""
    full = posixpath.normpath("/" + path)
    return "/" + full.lstrip("/")


def _attributes(name: str, size: int | None, at: float) -> Any:
    """SFTP attributes of a file (`size` given) or of a folder."""
    found = paramiko.SFTPAttributes()
    found.filename = name
    found.st_size = size or 0
    found.st_uid = found.st_gid = 0
    found.st_mode = stat.S_IFDIR | 0o755 if size is None else stat.S_IFREG | 0o644
    found.st_atime = found.st_mtime = int(at)
    return found
