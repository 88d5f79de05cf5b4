"""When what failed for a passing reason is due again, by any name; kept in memory: a new start tries at once. It does nothing itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from gateway import retry
from gateway.ports import Clock


def _unheard(due: dict[str, float]) -> None:
    """Nobody is told."""


@dataclass
class BackOff:
    """`tell`: hears of every change, name → when it is due (monotonic seconds)."""

    clock: Clock
    tell: Callable[[dict[str, float]], None] = _unheard
    _failures: dict[str, int] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)

    def failed(self, name: str) -> timedelta:
        """One failure more; how long to wait."""
        count = self._failures[name] = self._failures.get(name, 0) + 1
        pause = retry.delay(count, jitter=random.random())  # noqa: S311 - spreads retries, protects nothing
        self._due[name] = self.clock.monotonic() + pause.total_seconds()
        self.tell(self._due)
        return pause

    def waits(self, name: str) -> bool:
        """True while its time has not come."""
        return self.clock.monotonic() < self._due.get(name, 0.0)

    def failures(self, name: str) -> int:
        """In a row, so far."""
        return self._failures.get(name, 0)

    def forget(self, name: str) -> None:
        """It went well."""
        self._failures.pop(name, None)
        if self._due.pop(name, None) is not None:
            self.tell(self._due)
