"""Two workers that play points side by side, and the sum of what they found; a point's meaning is phases.py's."""

from __future__ import annotations

import faulthandler
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.faults.calls import Point

ROOT = Path(__file__).resolve().parents[2]
PLANTED = Path(__file__).resolve().parent / "planted"
SIDE_BY_SIDE = 2
_places = itertools.count()
"""Each point is played in a folder of its own."""


@dataclass(slots=True)
class Played:
    """One point's outcome."""

    phase: str
    point: Point
    lost: list[str]
    doubled: list[str]
    hit: bool


@dataclass(slots=True)
class Tally:
    """All outcomes."""

    played: list[Played] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def lost(self) -> list[Played]:
        return [p for p in self.played if p.lost]

    @property
    def doubled(self) -> list[Played]:
        return [p for p in self.played if p.doubled]

    def told(self) -> str:
        """Every bad point, in words."""
        bad = [p for p in self.played if p.lost or p.doubled]
        return "\n".join(f"{p.phase}: killed at {p.point.kind} (call {p.point.nth}): {p.lost + p.doubled}" for p in bad)


def environment(plant: str = "") -> dict[str, str]:
    """For a worker and all that it starts."""
    planted = {"GATEWAY_PLANT": plant, "PYTHONPATH": str(PLANTED)} if plant else {}
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **planted}


def prepare(workshop: Path) -> None:
    """The prepared sites, made by a worker; what it runs is compiled for good, so that later starts make the same calls."""
    workshop.mkdir(parents=True)
    (workshop / "played").mkdir()
    subprocess.run([sys.executable, "-m", "tests.faults.worker", str(workshop), "prepare"], cwd=ROOT, check=True, timeout=180)


def play(
    workshop: Path, asked: Sequence[tuple[str, Point]], *, plant: str = "", enough: Callable[[Tally], bool] = lambda _: False
) -> Tally:
    """Play (phase, point) pairs until all are done or `enough` says so. Each point has its own limits of time; pytest's is for the sum."""
    faulthandler.cancel_dump_traceback_later()
    queue: SimpleQueue[tuple[int, str, Point]] = SimpleQueue()
    for phase, point in asked:
        queue.put((next(_places), phase, point))
    tally, lock, broken = Tally(), threading.Lock(), []
    started = time.monotonic()

    def serve() -> None:
        command = [sys.executable, "-m", "tests.faults.worker", str(workshop)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, env=environment(plant), stdin=pipe, stdout=pipe, text=True) as worker:
            assert worker.stdin
            assert worker.stdout
            while not enough(tally):
                try:
                    place, phase, point = queue.get_nowait()
                except Empty:
                    break
                order = {"phase": phase, "site": f"{plant}{place:05d}", "name": point.name, "nth": point.nth, "kind": point.kind}
                worker.stdin.write(json.dumps(order) + "\n")
                worker.stdin.flush()
                answer = worker.stdout.readline()
                if not answer:
                    broken.append(f"{phase}: the worker ended at {point}")
                    break
                found = json.loads(answer)
                with lock:
                    tally.played.append(Played(phase, point, found["lost"], found["doubled"], found["hit"]))
            worker.stdin.close()

    threads = [threading.Thread(target=serve) for _ in range(SIDE_BY_SIDE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken, broken
    tally.seconds = time.monotonic() - started
    return tally
