"""What an SFTP server answers, read within bounds (on paramiko's client); it makes no connection and knows no host.

paramiko's own reading dies of a name or a reason that is no UTF-8, believes any count, and keeps whatever length comes for a block. Here a
listing ends at a limit, a block is no longer than was asked for, and a count is read as far as there are bytes. What is no answer is an
`SFTPError`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
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


def readable(name: str) -> str:
    """A remote name as text: bytes that are no UTF-8 shown as U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
