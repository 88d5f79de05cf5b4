"""The order of durable steps in a recording: no yes before fsync of blob, of folder, and COMMIT; it runs nothing.

Rules (reliability.md 2.1, 2.4, 2.7), thread by thread:
  bytes    a blob, a return or a delivery gets its name only after an fsync that follows its last write
  folder   a transaction is not written before the fsync of each folder that got a name, blobs/ itself when it got a new folder
  segment  a transaction is not written while a segment holds bytes without fsync (true of this harness's flows: one batch each)
  commit   a yes – the claimed drop removed, the answer on the wire, the State's file removed – comes after the sync of the log's last write
  intent   the final name at the State is asked for after a COMMIT that follows the last byte of its .part

Limits: what a transaction holds is not seen, only when it was written; so each yes needs one COMMIT of its own after its blob's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.calls import Call

_WRITES = frozenset({"write", "writev", "pwrite64", "pwritev"})
_SYNCS = frozenset({"fsync", "fdatasync"})
_RENAMES = frozenset({"rename", "renameat", "renameat2"})
_LINKS = frozenset({"link", "linkat"})
_UNLINKS = frozenset({"unlink", "unlinkat"})
_ANSWERS = frozenset({"sendto", "sendmsg"})


@dataclass(slots=True)
class Order:
    """`faults`: sentences. `seen`: how often each kind of step was judged, so that an empty recording cannot pass."""

    faults: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Thread:
    site: str
    order: Order
    written: dict[str, int] = field(default_factory=dict)  # files with bytes since their last fsync, and where
    synced: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)  # with names since their last fsync
    log_dirty: bool = False
    committed: int = -1
    named: int = -1  # when the last blob got its name; -1 once it was answered for

    def judge(self, call: Call) -> None:
        paths = [path.removeprefix(self.site) for path in call.paths if path.startswith(self.site)]
        if call.name in _ANSWERS and not paths:
            if "TCP" in call.text and self.named >= 0:
                self._yes(call, "answer on the wire")
        elif not paths:
            return
        elif call.name in _WRITES:
            self._write(call, paths[0])
        elif call.name in _SYNCS and call.done:
            self._sync(call, paths[0])
        elif call.name in _LINKS and "/spool/blobs/" in paths[-1] and (call.done or "EEXIST" in call.result):
            self._name(call, paths)
            self.named = call.begun
        elif call.name in _RENAMES and call.done and paths[0].endswith(".part"):
            self._name(call, paths)
            self._intent(call, paths)
        elif call.name == "mkdir" and call.done and "/spool/blobs/" in paths[0]:
            self.folders.add(_folder(paths[0]))
        elif call.name in _UNLINKS and call.done and ("/in/.claimed-" in paths[0] or "/chorus/out/" in paths[0]):
            self._yes(call, "drop removed" if "claimed" in paths[0] else "State's file removed")

    def _write(self, call: Call, path: str) -> None:
        if not path.endswith("gateway.db-wal"):
            self.written[path] = call.begun
            return
        for folder in sorted(f for f in self.folders if "/spool/blobs" in f or f.endswith("/out")):
            self._fault(call, f"a transaction is written before the fsync of {folder}")
        for segment in sorted(p for p in self.written if "/spool/segments/" in p):
            self._fault(call, f"a transaction is written before the fsync of {segment}")
        self.log_dirty = True

    def _sync(self, call: Call, path: str) -> None:
        if path.endswith("gateway.db-wal"):
            self.log_dirty, self.committed = False, call.begun
            self.order.seen["commit"] += 1
        if "/spool/segments/" in path and path in self.written:
            self.order.seen["segment"] += 1
        self.written.pop(path, None)
        self.synced[path] = call.begun
        self.folders.discard(path)

    def _name(self, call: Call, paths: list[str]) -> None:
        source, target = paths[0], paths[-1]
        self.order.seen["name"] += 1
        if source in self.written or source not in self.synced:
            self._fault(call, f"{target} is named before the fsync of its bytes")
        self.folders.add(_folder(target))

    def _intent(self, call: Call, paths: list[str]) -> None:
        if "/chorus/in/" not in paths[-1]:
            return
        self.order.seen["intent"] += 1
        if self.log_dirty or self.committed < self.synced.get(paths[0], -1):
            self._fault(call, f"{paths[-1]} is asked for before a COMMIT says so")

    def _yes(self, call: Call, what: str) -> None:
        self.order.seen[what] += 1
        if self.named < 0:
            self._fault(call, f"{what} without a blob of its own")
        elif self.log_dirty or self.committed < self.named:
            self._fault(call, f"{what} before COMMIT")
        for folder in sorted(f for f in self.folders if "/spool/blobs" in f):
            self._fault(call, f"{what} before the fsync of {folder}")
        self.named = -1

    def _fault(self, call: Call, what: str) -> None:
        self.order.faults.append(f"line {call.begun + 1}: {what}")


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def check(calls: Iterable[Call], site: Path) -> Order:
    """Judge a recording of one phase on `site`."""
    order = Order()
    threads: dict[int, _Thread] = {}
    for call in calls:
        threads.setdefault(call.thread, _Thread(str(site), order)).judge(call)
    return order
