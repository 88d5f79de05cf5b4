"""The site's board on disk: what each loop put off until later, for other processes to read; it decides nothing.

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
        path = self._folder / f"{topic}.json"
        part = path.with_name(f".{path.name}.part")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps({"pid": os.getpid(), "due": dict(due)}), encoding="utf-8")
            part.replace(path)

    def postponed(self, topic: str) -> dict[str, float]:
        """What of it waits still, and how many seconds."""
        try:
            noted: dict[str, Any] = json.loads((self._folder / f"{topic}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        if not Path(f"/proc/{noted['pid']}").exists():
            return {}
        now = self._clock.monotonic()
        return {name: due - now for name, due in noted["due"].items() if due > now}
