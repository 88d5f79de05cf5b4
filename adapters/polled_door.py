"""A partner's own SFTP server as a door (ports.DropSource): list, claim, fetch, remove once custody is taken; the loop decides when.

*Complete* is what the strategy says: *rename* – whatever has no temporary name; *done-file* – `X.ok` beside `X`; *stable* – nothing
changed between two looks. *Claimed* is `.claimed-<act>-<name>`: `act` identifies the deposit through any crash, so that what was taken is
never fetched again, only removed. Where the server refuses that rename, a file is read where it lies, its act is path, size, mtime and
SHA-256 together, and it is looked at once more before it is removed. Of reliability.md 3.1, rows 29 to 33 are answered in the log; row 28
and a file that is too large, in a notice to the partner (2.5 says the order of steps).

Limits: SFTP tells mtimes in whole seconds. Without claims, a file replaced within one second by another of the same size, between our
last look and its removal, is lost; and one replaced so while its removal is refused is not seen. A file changed in place, to the same
size within one second while it is read, is not seen either. Such servers need the rename, or names used once.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.polled_fetch import Fetched, Fetcher
from adapters.polled_server import Answer, Gone, PolledServer, Unreadable
from adapters.polled_watch import Watch, announced
from adapters.sftp_answers import Row, readable
from gateway.catalogue import finding
from gateway.config import MB, Partner, Settings
from gateway.errors import StorageRefused
from gateway.flow_names import temporary
from gateway.model import Box, Drop, Finding
from gateway.ports import Clock

_CLAIMED = re.compile(r"\.claimed-([0-9a-f]{32})-(.+)", re.DOTALL)
_NAME_BYTES = 201  # one past the gate's limit: a longer name is still seen as too long, and the claimed name still fits the disk
_DONE_BYTES = 4096
ALERT_AFTER = 10
"""Readings of a file that changed each time, before an administrator is called (row 30)."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file of the server that we are about. `act` "": it lies under its own name, unclaimed. `row`: as it was before it was read."""

    box: Box
    folder: str
    name: str
    path: str
    act: str = ""
    row: Row = field(default_factory=lambda: Row(""))

    @property
    def done(self) -> str:
        """Where its claimed done-file is."""
        return f"{self.folder}/.done-{self.act}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is not taken: the caller owes the partner the finding, then has it put aside."""

    partner: str
    box: Box
    name: str
    finding: Finding
    held: Held


