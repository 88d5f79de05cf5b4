"""The double's memory: one line of JSON an event, fsynced before anybody is answered; a torn last line counts as never written.

Limits: everything is read back into memory at the start; one double a folder (`LockHeld` for a second one).
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from gateway.errors import LockHeld


class Ledger:
    """Append-only. Events: {"taken": file, "kind": accepted|refused|doubled, …, "answers": [{name, due, body}]} and {"written": name}."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise LockHeld(f"{path}: another double works in this folder; stop it first") from None
        self.deposits: list[dict[str, Any]] = []
        self.files: set[str] = set()
        self.names: set[str] = set()
        self.keys: set[str] = set()
        self.pending: dict[str, dict[str, Any]] = {}
        self.sequence = 0
        self._load(path)

    def _load(self, path: Path) -> None:
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            self._apply(json.loads(line))
            whole += len(line)
        os.ftruncate(self._fd, whole)

    def append(self, event: dict[str, Any]) -> None:
        """Durable when this returns."""
        line = json.dumps(event, ensure_ascii=False).encode() + b"\n"
        while line:
            line = line[os.write(self._fd, line) :]
        os.fsync(self._fd)
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        if "written" in event:
            self.pending.pop(event["written"], None)
            return
        self.files.add(event["taken"])
        self.names.add(event["name"])
        self.keys.update(event["keys"])
        for answer in event["answers"]:
            self.pending[answer["name"]] = answer
            self.sequence += 1
        self.deposits.append({k: v for k, v in event.items() if k not in ("answers", "keys", "taken")})

    def close(self) -> None:
        """Lets another double work here."""
        os.close(self._fd)
