"""Boxes on disk: the watched folder as a door, and the return boxes; it hashes for done-files only and judges no content.

The scan is the truth (every `scan_seconds`); there is no inotify. Three strategies say when a file is complete (reliability.md 2.5):
*rename* – whatever has no temporary name; *done-file* – `X.ok` beside `X`, with size and SHA-256 where the sender gives them; *stable* –
nobody has it open for writing and nothing changed for `stable_seconds` (the gate then proves the content's end).

A drop is claimed as `.claimed-<uuid>-<name>` in its folder, so that a crash leaves it there to be taken up again as the same act.
What the disk refuses in one box, or for one file, is told once and holds no other back; so is what waits for room or for tomorrow's quota.

Limits: leases (`F_SETLEASE`) do not work over NFS, nor on files of another user without CAP_LEASE: there *stable* rests on time alone.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import signal
import stat
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.disk import disk_border, sync_folder, write_whole
from gateway.catalogue import finding
from gateway.config import Partner, Settings
from gateway.errors import Unreachable
from gateway.flow_names import temporary
from gateway.log import logger
from gateway.model import Box, Drop, Finding
from gateway.ports import Clock

_CLAIMED = ".claimed-"
_DONE = ".done-"
_REFUSED = ".refused-"
_UUID = 32
_NAME_BYTES = 201  # one past the gate's limit: a longer name is still seen as too long, and the claimed name still fits the disk
_CLAIM = re.compile(rf"{re.escape(_CLAIMED)}[0-9a-f]{{{_UUID}}}-.+", re.DOTALL)
_SHA256 = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_SIZE = re.compile(r"(?<!\S)\d{1,15}(?!\S)")


def box_folder(settings: Settings, partner: str, box: Box, side: str) -> Path:
    """`var/boxes/<partner>/[test/]in|out`."""
    root = settings.var / "boxes" / partner
    return root / "test" / side if box is Box.TEST else root / side


@dataclass(frozen=True, slots=True)
class Notice:
    """Something of a drop that was not taken: the caller owes the partner the finding (row 28); row 29 is for administrators only."""

    partner: str
    box: Box
    name: str
    finding: Finding
    kept: Path


@dataclass(frozen=True, slots=True)
class _Look:
    identity: tuple[int, ...]
    since: float


class WatchedFolder:
    """A door (ports.DropSource): complete files of `var/boxes/<partner>/in` and `test/in`. One process scans at a time.

    `seen`: whether an act is in custody; `refusal`: why a drop of a size may not be taken now (it then waits where it is). A drop that is
    not claimed yet has the act "".
    """

    name = "folder"

    def __init__(
        self, settings: Settings, partners: Callable[[], dict[str, Partner]], clock: Clock, *,
        seen: Callable[[Drop], bool], refusal: Callable[[Drop, int], Finding | None], log: Any = None,
    ) -> None:  # fmt: skip
        self._settings, self._partners, self._clock = settings, partners, clock
        self._seen, self._refusal = seen, refusal
        self._log = log or logger("folder")
        self._looks: dict[Path, _Look] = {}
        self._told: set[tuple[Path, int]] = set()
        self._postponed: dict[Path, Finding] = {}
        self._notices: list[Notice] = []

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        """Complete drops, each claimed by rename; what an earlier crash left claimed comes first, as the same act."""
        for partner in [p.name for p in self._partners().values() if p.enabled]:
            for box in Box:
                folder = box_folder(self._settings, partner, box, "in")
                names = self._names(folder)
                for name in sorted(names, key=lambda name: not _CLAIM.fullmatch(name)):
                    claimed = self._claimed(partner, box, folder / name, names)
                    if claimed:
                        yield self._drop(partner, box, claimed), claimed

    def waiting(self) -> bool:
        """True when a drop that may be taken now, or one already claimed, is still in a box; claims nothing."""
        partners = [p.name for p in self._partners().values() if p.enabled]
        boxes = [(partner, box, box_folder(self._settings, partner, box, "in")) for partner in partners for box in Box]
        return any(self._awaits(partner, box, folder / name) for partner, box, folder in boxes for name in self._names(folder))

    def _awaits(self, partner: str, box: Box, path: Path) -> bool:
        try:
            return _takeable(path) and self._admitted(partner, box, path)
        except FileNotFoundError:  # its sender took it back
            return False

    def release(self, drop: Drop, path: Path) -> None:
        """Remove the claimed file and its done-file, fsync the folder: after COMMIT only. `Unreachable`: taken up again as the same act."""
        try:
            _done_of(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as refused:
            raise Unreachable(f"{path}: {refused.strerror}; the gateway must be able to remove what it has taken") from refused

    def notices(self) -> list[Notice]:
        """Drops refused since the last call."""
        notices, self._notices = self._notices, []
        return notices

    # --- claiming
    def _names(self, folder: Path) -> list[str]:
        """Sorted; none where the box cannot be read."""
        try:
            with os.scandir(folder) as rows:
                return sorted(row.name for row in rows)
        except FileNotFoundError:
            return []
        except OSError as refused:
            self._tell(folder, refused)
            return []

    def _claimed(self, partner: str, box: Box, path: Path, names: list[str]) -> Path | None:
        """The file under its claimed name when it is to be taken; None for every other one, and for one that the disk refuses."""
        try:
            claimed = _CLAIM.fullmatch(path.name) is not None
            if not claimed and (temporary(path.name) or not self._regular(path) or not self._complete(path, names)):
                return None
            if not self._admitted(partner, box, path):
                return None
            path = path if claimed else self._claim(path)
            return path if self._sound(partner, box, path) else None
        except FileNotFoundError:  # its sender took it back
            return None
        except OSError as refused:
            self._tell(path, refused)
            return None

    def _claim(self, path: Path) -> Path:
        claimed = path.with_name(f"{_CLAIMED}{uuid.uuid4().hex}-{_shortened(path.name)}")
        path.rename(claimed)
        self._looks.pop(path, None)
        return claimed

    def _tell(self, path: Path, refused: OSError) -> None:
        seen = (path, -(refused.errno or 0))  # no inode is negative
        if seen not in self._told:
            self._told.add(seen)
            self._log.error("drop.postponed", code="DEP-021", file=_readable(str(path)), why=refused.strerror)

    # --- rows 11 and 12
    def _admitted(self, partner: str, box: Box, path: Path) -> bool:
        """False for what has no room or is past the quota now; what is in custody already only has to be released."""
        drop = self._drop(partner, box, path)
        if drop.transport_id and self._seen(drop):
            return True
        why = self._refusal(drop, path.lstat().st_size)
        if why is None:
            self._postponed.pop(path, None)
            return True
        if self._postponed.get(path) != why:
            self._postponed[path] = why
            self._log.warning("drop.postponed", code=why.rule, partner=partner, file=_readable(path.name), why=why.message_en)
        return False

    def _drop(self, partner: str, box: Box, path: Path) -> Drop:
        if not _CLAIM.fullmatch(path.name):
            return Drop(partner, box, self.name, "", _readable(path.name))
        act = path.name[len(_CLAIMED) : len(_CLAIMED) + _UUID]  # drawn at the claim, kept through a crash: inodes are used again
        return Drop(partner, box, self.name, act, _readable(_original(path)))

    # --- row 29
    def _regular(self, path: Path) -> bool:
        try:
            status = path.lstat()
        except FileNotFoundError:
            return False
        if stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK):
            return True
        seen = (path, status.st_ino)
        if seen not in self._told:
            self._told.add(seen)
            self._log.warning("drop.skipped", code="DEP-021", file=_readable(path.name), kind=stat.filemode(status.st_mode))
        return False

    # --- complete?
    def _complete(self, path: Path, names: list[str]) -> bool:
        strategy, suffix = self._settings.folder.strategy, self._settings.folder.done_suffix
        if strategy == "done-file":
            return not path.name.endswith(suffix) and f"{path.name}{suffix}" in names and self._grown(path)
        return strategy == "rename" or (self._unchanged(path) and not _written_to(path))

    def _grown(self, path: Path) -> bool:
        """False while the file is shorter than its done-file says, for `incomplete_minutes` after its last change."""
        size, _ = _announced(path.with_name(f"{path.name}{self._settings.folder.done_suffix}"))
        status = path.stat()
        idle = self._clock.now().timestamp() - status.st_mtime
        return size is None or status.st_size >= size or idle > self._settings.folder.incomplete_minutes * 60

    def _unchanged(self, path: Path) -> bool:
        status = path.lstat()
        identity = (status.st_ino, status.st_size, status.st_mtime_ns)
        now, look = self._clock.monotonic(), self._looks.get(path)
        if look is None or look.identity != identity:
            self._looks[path] = _Look(identity, now)
            return False
        return now - look.since >= self._settings.folder.stable_seconds

    # --- row 28
    def _sound(self, partner: str, box: Box, claimed: Path) -> bool:
        """After the claim: still a regular file (nothing was swapped in), and what the done-file announced."""
        if not stat.S_ISREG(claimed.lstat().st_mode):
            claimed.rename(claimed.with_name(claimed.name.replace(_CLAIMED, _REFUSED, 1)))
            return False
        if self._settings.folder.strategy != "done-file":
            return True
        done = self._claim_done(claimed)
        size, sha256 = _announced(done)
        found_size, found = claimed.stat().st_size, _sha256(claimed) if sha256 else None
        if (size is None or size == found_size) and (sha256 is None or sha256 == found):
            return True
        self._refuse(partner, box, claimed, sha256 or f"{size} octets", found if sha256 else f"{found_size} octets")
        return False

    def _claim_done(self, claimed: Path) -> Path:
        done = _done_of(claimed)
        announced = claimed.with_name(f"{_original(claimed)}{self._settings.folder.done_suffix}")
        if not done.exists() and announced.exists():
            announced.rename(done)
        return done

    def _refuse(self, partner: str, box: Box, claimed: Path, wanted: str, found: str | None) -> None:
        kept = claimed.with_name(claimed.name.replace(_CLAIMED, _REFUSED, 1))
        claimed.rename(kept)
        _done_of(claimed).unlink(missing_ok=True)
        sync_folder(kept.parent)
        name = _readable(_original(claimed))
        self._notices.append(Notice(partner, box, name, finding("DEP-020", a=wanted, b=found), kept))
        self._log.warning("drop.refused", code="DEP-020", partner=partner, file=name)


class Boxes:
    """Where returns go (ports.ReturnChannel): `var/boxes/<partner>/out` and `test/out`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ensure(self, partner: str) -> None:
        """Make a partner's four folders; `Unreachable` when the disk refuses."""
        for box in Box:
            for side in ("in", "out"):
                folder = box_folder(self._settings, partner, box, side)
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as failed:
                    raise Unreachable(f"box of {partner}: {failed.strerror}; the gateway needs the folder {folder}") from failed

    def write(self, partner: str, box: Box, name: str, body: bytes) -> None:
        """Write a return; the same bytes again replace themselves. `StorageRefused`, `Unreachable` when the box cannot be written."""
        if "/" in name or name.startswith(".") or not name:
            raise ValueError(name)
        folder = box_folder(self._settings, partner, box, "out")
        try:
            with disk_border(f"box of {partner}"):
                folder.mkdir(parents=True, exist_ok=True)
                write_whole(folder / name, body, mode=0o640)
        except OSError as failed:
            raise Unreachable(f"box of {partner}: {failed.strerror}; the gateway needs to write in {folder}") from failed

    def purge(self, before: datetime) -> int:
        """Remove returns (and remains of interrupted writes) and refused drops older than that; how many. What cannot be removed stays, and
        is told."""
        boxes = self._settings.var / "boxes"
        returns = sum(_purged(path, _written, before) for pattern in ("*/out/*", "*/test/out/*") for path in boxes.glob(pattern))
        sides = (f"*/in/{_REFUSED}*", f"*/test/in/{_REFUSED}*")
        return returns + sum(_purged(path, _put_aside, before) for pattern in sides for path in boxes.glob(pattern))


