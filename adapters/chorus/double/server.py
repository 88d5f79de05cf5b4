"""The State's side in a folder: takes deposits from in/, answers into out/ along a schedule; it opens no port (see http.py, sftp.py).

Everything it knows lives under .double/, so that it goes on after kill -9: a deposit is claimed by rename, counted durably, then answered.
Limits: deposits must come by rename; a file written in place under its final name may be taken half-written.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.chorus.double.judgement import Answer, judge, refuse
from adapters.chorus.double.ledger import Ledger
from adapters.chorus.double.reading import FlowName, Unreadable, flow_name, read_flow
from adapters.chorus.double.report import integration_report, report_name, status_name, status_report
from adapters.chorus.double.schedule import plan
from adapters.chorus.remote import move_refusing, sync_folder
from gateway.ports import Clock

UNFINISHED = (".part", ".tmp", ".filepart")
SCAN_SECONDS = 0.2


class Double:
    """A loop of its own (gateway/loops.py). `root` is made when absent. `LockHeld` when another double works there.

    `schedule`: seconds after the deposit at which the first, second… status of an invoice is due.
    """

    name = "double"

    def __init__(self, root: Path, schedule: Sequence[float], clock: Clock) -> None:
        self.root = root
        self._schedule = tuple(schedule)
        self._clock = clock
        self._lock = threading.Lock()  # control requests read what a step writes
        self._state = root / ".double"
        for folder in ("in", "out", ".double/taken", ".double/kept"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self._ledger = Ledger(self._state / "ledger.jsonl")

    def step(self) -> bool:
        """Take what lies in in/, write what is due; True when something was done."""
        with self._lock:
            taken = self._take()
            judged = self._judge_taken()
            written = self._write_due(self._clock.now())
        return bool(taken or judged or written)

    def idle(self) -> bool:
        """Nothing waits in in/, nothing is scheduled any more."""
        with self._lock:
            return not (self._waiting() or self._claimed() or self._ledger.pending)

    def deposits(self, kind: str = "accepted") -> list[dict[str, Any]]:
        """What was taken: accepted (read, whatever became of its invoices), refused (not read) or doubled (a name seen before)."""
        with self._lock:
            return [d for d in self._ledger.deposits if d["kind"] == kind]

    def statuses(self) -> list[dict[str, Any]]:
        """Answers not yet written: name and when due."""
        with self._lock:
            return [{"name": a["name"], "due": a["due"]} for a in self._ledger.pending.values()]

    def pause(self) -> float:
        """Seconds between two looks into in/."""
        return SCAN_SECONDS

    def close(self) -> None:
        """Let go of the folder."""
        self._ledger.close()

    def _waiting(self) -> list[Path]:
        return sorted(p for p in (self.root / "in").iterdir() if _complete(p.name) and p.is_file())

    def _claimed(self) -> list[Path]:
        return sorted((self._state / "taken").iterdir())

    def _take(self) -> int:
        waiting = self._waiting()
        for path in waiting:
            place = len(self._ledger.files | {p.name for p in self._claimed()}) + 1
            move_refusing(path, self._state / "taken" / f"{place:09d}_{path.name}")
        if waiting:
            sync_folder(self._state / "taken")
            sync_folder(self.root / "in")
        return len(waiting)

    def _judge_taken(self) -> int:
        claimed = self._claimed()
        for path in claimed:
            if path.name not in self._ledger.files:
                self._ledger.append(self._judge(path))
            path.rename(self._state / "kept" / path.name)
        return len(claimed)

    def _judge(self, path: Path) -> dict[str, Any]:
        """The event that counts the deposit and holds its answers."""
        name, at = path.name.split("_", 1)[1], self._clock.now()
        flow = flow_name(name)
        doubled = name in self._ledger.names
        answer = self._answer(path, flow, doubled)
        return {
            "taken": path.name, "kind": "doubled" if doubled else "accepted" if answer.whole else "refused", "name": name,
            "sha256": _sha256(path), "size": path.stat().st_size, "at": at.isoformat(), "application": flow.application if flow else "",
            "invoices": len(answer.invoices), "integrated": len(answer.integrated), "status": answer.status,
            "numbers": [{"number": s.number, "supplier": s.supplier} for s in answer.invoices],
            "errors": [{"code": r.code, "label": r.label, "number": r.seen.number if r.seen else ""} for r in answer.refusals],
            "keys": [s.key for s in answer.integrated], "answers": self._answers(flow, answer, at) if flow else [],
        }  # fmt: skip

    def _answer(self, path: Path, flow: FlowName | None, doubled: bool) -> Answer:
        try:
            if flow is None:
                raise Unreadable("IRR_FORM", "nom de flux hors grammaire")
            if doubled:
                raise Unreadable("IRR_UNCITE", f"flux {flow.flow_id} déjà reçu")
            return judge(read_flow(path, flow.number), self._ledger.keys.__contains__)
        except Unreadable as unreadable:
            return refuse(unreadable)

    def _answers(self, flow: FlowName, answer: Answer, at: datetime) -> list[dict[str, str]]:
        sequence = self._ledger.sequence + 1
        name = report_name(flow, sequence)
        answers = [_file(name, at, integration_report(name, flow, answer, at))]
        for due in plan(answer.integrated, at, self._schedule):
            sequence += 1
            name = status_name(flow, sequence)
            answers.append(_file(name, due.at, status_report(name, flow, due)))
        return answers

    def _write_due(self, now: datetime) -> int:
        due = [a for a in self._ledger.pending.values() if datetime.fromisoformat(a["due"]) <= now]
        for answer in sorted(due, key=lambda a: (datetime.fromisoformat(a["due"]), a["name"][-15:])):
            self._write(answer["name"], answer["body"].encode())
            self._ledger.append({"written": answer["name"]})
        return len(due)

    def _write(self, name: str, body: bytes) -> None:
        part = self.root / "out" / f"{name}.part"
        with part.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self.root / "out" / name)
        sync_folder(self.root / "out")


def _complete(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(UNFINISHED)


def _file(name: str, due: datetime, body: bytes) -> dict[str, str]:
    return {"name": name, "due": due.isoformat(), "body": body.decode()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
