"""A partner's own SFTP server as a few answers: what is there, moved, read, gone, written; it decides nothing about a file.

Paths are `folder/name` as the settings and the listing give them. `Unreachable` means that the connection or the answer was lost; a *no* of
the server is a value (`Answer`), for most of them are ordinary here.

Limits: without posix-rename@openssh.com a return that is written again is absent for a moment between the removal and the rename.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from adapters.sftp_answers import Row
from adapters.sftp_client import Login, SftpLink
from gateway.config import Poll, Settings
from gateway.errors import ConfigError, Unreachable
from gateway.model import Box


class Answer(StrEnum):
    """What a server says to a request that changes something."""

    DONE = "done"
    GONE = "gone"
    REFUSED = "refused"


class Gone(Exception):
    """There is no such file any more."""


class Unreadable(Exception):
    """The server does not let us open it."""


class PolledServer:
    """For one thread, but for `shut`. It connects on first use and again after a loss."""

    def __init__(self, poll: Poll, settings: Settings) -> None:
        self._poll = poll
        self._link = SftpLink(login(poll, settings))
        self.where = self._link.where

    def rows(self, folder: str, limit: int) -> tuple[list[Row], bool]:
        """At most `limit` rows of a folder, and whether there are more."""
        with self._link.calling(folder) as sftp:
            rows, more = sftp.rows(self._link.at(folder), limit)
            return list(rows), bool(more)

    def row(self, path: str) -> Row | None:
        """What stands under a name (a link is not followed), None when nothing does."""
        with self._link.calling(path) as sftp:
            try:
                found: Row = sftp.row(self._link.at(path))
            except FileNotFoundError:
                return None
            return found

    def move(self, source: str, target: str) -> Answer:
        """Rename, refusing an existing target."""
        return self._change("rename", source, target)

    def remove(self, path: str) -> Answer:
        """Take a name away."""
        return self._change("remove", path)

    def blocks(self, path: str, size: int, offset: int = 0) -> Iterator[bytes]:
        """The first `size` bytes, from `offset` on, fewer where the file ends before. `Gone`, or `Unreadable` on any other *no*."""
        with self._open(path) as (sftp, handle):
            blocks = sftp.blocks(handle, size, offset)
            while data := self._next(path, blocks, sftp):
                yield data

    def write(self, folder: str, name: str, body: bytes) -> None:
        """A whole file under its name, whatever stood there: `.NAME.part`, its size looked at, rename. `Unreachable` on any *no*."""
        part, final = f"{folder}/.{name}.part", f"{folder}/{name}"
        self._change("remove", part)
        with self._link.calling(part) as sftp, sftp.open(self._link.at(part), "wbx") as file:
            file.set_pipelined(True)
            file.write(body)
            file.flush()
            sftp.sync(file.handle)
        found = self.row(part)
        if found is None or found.size not in (None, len(body)):
            where, size = f"{self.where}{part}", found.size if found else 0
            raise Unreachable(f"{where}: holds {size} bytes and not {len(body)}; its owner should look at the disk")
        self._publish(part, final)

    def bring(self, box: Box, name: str, body: bytes) -> None:
        """Write a return into the box's folder there."""
        self.write((self._poll.test_returns if box is Box.TEST else self._poll.returns).rstrip("/"), name, body)

    def probe(self, folder: str) -> int:
        """How many names a folder holds, 1000 at most: for `gateway check`."""
        return len(self.rows(folder, 1000)[0])

    def keep(self) -> None:
        """Nothing: a server that let us go is connected to anew when it is needed."""

    def close(self) -> None:
        """Give the connection back."""
        self._link.close()

    def shut(self) -> None:
        """From another thread: nothing more is asked of this server."""
        self._link.shut()

    def _publish(self, part: str, final: str) -> None:
        with self._link.calling(final) as sftp:
            if "posix-rename@openssh.com" in sftp.extensions:
                sftp.posix_rename(self._link.at(part), self._link.at(final))
                return
        if self._change("rename", part, final) is not Answer.DONE:
            self._change("remove", final)
            with self._link.calling(final) as sftp:
                sftp.rename(self._link.at(part), self._link.at(final))

    def _change(self, request: str, *paths: str) -> Answer:
        try:
            with self._link.calling(paths[0]) as sftp:
                getattr(sftp, request)(*map(self._link.at, paths))
        except Unreachable as no:
            if not self._link.answered(no):
                raise
            return Answer.GONE if isinstance(no.__cause__, FileNotFoundError) else Answer.REFUSED
        return Answer.DONE

    @contextmanager
    def _open(self, path: str) -> Iterator[tuple[Any, bytes]]:
        try:
            with self._link.calling(path) as sftp:
                file = sftp.open(self._link.at(path), "rb")
        except Unreachable as no:
            if self._link.answered(no):
                raise (Gone if isinstance(no.__cause__, FileNotFoundError) else Unreadable)(str(no)) from no
            raise
        try:
            yield sftp, file.handle
        finally:
            with suppress(Unreachable), self._link.calling(path, sftp):
                file.close()

    def _next(self, path: str, blocks: Iterator[bytes], sftp: Any) -> bytes:
        """A *no* in the middle of a file ends it there: what came is shorter than its size, and that is looked at."""
        try:
            with self._link.calling(path, sftp):
                return next(blocks, b"")
        except Unreachable as no:
            if self._link.answered(no):
                return b""
            raise


def login(poll: Poll, settings: Settings) -> Login:
    """The settings as a login; the password is read when it is needed."""
    return Login(
        poll.host, poll.port, poll.user, settings.under(poll.known_hosts), key=settings.under(poll.key) if poll.key else None,
        password=None if poll.key else lambda: _password(poll, settings), connect_seconds=poll.connect_seconds,
        silence_seconds=poll.silence_seconds,
    )  # fmt: skip


def _password(poll: Poll, settings: Settings) -> str:
    if poll.password_env:
        if poll.password_env not in os.environ:
            raise ConfigError(f"poll.password_env: {poll.password_env} is not in the environment; set it for the service")
        return os.environ[poll.password_env]
    path: Path = settings.under(poll.password_file)
    return path.read_text(encoding="utf-8").rstrip("\r\n")
