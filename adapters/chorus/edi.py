"""A State's accounting system by EDI (SFTP or folder): steps D5 to D9 of reliability.md 2.7; it decides nothing and commits nothing.

Limits: above `read_back_bytes` only size, head and tail are compared; an answer is read whole into memory (`ANSWER_BYTES` at most,
larger files are left where they are and logged); the step-by-step safety rests on the other side's rename (see remote.py, Limits).
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import structlog

from adapters.chorus.remote import LocalFolder, RemoteFile, RemoteFolder, SftpFolder
from adapters.sftp_client import CHUNK
from gateway.config import Destination
from gateway.errors import ConfigError, OutcomeUnknown, ParkError, Unreachable
from gateway.model import Delivery, Presence

ANSWER_BYTES = 256_000_000
UNFINISHED = (".part", ".tmp", ".filepart")
SETTLED_SECONDS = 900.0
"""An answer that cannot be read is what it is once it has stayed the same that long (reliability.md 2.5); until then it may be growing."""


def remote_folder(destination: Destination, base: Path) -> RemoteFolder:
    """The destination's folder; relative paths of keys and local folders count from `base` (the site)."""
    if destination.kind == "folder":
        return LocalFolder(base / destination.path)
    for setting in ("host", "user", "key", "known_hosts"):
        if not getattr(destination, setting):
            raise ConfigError(f"destination: {setting} is empty; kind 'sftp' needs host, user, key and known_hosts")
    return SftpFolder(
        destination.host, destination.port, destination.user, key=base / Path(destination.key).expanduser(),
        known_hosts=base / Path(destination.known_hosts).expanduser(), root=destination.path, connect_seconds=destination.connect_seconds,
    )  # fmt: skip


