"""The site's board on disk: what each loop put off until later, and what it left to do now, for other processes; it decides nothing.

One file a topic, `<folder>/<topic>.json`, with the writer's process: what a dead one left says nothing. A hint – a full disk loses it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.ports import Clock


class DiskBoard:
    """See ports.Board. A topic has one writer at a time."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock

    def put(self, topic: str, due: Mapping[str, float]) -> None:
        """All that is put off of a topic, in place of what was before."""
        self._write(topic, due=dict(due))

    def postponed(self, topic: str) -> dict[str, float]:
        """What of it waits still, and how many seconds."""
        now = self._clock.monotonic()
        return {name: due - now for name, due in self._noted(topic).get("due", {}).items() if due > now}

    def report(self, topic: str, left: int) -> None:
        """How much a look at a topic, ended now, left to do now."""
        self._write(topic, at=self._clock.monotonic(), left=left)

    def left(self, topic: str, since: float) -> int | None:
        """What the last look left; None when none ended since then (monotonic seconds)."""
        noted = self._noted(topic)
        return int(noted["left"]) if "left" in noted and noted["at"] >= since else None

    def _write(self, topic: str, **said: Any) -> None:
        path = self._folder / f"{topic}.json"
        part = path.with_name(f".{path.name}.part")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps({"pid": os.getpid(), **said}), encoding="utf-8")
            part.replace(path)

    def _noted(self, topic: str) -> dict[str, Any]:
        """What the writer said, if it lives."""
        try:
            noted: dict[str, Any] = json.loads((self._folder / f"{topic}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return noted if Path(f"/proc/{noted['pid']}").exists() else {}
