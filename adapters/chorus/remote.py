"""A folder on the State's side, local or over SFTP: sizes, names, exclusive creation, refusing rename; it knows no protocol step.

Limits: an OpenSSH server renames by link and unlink, so a server that dies between the two while the State takes the new name away leaves
only the `.part`, which reads as "not renamed". A local file system without RENAME_NOREPLACE (some NFS) has the same window; others do not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import paramiko
from paramiko.sftp import SFTPError

from adapters.sftp_client import CHUNK, Login, SftpLink, foreign
from gateway.errors import OutcomeUnknown, Unreachable

NAMES = 100_000
"""Names of a folder that are looked at: the others follow when these are gone."""

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


class RemoteFile(Protocol):
    """A file being created under a name that nobody had."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None:
        """Synced where the other side can, and closed."""
        ...

    def abandon(self) -> None:
        """Closed without a word; what was written stays."""
        ...


class RemoteFolder(Protocol):
    """What the EDI protocol needs of the other side. Paths are relative, with `/`. Errors: `Unreachable`; from `move` `OutcomeUnknown`."""

    where: str

    def size(self, path: str) -> int | None:
        """Bytes of a file, None when there is none."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names of the regular files of a folder, sorted."""
        ...

    def chunks(self, path: str, offset: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `offset` (fewer at the end of the file), in pieces."""
        ...

    def create(self, path: str) -> RemoteFile:
        """Exclusively: an existing name is an error."""
        ...

    def move(self, source: str, target: str) -> None:
        """Rename, refusing an existing target; `OutcomeUnknown` whenever the rename was asked for and did not say yes."""
        ...

    def remove(self, path: str) -> None:
        """An absent file is fine."""
        ...

    def refused(self, lost: Unreachable) -> bool:
        """The other side is there and said no about one file: denied, unsupported, gone. Not: the way to it is lost."""
        ...

    def close(self) -> None: ...


def move_refusing(source: Path, target: Path) -> None:
    """Rename within a file system; `FileExistsError` when the target exists. Atomic on Linux file systems that know RENAME_NOREPLACE."""
    code = _renameat2(source, target)
    if code in (errno.EINVAL, errno.ENOSYS):
        os.link(source, target)  # refuses an existing name as well, in two steps
        source.unlink()
    elif code:
        raise OSError(code, os.strerror(code), str(target))


def _renameat2(source: Path, target: Path) -> int:
    """0 or errno; ENOSYS where the C library has no such call."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return errno.ENOSYS
    done = call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
    return 0 if done == 0 else ctypes.get_errno()


def sync_folder(folder: Path) -> None:
    """fsync a directory: its names are durable after."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sayable(name: str) -> bool:
    """False for bytes that are no UTF-8: no answer of the State's is called so, and no row could hold it."""
    return name.isprintable() or not any("\udc80" <= c <= "\udcff" for c in name)


class LocalFolder:
    """A folder on this machine, or mounted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.where = str(root)

    def size(self, path: str) -> int | None:
        with foreign(f"{self.where}/{path}"):
            try:
                return (self.root / path).stat().st_size
            except FileNotFoundError:
                if not self.root.is_dir():  # an unmounted destination is not an empty one
                    raise
                return None

    def names(self, folder: str) -> list[str]:
        with foreign(f"{self.where}/{folder}"):
            return sorted(p.name for p in (self.root / folder).iterdir() if _sayable(p.name) and p.is_file())

    def chunks(self, path: str, offset: int, length: int) -> Iterator[bytes]:
        with foreign(f"{self.where}/{path}"):
            file = (self.root / path).open("rb")
        with file:
            file.seek(offset)
            while length > 0:
                with foreign(f"{self.where}/{path}"):
                    data = file.read(min(CHUNK, length))
                if not data:
                    return
                length -= len(data)
                yield data

    def create(self, path: str) -> RemoteFile:
        target = self.root / path
        with foreign(str(target)):
            return _LocalFile(target, os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640))

    def move(self, source: str, target: str) -> None:
        try:
            move_refusing(self.root / source, self.root / target)
            sync_folder((self.root / target).parent)
        except OSError as refused:
            raise OutcomeUnknown(f"{self.where}/{target}: renaming failed ({refused}); look before asking again") from refused

    def remove(self, path: str) -> None:
        with foreign(f"{self.where}/{path}"):
            (self.root / path).unlink(missing_ok=True)

    def refused(self, lost: Unreachable) -> bool:
        return isinstance(lost.__cause__, OSError) and not isinstance(lost.__cause__, (ConnectionError, TimeoutError))

    def close(self) -> None:
        """Nothing is held open."""


class _LocalFile:
    def __init__(self, path: Path, fd: int) -> None:
        self._path, self._fd = path, fd

    def write(self, data: bytes) -> None:
        with foreign(str(self._path)):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def finish(self) -> None:
        with foreign(str(self._path)):
            os.fsync(self._fd)
            fd, self._fd = self._fd, -1
            os.close(fd)
            sync_folder(self._path.parent)

    def abandon(self) -> None:
        with suppress(OSError):
            os.close(self._fd)
        self._fd = -1


class SftpFolder:
    """A folder behind an SFTP server with a pinned host key; connects on first use and again after a loss. For one thread."""

    def __init__(self, host: str, port: int, user: str, *, key: Path, known_hosts: Path, root: str, connect_seconds: float) -> None:
        self.link = SftpLink(Login(host, port, user, known_hosts, key=key, connect_seconds=connect_seconds), root)
        self.where = self.link.where

    def size(self, path: str) -> int | None:
        with self.link.calling(path) as sftp:
            try:
                return int(sftp.stat(self.link.at(path)).st_size)
            except FileNotFoundError:
                return None

    def names(self, folder: str) -> list[str]:
        with self.link.calling(folder) as sftp:
            rows, _ = sftp.rows(self.link.at(folder), NAMES)
            return sorted(row.name for row in rows if _sayable(row.name) and stat.S_ISREG(row.mode or stat.S_IFREG))

    def chunks(self, path: str, offset: int, length: int) -> Iterator[bytes]:
        with self.link.calling(path) as sftp, sftp.open(self.link.at(path), "rb") as file:
            length = max(0, min(length, file.stat().st_size - offset))
            yield from file.readv([(at, min(CHUNK, offset + length - at)) for at in range(offset, offset + length, CHUNK)])

    def create(self, path: str) -> RemoteFile:
        with self.link.calling(path) as sftp:
            file = sftp.open(self.link.at(path), "wbx")
            file.set_pipelined(True)
            return _SftpFile(self.link, sftp, path, file)

    def move(self, source: str, target: str) -> None:
        with self.link.calling(target) as sftp:
            pass  # connect first: until here nothing was asked for
        try:
            with self.link.calling(target, sftp):
                sftp.rename(self.link.at(source), self.link.at(target))  # SSH_FXP_RENAME: refuses an existing target; never posix-rename
        except Unreachable as lost:
            raise OutcomeUnknown(f"{lost} (renaming was asked for; look before asking again)") from lost

    def remove(self, path: str) -> None:
        with self.link.calling(path) as sftp, suppress(FileNotFoundError):
            sftp.remove(self.link.at(path))

    def refused(self, lost: Unreachable) -> bool:
        return self.link.answered(lost)  # paramiko's "Socket is closed" is an OSError too

    def close(self) -> None:
        self.link.close()


class _SftpFile:
    def __init__(self, link: SftpLink, sftp: Any, path: str, file: Any) -> None:
        self._link, self._sftp, self._path, self._file = link, sftp, path, file

    def write(self, data: bytes) -> None:
        with self._link.calling(self._path, self._sftp):
            self._file.write(data)

    def finish(self) -> None:
        with self._link.calling(self._path, self._sftp) as sftp:
            self._file.flush()
            sftp.sync(self._file.handle)
            self._file.close()

    def abandon(self) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException, SFTPError):
            self._file.close()