class EdiAccounting:
    """`ports.Accounting` over a folder with a deposit box and a collection box."""

    def __init__(
        self, name: str, destination: Destination, folder: RemoteFolder, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._settings = destination
        self._folder = folder
        self._monotonic = monotonic
        self._looks: dict[str, tuple[int, int, float]] = {}  # size and checksum of an answer, and since when
        self._left: dict[str, int] = {}  # size of what we have and may not remove

    def look(self, delivery: Delivery, content: BinaryIO) -> Presence:
        """What stands under our fixed name; a `.part` left beside our finished file is removed. `Unreachable` when nobody can tell."""
        final, part = self._final(delivery), self._part(delivery)
        size, part_size = self._folder.size(final), self._folder.size(part)
        if size is None:
            return Presence.ABSENT if part_size is None else self._judge_part(part, part_size, delivery, content)
        if not self._same(final, size, delivery, content):
            return Presence.FOREIGN
        if part_size is not None:
            self._folder.remove(part)
        return Presence.OURS

    def upload(self, delivery: Delivery, content: BinaryIO) -> None:
        """D6 and D7. `Unreachable`: not there, send again. `OutcomeUnknown` only where the target allows no temporary name."""
        if self._settings.temporary_name:
            self._folder.remove(self._part(delivery))
            self._write(self._folder.create(self._part(delivery)), delivery, content)
            self._read_back(self._part(delivery), delivery, content)
            return
        created = self._folder.create(self._final(delivery))
        try:
            self._write(created, delivery, content)
            if self._folder.size(self._final(delivery)) is not None:  # the State may take it at once
                self._read_back(self._final(delivery), delivery, content)
        except (Unreachable, ParkError) as lost:
            raise OutcomeUnknown(f"{lost} (the final name was being written; look before sending again)") from lost

    def publish(self, delivery: Delivery) -> None:
        """D9. `Unreachable` before the rename was asked for, `OutcomeUnknown` after. Nothing to do without temporary names."""
        if self._settings.temporary_name:
            self._folder.move(self._part(delivery), self._final(delivery))

    def answers(self) -> Iterator[tuple[str, bytes]]:
        """Files of the collection box, by name. One that the other side does not let us read keeps no other waiting."""
        names = self._folder.names(self._settings.collect)
        for known in (self._looks, self._left):
            for gone in set(known) - set(names):
                del known[gone]
        for name in names:
            if name.startswith(".") or name.endswith(UNFINISHED) or "/" in name:
                continue
            data = self._answer(name)
            if data is not None:
                yield name, data

    def _answer(self, name: str) -> bytes | None:
        path = f"{self._settings.collect}/{name}"
        try:
            size = self._folder.size(path)
            if size is None or self._left.get(name) == size:  # collected by somebody else meanwhile, or by us
                return None
            if size > ANSWER_BYTES:
                structlog.get_logger().warning("answer.too_large", source=self.name, name=name, size=size)
                return None
            data = b"".join(self._folder.chunks(path, 0, size))
        except Unreachable as lost:
            if not self._folder.refused(lost):
                raise
            structlog.get_logger().warning("answer.unreadable", source=self.name, name=name, why=str(lost))
            return None
        seen = (len(data), zlib.crc32(data))
        if self._looks.get(name, ())[:2] != seen:
            self._looks[name] = (*seen, self._monotonic())
        return data

    def settled(self, name: str) -> bool:
        """The same bytes at every look for `SETTLED_SECONDS`."""
        return self._monotonic() - self._looks[name][2] >= SETTLED_SECONDS

    def forget(self, name: str) -> None:
        """Remove an answer; one that is gone already is fine. Where removing is refused it is remembered and not read again."""
        try:
            self._folder.remove(f"{self._settings.collect}/{name}")
        except Unreachable as lost:
            if self._folder.refused(lost) and name in self._looks:
                self._left[name] = self._looks[name][0]
            raise

    def probe(self) -> None:
        """Both boxes can be listed, else `Unreachable` or `ConfigError`: for `gateway check`."""
        self._folder.names(self._settings.deposit)
        self._folder.names(self._settings.collect)

    def close(self) -> None:
        """Give the connection back."""
        self._folder.close()

    def _final(self, delivery: Delivery) -> str:
        return f"{self._settings.deposit}/{delivery.name}"

    def _part(self, delivery: Delivery) -> str:
        return f"{self._final(delivery)}.part"

    def _write(self, file: RemoteFile, delivery: Delivery, content: BinaryIO) -> None:
        digest = hashlib.sha256()
        content.seek(0)
        try:
            while data := content.read(CHUNK):
                digest.update(data)
                file.write(data)
            if digest.hexdigest() != delivery.sha256:
                raise ParkError(f"{delivery.name}: the spooled bytes hash to {digest.hexdigest()}; sealed was {delivery.sha256}")
            file.finish()
        except BaseException:
            file.abandon()
            raise

    def _read_back(self, path: str, delivery: Delivery, content: BinaryIO) -> None:
        size = self._folder.size(path)
        if size is None or not self._same(path, size, delivery, content):
            raise Unreachable(f"{self._folder.where}/{path}: what was written reads back otherwise; expected our {delivery.size} bytes")

    def _judge_part(self, part: str, size: int, delivery: Delivery, content: BinaryIO) -> Presence:
        return Presence.PART if self._same(part, size, delivery, content) else Presence.TORN

    def _same(self, path: str, size: int, delivery: Delivery, content: BinaryIO) -> bool:
        """Our bytes: by SHA-256 up to `read_back_bytes`, by head and tail above."""
        if size != delivery.size:
            return False
        limit = self._settings.read_back_bytes
        if size <= limit:
            digest = hashlib.sha256()
            for data in self._folder.chunks(path, 0, size):
                digest.update(data)
            return digest.hexdigest() == delivery.sha256
        half = limit // 2
        return all(self._equal(path, offset, half, content) for offset in (0, size - half))

    def _equal(self, path: str, offset: int, length: int, content: BinaryIO) -> bool:
        content.seek(offset)
        for data in self._folder.chunks(path, offset, length):
            if content.read(len(data)) != data:
                return False
            length -= len(data)
        return length == 0
