"""A connection to somebody else's SFTP server (paramiko's client): pinned host key, deadlines, foreign errors as ours; it knows no box.

Both sides use it: the State's (adapters/chorus/remote.py) and the partners' (adapters/polled_server.py). What the other side says is
bounded here: a listing by its rows, a block by the length that was asked for, every silence by a deadline.

Limits: a server that sends a byte now and then is never silent; it holds up whoever waits for it, and nobody else has this connection.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_EXTENDED,
    CMD_HANDLE,
    CMD_INIT,
    CMD_LSTAT,
    CMD_NAME,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_VERSION,
    SFTP_EOF,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_PERMISSION_DENIED,
    SFTPError,
    int64,
)  # fmt: skip

from adapters.border import PARAMIKO, from_paramiko
from gateway.errors import ConfigError, HostKeyChanged, Unreachable

CHUNK = 1 << 20
IO_SECONDS = 60.0
"""How long a connected server may stay silent within one call."""
IDLE_SECONDS = 60.0
"""A connection that nobody used for so long is made anew: its server may have given it up without a word."""
BLOCK = 32_768
"""Bytes of one READ: what every server grants."""
AHEAD = 64
"""READs under way at the same time."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a server says of a name; None and 0 where it says nothing. `name` may hold surrogates: bytes that are no UTF-8."""

    name: str
    size: int | None = None
    mode: int | None = None
    mtime: int = 0


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


@dataclass(frozen=True, slots=True)
class Login:
    """Where to, and as whom: with a private key, or with a password that is read at each connection and kept nowhere."""

    host: str
    port: int
    user: str
    known_hosts: Path
    key: Path | None = None
    password: Callable[[], str] | None = None
    connect_seconds: float = 10.0
    silence_seconds: float = IO_SECONDS


class SftpLink:
    """One connection, made on first use and again after a loss; for one thread, but for `shut`. Paths are relative to `root`, with `/`."""

    def __init__(self, login: Login, root: str = "") -> None:
        self.where = f"sftp://{login.user}@{login.host}:{login.port}/{root.strip('/')}"
        self._login, self._root = login, root.rstrip("/")
        self._ssh: Any = None
        self._sftp: Any = None
        self._used = 0.0
        self._shut = threading.Event()

    @contextmanager
    def calling(self, path: str, going_on: Any = None) -> Iterator[Any]:
        """The connected client; a lost connection is dropped, so that the next call connects anew. `Unreachable`, `ConfigError`.

        `going_on`: the client of an earlier call, whose open files end with its connection: never another one.
        """
        try:
            with foreign(f"{self.where}/{readable(path)}"):
                yield self._connected() if going_on is None else self._same(going_on)
        except (Unreachable, ConfigError) as lost:
            if not self.answered(lost):
                self.close()
            raise

    def answered(self, error: BaseException) -> bool:
        """The server said no, on a connection that goes on (a late answer would be taken for the next one's: a timeout ends it)."""
        cause = error.__cause__
        return isinstance(cause, OSError) and not isinstance(cause, TimeoutError) and self.alive()

    def at(self, path: str) -> bytes:
        """A path as the server knows it; bytes that are no UTF-8 come back as they were listed."""
        return (f"{self._root}/{path}" if self._root else path).encode("utf-8", "surrogateescape")

    def alive(self) -> bool:
        """Connected, as far as this side knows."""
        transport = self._ssh.get_transport() if self._ssh else None
        return bool(transport and transport.is_active()) and self._sftp is not None and not self._sftp.sock.closed

    def close(self) -> None:
        """Give the connection back; the next call makes another."""
        ssh, self._ssh, self._sftp = self._ssh, None, None
        if ssh is not None:
            ssh.close()

    def shut(self) -> None:
        """From another thread: end the call under way and every later one."""
        self._shut.set()
        ssh = self._ssh
        if ssh is not None:
            ssh.close()

    def _connected(self) -> Any:
        if not self._shut.is_set() and (not self.alive() or time.monotonic() - self._used > IDLE_SECONDS):
            self.close()
            self._ssh = self._connect()
            self._sftp = self._open()
        if self._shut.is_set():
            self.close()
            raise Unreachable(f"{self.where}: we are stopping; the next start goes on")
        self._used = time.monotonic()
        return self._sftp

    def _same(self, sftp: Any) -> Any:
        if self._sftp is not sftp or not self.alive():
            raise EOFError("the connection was lost")
        self._used = time.monotonic()
        return sftp

    def _open(self) -> Any:
        """paramiko waits for ever for a subsystem and for a greeting: a timer ends the connection, and that wait with it."""
        timer = threading.Timer(self._login.connect_seconds, self._ssh.close)
        timer.daemon = True
        timer.start()
        try:
            sftp = Client.from_transport(self._ssh.get_transport())
            sftp.get_channel().settimeout(self._login.silence_seconds)
        finally:
            timer.cancel()
        return sftp

    def _connect(self) -> Any:
        ssh, login = paramiko.SSHClient(), self._login
        ssh.set_missing_host_key_policy(_Pinned())
        who = self._credentials(ssh)
        try:
            ssh.connect(
                login.host, login.port, login.user, **who, allow_agent=False, look_for_keys=False, timeout=login.connect_seconds,
                banner_timeout=login.connect_seconds, auth_timeout=login.connect_seconds, channel_timeout=login.connect_seconds,
            )  # fmt: skip
        except BaseException:
            ssh.close()
            raise
        return ssh

    def _credentials(self, ssh: Any) -> dict[str, Any]:
        login = self._login
        try:
            ssh.load_host_keys(str(login.known_hosts))
            if login.key is not None:
                return {"pkey": paramiko.PKey.from_path(login.key)}
            return {"password": login.password() if login.password else ""}
        except (OSError, ValueError, TypeError, paramiko.SSHException, paramiko.UnknownKeyType) as unusable:  # TypeError: an encrypted key
            wanted = "a readable known_hosts and an unencrypted private key" if login.key else "a readable known_hosts and password"
            raise ConfigError(f"{self.where}: {unusable}; {wanted} are expected") from unusable


