"""Builds the Chorus double with its ports and steps it until told to stop; the site's own double is built by bootstrap.py."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from adapters.chorus.double import RULES, ControlPort, Double, SftpPort
from gateway.errors import Unreachable

PARIS = ZoneInfo("Europe/Paris")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a started double answers. `sftp_port` 0 and `known_hosts` "" without SFTP."""

    root: str
    port: int
    sftp_port: int = 0
    known_hosts: str = ""


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Paris time."""
        return datetime.now(PARIS)

    def monotonic(self) -> float:
        """Seconds since some start."""
        return time.monotonic()


class DemoDouble:
    """The double as one more loop of `gateway run`, with its control port."""

    name = "double"

    def __init__(self, root: Path, schedule: Sequence[float], port: int) -> None:
        self._double = Double(root, schedule, WallClock())
        try:
            self._control = ControlPort(self._double, port)
        except OSError:  # a copy of the site runs beside it: any free port, written to .double/port
            self._control = ControlPort(self._double, 0)

    def step(self) -> bool:
        """See gateway/loops.py."""
        return self._double.step()

    def idle(self) -> bool:
        """Nothing to take, nothing to tell."""
        return self._double.idle()

    def wait(self) -> None:
        """It is not rung: it looks."""
        time.sleep(self._double.pause())

    def wake(self) -> None:
        """Its looks are short."""

    def reload(self, configuration: object) -> bool:
        """The State does not follow our settings."""
        return True

    def close(self) -> None:
        """Let go of port and folder."""
        self._control.close()
        self._double.close()


def double_rules() -> str:
    """What the double integrates, refuses and tells."""
    return RULES


def run_double(
    root: Path, *, port: int, sftp_port: int | None, keys: Sequence[Path], schedule: Sequence[float],
    started: Callable[[Listening], None], stop: threading.Event,
) -> None:  # fmt: skip
    """Serve `root` until `stop` is set. `sftp_port` None: no SFTP; `keys`: public key files allowed there.

    `LockHeld`, `ConfigError`, `Unreachable` when a port is taken.
    """
    double = Double(root, schedule, WallClock())
    control = _opened(port, lambda: ControlPort(double, port))
    counter = _opened(sftp_port, lambda: SftpPort(root, _lines(keys), sftp_port)) if sftp_port is not None else None
    try:
        known = (counter.port, counter.known_hosts) if counter else (0, "")
        started(Listening(str(root), control.port, *known))
        while not stop.is_set():
            if not double.step():
                stop.wait(double.pause())
    finally:
        if counter:
            counter.close()
        control.close()
        double.close()


def _opened(port: int, server: Callable[[], T]) -> T:
    try:
        return server()
    except OSError as taken:
        raise Unreachable(f"127.0.0.1:{port}: {os.strerror(taken.errno or 0)}; choose a free port, or 0 for any") from taken


def _lines(keys: Sequence[Path]) -> list[str]:
    return [line for key in keys for line in key.read_text(encoding="ascii").splitlines() if line.strip() and not line.startswith("#")]
