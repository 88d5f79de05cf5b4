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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import paramiko
from paramiko.sftp import CMD_EXTENDED, CMD_INIT, CMD_VERSION, SFTPError

from adapters.border import PARAMIKO, from_paramiko
from gateway.errors import ConfigError, HostKeyChanged, OutcomeUnknown, Unreachable

CHUNK = 1 << 20
IO_SECONDS = 60.0
"""How long a connected server may stay silent within one call."""

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


@contextmanager
def foreign(where: str) -> Iterator[None]:
    """Errors of paramiko and of the operating system as ours, the cause kept; bugs pass through."""
    try:
        yield
    except paramiko.BadHostKeyException as other:
        raise HostKeyChanged(
            f"{where}: the host key changed, {other.key.get_name()} {other.key.fingerprint} instead of {other.expected_key.get_name()} "
            f"{other.expected_key.fingerprint}; compare with the owner by another way, then correct known_hosts"
        ) from other
    except paramiko.AuthenticationException as refused:
        raise Unreachable(f"{where}: our login is refused ({refused}); the owner must know our public key") from refused
    except tuple(PARAMIKO) as lost:
        raise from_paramiko(lost, where) from lost


def refused(lost: Unreachable) -> bool:
    """The other side is there and said no about one file: denied, unsupported, gone. Not: the way to it is lost."""
    return isinstance(lost.__cause__, OSError) and not isinstance(lost.__cause__, (ConnectionError, TimeoutError))


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


class _Client(paramiko.SFTPClient):  # type: ignore[misc]  # paramiko ships no types
    """An SFTP client that remembers which extensions the server offers (paramiko throws them away)."""

    extensions: frozenset[str] = frozenset()

    def _send_version(self) -> int:
        hello = paramiko.Message()
        hello.add_int(3)
        self._send_packet(CMD_INIT, hello)
        kind, data = self._read_packet()
        if kind != CMD_VERSION:
            raise SFTPError("the server does not speak SFTP")
        answer = paramiko.Message(data)
        version = int(answer.get_int())
        self.extensions = frozenset(_pairs(answer))
        return version

    def sync(self, handle: bytes) -> None:
        """fsync@openssh.com where offered, else nothing."""
        if "fsync@openssh.com" in self.extensions:
            self._request(CMD_EXTENDED, "fsync@openssh.com", handle)


def _pairs(answer: Any) -> Iterator[str]:
    while answer.get_remainder():
        yield answer.get_string().decode("ascii", "replace")
        answer.get_string()


class _Pinned(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko ships no types
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        shown = f"{key.get_name()} {key.fingerprint}"
        raise ConfigError(f"{hostname}: no host key is pinned (it shows {shown}); verify and add it to known_hosts")


class SftpFolder:
    """A folder behind an SFTP server with a pinned host key; connects on first use and again after a loss. For one thread."""

    def __init__(self, host: str, port: int, user: str, *, key: Path, known_hosts: Path, root: str, connect_seconds: float) -> None:
        self.where = f"sftp://{user}@{host}:{port}/{root.strip('/')}"
        self._host, self._port, self._user = host, port, user
        self._key, self._known_hosts = key, known_hosts
        self._root, self._seconds = root.rstrip("/"), connect_seconds
        self._ssh: Any = None
        self._sftp: Any = None

    def size(self, path: str) -> int | None:
        with self._calling(path) as sftp:
            try:
                return int(sftp.stat(self._at(path)).st_size)
            except FileNotFoundError:
                return None

    def names(self, folder: str) -> list[str]:
        with self._calling(folder) as sftp:
            try:
                found = sftp.listdir_attr(self._at(folder))
            except UnicodeDecodeError as other:  # paramiko gives up the whole listing
                raise Unreachable(f"{self.where}/{folder}: {other.object!r} in it is not UTF-8; its owner must rename it") from other
            return sorted(a.filename for a in found if stat.S_ISREG(a.st_mode or stat.S_IFREG))

    def chunks(self, path: str, offset: int, length: int) -> Iterator[bytes]:
        with self._calling(path) as sftp, sftp.open(self._at(path), "rb") as file:
            length = max(0, min(length, file.stat().st_size - offset))
            yield from file.readv([(at, min(CHUNK, offset + length - at)) for at in range(offset, offset + length, CHUNK)])

    def create(self, path: str) -> RemoteFile:
        with self._calling(path) as sftp:
            file = sftp.open(self._at(path), "wbx")
            file.set_pipelined(True)
            return _SftpFile(self, path, file)

    def move(self, source: str, target: str) -> None:
        with self._calling(target) as sftp:
            pass  # connect first: until here nothing was asked for
        try:
            with self._calling(target):
                sftp.rename(self._at(source), self._at(target))  # SSH_FXP_RENAME: refuses an existing target; never posix-rename
        except Unreachable as lost:
            raise OutcomeUnknown(f"{lost} (renaming was asked for; look before asking again)") from lost

    def remove(self, path: str) -> None:
        with self._calling(path) as sftp, suppress(FileNotFoundError):
            sftp.remove(self._at(path))

    def close(self) -> None:
        ssh, self._ssh, self._sftp = self._ssh, None, None
        if ssh is not None:
            ssh.close()

    @contextmanager
    def _calling(self, path: str) -> Iterator[Any]:
        """The connected client; a lost connection is dropped, so that the next call connects anew."""
        try:
            with foreign(f"{self.where}/{path}"):
                yield self._connected()
        except (Unreachable, ConfigError) as lost:
            if not self._was_an_answer(lost.__cause__):
                self.close()
            raise

    def _was_an_answer(self, cause: BaseException | None) -> bool:
        """The server said no, on a connection that goes on (a late answer would be taken for the next one's: a timeout ends it)."""
        return isinstance(cause, OSError) and not isinstance(cause, TimeoutError) and self._alive()

    def _alive(self) -> bool:
        transport = self._ssh.get_transport() if self._ssh else None
        return bool(transport and transport.is_active()) and not self._sftp.sock.closed

    def _connected(self) -> Any:
        if self._sftp is None or not self._alive():
            self.close()
            self._ssh = self._connect()
            self._sftp = _Client.from_transport(self._ssh.get_transport())
            self._sftp.get_channel().settimeout(IO_SECONDS)
        return self._sftp

    def _connect(self) -> Any:
        ssh = paramiko.SSHClient()
        ssh.set_missing_host_key_policy(_Pinned())
        try:
            ssh.load_host_keys(str(self._known_hosts))
            key = paramiko.PKey.from_path(self._key)
        except (OSError, ValueError, TypeError, paramiko.SSHException, paramiko.UnknownKeyType) as unusable:  # TypeError: an encrypted key
            raise ConfigError(f"{self.where}: {unusable}; a readable known_hosts and an unencrypted private key are expected") from unusable
        try:
            ssh.connect(
                self._host, self._port, self._user, pkey=key, allow_agent=False, look_for_keys=False, timeout=self._seconds,
                banner_timeout=self._seconds, auth_timeout=self._seconds, channel_timeout=self._seconds,
            )  # fmt: skip
        except BaseException:
            ssh.close()
            raise
        return ssh

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if self._root else path


class _SftpFile:
    def __init__(self, folder: SftpFolder, path: str, file: Any) -> None:
        self._folder, self._path, self._file = folder, path, file

    def write(self, data: bytes) -> None:
        with self._folder._calling(self._path):
            self._file.write(data)

    def finish(self) -> None:
        with self._folder._calling(self._path) as sftp:
            self._file.flush()
            sftp.sync(self._file.handle)
            self._file.close()

    def abandon(self) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException, SFTPError):
            self._file.close()