class Client(paramiko.SFTPClient):  # type: ignore[misc]  # paramiko ships no types
    """An SFTP client that remembers which extensions the server offers (paramiko throws them away) and takes no answer without bounds."""

    extensions: frozenset[str] = frozenset()

    def sync(self, handle: bytes) -> None:
        """fsync@openssh.com where offered, else nothing."""
        if "fsync@openssh.com" in self.extensions:
            self._request(CMD_EXTENDED, "fsync@openssh.com", handle)

    def rows(self, folder: bytes, limit: int) -> tuple[list[Row], bool]:
        """At most `limit` rows of a folder, and whether there are more."""
        handle = self._answer(CMD_HANDLE, CMD_OPENDIR, folder).get_binary()
        rows: list[Row] = []
        while len(rows) <= limit and (page := self._page(handle)):
            rows += page
        self._request(CMD_CLOSE, handle)
        return rows[:limit], len(rows) > limit

    def row(self, path: bytes) -> Row:
        """What stands under a name, a link not followed; `FileNotFoundError`."""
        return _row("", self._answer(CMD_ATTRS, CMD_LSTAT, path))

    def blocks(self, handle: bytes, size: int, offset: int = 0) -> Iterator[bytes]:
        """The first `size` bytes of an open file, from `offset` on, in order; fewer where the file ends before."""
        window, asked, given, block = _Window(), offset, offset, BLOCK
        while given < size:
            while asked < size and len(window.asked) < AHEAD:
                length = min(block, size - asked)
                window.asked[asked] = (self._async_request(window, CMD_READ, handle, int64(asked), length), length)
                asked += length
            number, length = window.asked.pop(given)
            data = self._block(window, number, length)
            while 0 < len(data) < length:  # a server may give less than was asked for
                block = min(block, max(len(data), 1024))
                number = self._async_request(window, CMD_READ, handle, int64(given + len(data)), length - len(data))
                more = self._block(window, number, length - len(data))
                if not more:
                    break
                data += more
            if not data:
                return
            given += len(data)
            yield data
            if len(data) < length:
                return

    def _block(self, window: _Window, number: int, length: int) -> bytes:
        while number not in window.arrived:
            self._read_response()
        data = window.arrived.pop(number)
        if isinstance(data, EOFError):
            return b""
        if not isinstance(data, bytes):
            raise data
        if len(data) > length:
            raise SFTPError(f"{len(data)} bytes came where {length} were asked for")
        return data

    def _page(self, handle: bytes) -> list[Row]:
        """Rows of one READDIR; none at the end."""
        try:
            return list(_rows(self._answer(CMD_NAME, CMD_READDIR, handle)))
        except EOFError:
            if self.sock.closed:  # no end of a listing: the end of the line
                raise
            return []

    def _answer(self, wanted: int, *request: Any) -> Any:
        kind, answer = self._request(*request)
        if kind != wanted:
            raise SFTPError(f"answer {kind} came where {wanted} was expected")
        return answer

    def _convert_status(self, answer: Any) -> None:
        """paramiko's own dies of a reason that is no UTF-8."""
        _refuse(answer)

    def _send_version(self) -> int:
        hello = paramiko.Message()
        hello.add_int(3)
        self._send_packet(CMD_INIT, hello)
        kind, data = self._read_packet()
        if kind != CMD_VERSION:
            raise SFTPError("the server does not speak SFTP")
        answer = paramiko.Message(data)
        version = int(answer.get_int())
        self.extensions = frozenset(pairs(answer))
        return version