def _written(status: os.stat_result) -> float | None:
    return status.st_mtime if stat.S_ISREG(status.st_mode) else None


def _put_aside(status: os.stat_result) -> float | None:
    """When it was renamed: its mtime is the sender's. What was swapped in may be no regular file; a folder is left alone."""
    return None if stat.S_ISDIR(status.st_mode) else status.st_ctime


def _purged(path: Path, since: Callable[[os.stat_result], float | None], before: datetime) -> bool:
    try:
        at = since(path.lstat())
        if at is None or at >= before.timestamp():
            return False
        path.unlink()
    except FileNotFoundError:  # its partner took it meanwhile
        return False
    except OSError as refused:
        logger("folder").warning("return.kept", file=_readable(str(path)), why=refused.strerror)
        return False
    return True


def _takeable(path: Path) -> bool:
    claimed = _CLAIM.fullmatch(path.name) is not None
    return (claimed or not temporary(path.name)) and path.is_file() and not path.is_symlink()


def _shortened(name: str) -> str:
    return os.fsdecode(os.fsencode(name)[:_NAME_BYTES])


def _original(claimed: Path) -> str:
    return claimed.name[len(_CLAIMED) + _UUID + 1 :]


def _done_of(claimed: Path) -> Path:
    return claimed.with_name(f"{_DONE}{claimed.name[len(_CLAIMED) : len(_CLAIMED) + _UUID]}")


def _readable(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 shown as U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def _announced(done: Path) -> tuple[int | None, str | None]:
    """Size and SHA-256 that a done-file names, each None where it does not (an empty one names nothing)."""
    try:
        with done.open("rb") as file:
            text = file.read(4096).decode("ascii", "replace")
    except FileNotFoundError:
        return None, None
    sha256, size = _SHA256.search(text), _SIZE.search(text)
    return int(size[0]) if size else None, sha256[0].lower() if sha256 else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _written_to(path: Path) -> bool:
    """True while anybody has the file open for writing: the kernel then grants no read lease."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # a broken lease would else send SIGIO, which kills
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as failed:
        return failed.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False
