"""When to try again after a transient failure: doubling delays with a ceiling; it keeps no state and reads no clock."""

from __future__ import annotations

from datetime import timedelta

FIRST = timedelta(seconds=2)
CEILING = timedelta(minutes=10)
ATTEMPTS_BEFORE_PARKING = 3
"""A flow whose work ended three times by a fault of ours is parked, never blamed on its partner (reliability.md 2.6)."""

RELOAD_AWAITED = timedelta(hours=1)
"""How long a flow of a partner that the loop does not know waits for a reload; then it is parked like any whose partner's file is gone."""


def delay(attempt: int, *, jitter: float = 0.0) -> timedelta:
    """How long to wait before attempt `attempt` + 1 (from 1); `jitter` in [0, 1) spreads it over one more quarter."""
    doublings: int = min(max(attempt, 1) - 1, 20)
    base = min(FIRST * (1 << doublings), CEILING)
    return base * (1 + jitter / 4)