@dataclass
class _Window:
    """READs under way, by offset, and what came for them, by number; paramiko hands the answers over."""

    asked: dict[int, tuple[int, int]] = field(default_factory=dict)
    arrived: dict[int, bytes | Exception] = field(default_factory=dict)

    __hash__ = object.__hash__

    def _async_response(self, kind: int, answer: Any, number: int) -> None:
        if kind == CMD_DATA:
            self.arrived[number] = answer.get_string()
            return
        try:
            _refuse(answer)
            self.arrived[number] = SFTPError("neither data nor a reason came of READ")
        except (EOFError, OSError) as no:
            self.arrived[number] = no


def _refuse(answer: Any) -> None:
    """A STATUS as the exception it stands for; none for OK."""
    code, text = answer.get_int(), answer.get_string().decode("utf-8", "replace")
    match code:
        case _ if code == SFTP_OK:
            return
        case _ if code == SFTP_EOF:
            raise EOFError(text)
        case _ if code == SFTP_NO_SUCH_FILE:
            raise FileNotFoundError(errno.ENOENT, text)
        case _ if code == SFTP_PERMISSION_DENIED:
            raise PermissionError(errno.EACCES, text)
    raise OSError(text or f"the server answers {code}")


def _rows(answer: Any) -> Iterator[Row]:
    """Names of one page; a count that promises more than there is, is no answer."""
    count = answer.get_int()
    for _ in range(count):
        if _exhausted(answer):
            raise SFTPError(f"{count} names were announced and fewer came")
        name = answer.get_string().decode("utf-8", "surrogateescape")
        answer.get_string()
        row = _row(name, answer)
        if name not in (".", ".."):
            yield row


def _row(name: str, answer: Any) -> Row:
    flags = answer.get_int()
    size = int(answer.get_int64()) if flags & paramiko.SFTPAttributes.FLAG_SIZE else None
    if flags & paramiko.SFTPAttributes.FLAG_UIDGID:
        answer.get_bytes(8)
    mode = int(answer.get_int()) if flags & paramiko.SFTPAttributes.FLAG_PERMISSIONS else None
    mtime = 0
    if flags & paramiko.SFTPAttributes.FLAG_AMTIME:
        answer.get_int()
        mtime = int(answer.get_int())
    if flags & paramiko.SFTPAttributes.FLAG_EXTENDED:
        for _ in range(answer.get_int()):
            if _exhausted(answer):
                break
            answer.get_string(), answer.get_string()
    return Row(name, size, mode, mtime)


def _exhausted(answer: Any) -> bool:
    return bool(answer.packet.tell() >= answer.packet.getbuffer().nbytes)


def pairs(answer: Any) -> Iterator[str]:
    """Names of the extensions in a greeting."""
    while not _exhausted(answer):
        yield answer.get_string().decode("ascii", "replace")
        answer.get_string()


class _Pinned(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko ships no types
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        shown = f"{key.get_name()} {key.fingerprint}"
        raise ConfigError(f"{hostname}: no host key is pinned (it shows {shown}); verify and add it to known_hosts")


def readable(name: str) -> str:
    """A remote name as text: bytes that are no UTF-8 shown as U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
