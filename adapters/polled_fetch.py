"""Fetches one file of a polled server into local staging and hashes it on the way; it judges nothing and removes nothing over there.

A claimed file whose fetch was cut goes on where it stopped, while size and mtime stay: within this process only, for what a power cut
leaves of a file that was never synced proves nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.disk import disk_border
from adapters.polled_server import PolledServer
from adapters.sftp_answers import Row
from gateway.errors import Unreachable


@dataclass
class Fetched:
    """What came so far of a file that was `row` before the first byte."""

    path: Path
    row: Row
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


class Fetcher:
    """One partner's staging folder. For one thread."""

    def __init__(self, server: PolledServer, staging: Path) -> None:
        self._server, self._staging = server, staging
        self._cut: dict[str, Fetched] = {}

    @contextmanager
    def fetching(self, path: str, act: str, row: Row) -> Iterator[Fetched]:
        """What came of it, gone at the end of the block. `Gone`, `Unreadable`, `Unreachable`, `StorageRefused`.

        One byte more than `row` tells is asked for: it may tell too little, and then `Fetched.size` is not `row.size`.
        """
        part = self._begun(act, row)
        try:
            self._read_on(path, part)
            yield part
        except Unreachable:
            if act and part.size <= (row.size or 0):
                self._cut[act] = part
            raise
        finally:
            if self._cut.get(act) is not part:
                part.path.unlink(missing_ok=True)

    def forget(self, act: str) -> None:
        """Its file is gone over there."""
        part = self._cut.pop(act, None)
        if part is not None:
            part.path.unlink(missing_ok=True)

    def _begun(self, act: str, row: Row) -> Fetched:
        part = self._cut.get(act)
        if part is not None and (part.row.size, part.row.mtime) == (row.size, row.mtime):
            return self._cut.pop(act)
        self.forget(act)
        return Fetched(self._staging / uuid.uuid4().hex, row)

    def _read_on(self, path: str, part: Fetched) -> None:
        with disk_border(f"staging {self._staging}"), part.path.open("ab") as file:
            for data in self._server.blocks(path, (part.row.size or 0) + 1, part.size):
                file.write(data)
                part.digest.update(data)
                part.size += len(data)
