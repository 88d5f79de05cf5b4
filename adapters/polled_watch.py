"""What is remembered of a polled server's files between two looks, and what an administrator hears of them; it asks the server nothing.

Memory only: a new start looks anew, tells once more, and takes nothing twice (the acts of deposit are in the store).
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from typing import Any

from adapters.sftp_answers import Row, readable
from gateway.catalogue import finding
from gateway.config import Partner
from gateway.log import logger
from gateway.model import Finding
from gateway.ports import Clock

REMOVE_AGAIN_SECONDS = 600.0
"""How long a server that refused to remove a file is not asked again for that file."""
_SHA256 = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_SIZE = re.compile(r"(?<!\S)\d{1,15}(?!\S)")


@dataclass
class Watch:
    """One partner's files. Paths are the server's."""

    partner: Partner
    where: str
    clock: Clock
    log: Any = None
    refused: set[tuple[str, int | None, int]] = field(default_factory=set)
    _looks: dict[str, tuple[tuple[int | None, int], float]] = field(default_factory=dict)
    _changes: dict[str, int] = field(default_factory=dict)
    _stuck: dict[str, tuple[tuple[int | None, int], float]] = field(default_factory=dict)
    _told: set[tuple[str, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.log = (self.log or logger("poll")).bind(source=self.partner.name, stage="receive")

    # --- what may be taken
    def safe(self, folder: str, name: str) -> bool:
        """False for a name that leads out of its folder (row 16); other bad names are the gate's, which tells the partner."""
        if name and "/" not in name and "\0" not in name:
            return True
        self.tell_once("drop.skipped", folder, code="DEP-012", file=readable(name)[:80])  # of many, one: they may be another's at each look
        return False

    def _regular(self, path: str, row: Row) -> bool:
        """False, and told once, for a link, a folder or a special file (row 29). A server that tells no mode is believed."""
        if row.mode is None or stat.S_ISREG(row.mode) or not stat.S_IFMT(row.mode):
            return True
        self.tell_once("drop.skipped", path, str(row.mode), code="DEP-021", file=readable(path), kind=stat.filemode(row.mode))
        return False

    def unchanged(self, path: str, row: Row, seconds: float) -> bool:
        """Size and mtime as at an earlier look, that many seconds ago or more."""
        facts, now = (row.size, row.mtime), self.clock.monotonic()
        seen = self._looks.get(path)
        if seen is None or seen[0] != facts:
            self._looks[path] = (facts, now)
            return False
        return now - seen[1] >= seconds

    def awaited(self, path: str, row: Row) -> bool:
        """False for what is no file, was refused, or is taken and cannot be removed: until it changes, or it is time to ask again."""
        if not self._regular(path, row) or (path, row.size, row.mtime) in self.refused:
            return False
        return not self.taken(path, row) or self.clock.monotonic() >= self._stuck[path][1]

    def taken(self, path: str, row: Row) -> bool:
        """True for a file in custody that its server would not remove."""
        return path in self._stuck and self._stuck[path][0] == (row.size, row.mtime)

    # --- what is told
    def changed(self, path: str, name: str, alert_after: int) -> None:
        """Row 30."""
        count = self._changes[path] = self._changes.get(path, 0) + 1
        why = finding("DEP-022", nom=readable(name))
        tell = self.log.error if count % alert_after == 0 else self.log.warning
        tell("drop.changed", times=count, **_said(why))

    def vanished(self, path: str, name: str) -> None:
        """Row 31."""
        self.settled(path)
        self.log.warning("drop.vanished", **_said(finding("DEP-023", nom=readable(name))))

    def stuck(self, path: str, name: str, row: Row) -> None:
        """Row 32: told once, asked for again now and then."""
        self._stuck[path] = ((row.size, row.mtime), self.clock.monotonic() + REMOVE_AGAIN_SECONDS)
        self.tell_once("drop.unremoved", path, error=True, **_said(finding("DEP-024", nom=readable(name))))

    def unreadable(self, path: str, why: str) -> None:
        """Row 29: it cannot be opened, or measured."""
        self.tell_once("drop.skipped", path, code="DEP-021", file=readable(path), kind=why)

    def refuse(self, name: str, why: Finding) -> None:
        """The partner is owed a notice."""
        self.log.warning("drop.refused", file=readable(name), **_said(why))

    def settled(self, path: str) -> None:
        """Nothing more is to be remembered of it."""
        for memory in (self._looks, self._changes, self._stuck):
            memory.pop(path, None)

    def forget_all_but(self, folder: str, paths: set[str]) -> None:
        """Of a folder that was listed to its end, only what is there is remembered."""
        gone = {path for memory in (self._looks, self._changes, self._stuck) for path in memory} - paths
        for path in gone:
            if path.rpartition("/")[0] == folder:
                self.settled(path)
        self.refused = {one for one in self.refused if one[0].rpartition("/")[0] != folder or one[0] in paths}
        self._told = {one for one in self._told if one[1].rpartition("/")[0] != folder or one[1] in paths}

    def tell_once(self, event: str, *what: str, error: bool = False, **said: Any) -> None:
        """One line for each subject."""
        if (event, *what) not in self._told:
            self._told.add((event, *what))
            (self.log.error if error else self.log.warning)(event, where=self.where, **said)


def announced(done: bytes) -> tuple[int | None, str | None]:
    """Size and SHA-256 that a done-file names, each None where it does not (an empty one names nothing)."""
    text = done.decode("ascii", "replace")
    sha256, size = _SHA256.search(text), _SIZE.search(text)
    return int(size[0]) if size else None, sha256[0].lower() if sha256 else None


def _said(why: Finding) -> dict[str, str]:
    return {"code": why.rule, "why": why.message_en, "motif": why.message_fr}