class PolledDoor:
    """One partner's deposit folders there. `seen`: whether an act is in custody; `refusal`: why nothing of a size may be taken now."""

    name = "poll"

    def __init__(
        self, partner: Partner, settings: Settings, server: PolledServer, staging: Path, clock: Clock, *,
        seen: Callable[[Drop], bool], refusal: Callable[[Drop, int], Finding | None], log: Any = None,
    ) -> None:  # fmt: skip
        self._partner, self._poll, self._limits = partner, partner.poll, settings.limits
        self._server, self._fetcher = server, Fetcher(server, staging)
        self._seen, self._refusal = seen, refusal
        self._watch = Watch(partner, server.where, clock, log)
        self._fetched: dict[str, Held] = {}
        self._refused: list[Refusal] = []
        self._claiming = True
        self.left = 0
        self.more = False

    def drops(self) -> Iterator[tuple[Drop, Path]]:
        """Complete files, each claimed and fetched; what an earlier crash left claimed comes first, as the same act.

        After the last one, `left` is how many that could be taken are still there, `more` whether a folder held more than we look at.
        """
        self.left, self.more, self._claiming = 0, False, self._poll.claim
        for box, folder in self._folders():
            for held in self._held(box, folder):
                yield from self._fetch(held)

    def waiting(self) -> bool:
        """True when a drop that may be taken, or one claimed, is still there; claims nothing."""
        return any(self._wanted(folder, row) for _, folder in self._folders() for row in self._rows(folder))

    def release(self, drop: Drop, path: Path) -> None:
        """Remove it there, then what was fetched of it: after COMMIT only. A server that refuses is not asked again for a while."""
        held = self._fetched.pop(drop.transport_id, None)
        if held is not None:
            self._remove(held)
        path.unlink(missing_ok=True)

    def refusals(self) -> list[Refusal]:
        """Files refused since the last call."""
        refused, self._refused = self._refused, []
        return refused

    def put_aside(self, refusal: Refusal) -> None:
        """Under a name that is never taken, once the partner is owed its notice; where that is refused we only remember. It stays there,
        for its partner to remove: we never had it in custody."""
        held = refusal.held
        self._watch.refused.add((held.path, held.row.size, held.row.mtime))
        aside = f"{held.folder}/.refused-{held.act or uuid.uuid4().hex}-{_shortened(held.name)}"
        if self._server.move(held.path, aside) is Answer.DONE:
            self._remove_done(held)

    # --- what is there
    def _folders(self) -> list[tuple[Box, str]]:
        folders = ((Box.REAL, self._poll.deposit), (Box.TEST, self._poll.test_deposit))
        return [(box, folder.rstrip("/")) for box, folder in folders if folder]

    def _rows(self, folder: str) -> list[Row]:
        rows, more = self._server.rows(folder, self._poll.max_names)
        self.more |= more
        if more:
            self._watch.tell_once("door.crowded", folder, folder=folder, names=len(rows))
        else:
            self._watch.forget_all_but(folder, {f"{folder}/{row.name}" for row in rows})
        safe = [row for row in rows if self._watch.safe(folder, row.name)]
        return sorted({row.name: row for row in safe}.values(), key=lambda row: (row.mtime, row.name))

    def _wanted(self, folder: str, row: Row) -> bool:
        if self._poll.strategy == "done-file" and row.name.endswith(self._poll.done_suffix):
            return False
        ours = bool(_CLAIMED.fullmatch(row.name)) or not temporary(row.name)
        return ours and self._watch.awaited(f"{folder}/{row.name}", row)

    def _held(self, box: Box, folder: str) -> Iterator[Held]:
        """What is to be fetched now; what was claimed before us comes first."""
        listed = self._rows(folder)
        rows = [row for row in listed if self._wanted(folder, row)]
        self.left += len(rows)
        names = {row.name for row in listed}
        for row in rows:
            if claimed := _CLAIMED.fullmatch(row.name):
                yield Held(box, folder, claimed[2], f"{folder}/{row.name}", claimed[1], row)
        for row in rows:
            held = Held(box, folder, row.name, f"{folder}/{row.name}", row=row)
            if not _CLAIMED.fullmatch(row.name) and self._complete(held, names):
                yield held

    def _complete(self, held: Held, names: set[str]) -> bool:
        match self._poll.strategy:
            case "stable":
                return self._watch.unchanged(held.path, held.row, self._poll.stable_seconds)
            case "done-file":
                suffix = self._poll.done_suffix
                return f"{held.name}{suffix}" in names and self._grown(held)
        return True

    def _grown(self, held: Held) -> bool:
        """False while the file is shorter than its done-file says, for `incomplete_minutes` since we saw it change."""
        size, _ = announced(self._small(f"{held.path}{self._poll.done_suffix}"))
        short = size is not None and (held.row.size or 0) < size
        return not short or self._watch.unchanged(held.path, held.row, self._poll.incomplete_minutes * 60)

    # --- claim and fetch
    def _fetch(self, held: Held) -> Iterator[tuple[Drop, Path]]:
        if not held.act and self._watch.taken(held.path, held.row):
            self._remove(held)
            return
        held = held if held.act or not self._claiming else self._claim(held)
        if held.act and self._seen(self._drop(held, held.act)):
            self._remove(held)
            return
        row = self._server.row(held.path)
        if row is None:
            self._fetcher.forget(held.act)
            self._watch.vanished(held.path, held.name)
            self.left -= 1
        elif row.size is None or not self._watch.awaited(held.path, row):
            self._watch.unreadable(held.path, "no size" if row.size is None else "no regular file")
            self.left -= 1
        else:
            yield from self._read(replace(held, row=row), row.size)

    def _claim(self, held: Held) -> Held:
        act = uuid.uuid4().hex
        path = f"{held.folder}/.claimed-{act}-{_shortened(held.name)}"
        answer = self._server.move(held.path, path)
        if answer is Answer.REFUSED:
            self._claiming = False
            self._watch.tell_once("claim.refused", held.folder, folder=held.folder)
        if answer is not Answer.DONE:
            return held
        self._watch.settled(held.path)  # the next file of that name is looked at anew
        return replace(held, path=path, act=act)

    def _read(self, held: Held, size: int) -> Iterator[tuple[Drop, Path]]:
        allowed = min(self._limits.flow_bytes, self._partner.flow_bytes or self._limits.flow_bytes)
        if size > allowed:
            self._refuse(held, finding("DEP-005", nom=readable(held.name), max=f"{allowed / MB:g}"))
            return
        why = self._refusal(self._drop(held, held.act), size)
        if why is not None:
            where = f"{self._server.where}{readable(held.path)}"
            raise StorageRefused(f"{where}: not taken now ({why.message_en}); the file waits where it is")
        try:
            with self._fetcher.fetching(held.path, held.act, held.row) as part:
                if self._whole(held, part) and self._sound(held, size, digest := part.digest.hexdigest()):
                    drop = self._drop(held, held.act or _act(held, digest))
                    self._fetched[drop.transport_id] = held
                    yield drop, part.path
        except Gone:
            self._watch.vanished(held.path, held.name)
        except Unreadable as no:
            self._watch.unreadable(held.path, str(no))

    def _whole(self, held: Held, part: Fetched) -> bool:
        """What came is what a last look says is there."""
        after = self._server.row(held.path)
        if after is None:
            self._watch.vanished(held.path, held.name)
        elif part.size != held.row.size or (after.size, after.mtime) != (held.row.size, held.row.mtime):
            self._watch.changed(held.path, held.name, ALERT_AFTER)
        else:
            self._watch.settled(held.path)
            return True
        return False

    # --- row 28
    def _sound(self, held: Held, size: int, digest: str) -> bool:
        """What the done-file announces is what came."""
        if self._poll.strategy != "done-file":
            return True
        beside = f"{held.folder}/{held.name}{self._poll.done_suffix}"
        if held.act and self._server.row(held.done) is None:
            self._server.move(beside, held.done)
        wanted_size, wanted = announced(self._small(held.done if held.act else beside))
        if wanted_size in (None, size) and wanted in (None, digest):
            return True
        a, b = (wanted, digest) if wanted else (f"{wanted_size} octets", f"{size} octets")
        self._refuse(held, finding("DEP-020", a=a, b=b))
        return False

    def _small(self, path: str) -> bytes:
        try:
            return b"".join(self._server.blocks(path, _DONE_BYTES))
        except (Gone, Unreadable):
            return b""

    def _refuse(self, held: Held, why: Finding) -> None:
        self._refused.append(Refusal(self._partner.name, held.box, readable(held.name), why, held))
        self._watch.refuse(held.name, why)
        self.left -= 1

    # --- removal
    def _remove(self, held: Held) -> None:
        self.left -= 1
        if not held.act and self._replaced(held):
            self._watch.settled(held.path)
            return
        self._remove_done(held)
        if self._server.remove(held.path) is Answer.REFUSED:
            self._watch.stuck(held.path, held.name, held.row)
        else:
            self._watch.settled(held.path)

    def _remove_done(self, held: Held) -> None:
        """Before its file: left alone, it would make the next file of that name complete at once."""
        if self._poll.strategy == "done-file":
            self._server.remove(held.done if held.act else f"{held.path}{self._poll.done_suffix}")

    def _replaced(self, held: Held) -> bool:
        """Another file has come under the name meanwhile: it is a drop of its own."""
        now = self._server.row(held.path)
        return now is None or (now.size, now.mtime) != (held.row.size, held.row.mtime)

    def _drop(self, held: Held, act: str) -> Drop:
        return Drop(self._partner.name, held.box, self.name, act, readable(held.name))


def _act(held: Held, digest: str) -> str:
    """The identity of a deposit that could not be claimed."""
    facts = f"{held.path}\0{held.row.size}\0{held.row.mtime}\0{digest}"
    return hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()


def _shortened(name: str) -> str:
    return name.encode("utf-8", "surrogateescape")[:_NAME_BYTES].decode("utf-8", "surrogateescape")
