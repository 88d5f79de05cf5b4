"""`gateway run` killed at its write-side calls while it receives, validates, delivers and answers: nothing lost, nothing doubled.

GATEWAY_FAULT_POINTS: points a phase (8 by default), or `all`. Every kind of call (name and what it touches) is played at least once,
unless the machine is too busy: by default no point is begun after SECONDS, once LEAST points were played.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from itertools import zip_longest

import pytest

from tests.faults import gang
from tests.faults.calls import Point, chosen
from tests.faults.conftest import Workshop
from tests.faults.gang import Tally

pytestmark = pytest.mark.faults

LEAST = 60
"""Points that must be played in all."""

SECONDS = 200.0
"""On two free cores all points of the default take about half of it."""


def wanted_points() -> int:
    """Points a phase; 0 for all."""
    wish = os.environ.get("GATEWAY_FAULT_POINTS", "8")
    return 0 if wish == "all" else int(wish)


def test_a_kill_at_any_write_side_call_loses_nothing_and_doubles_nothing(workshop: Workshop) -> None:
    turns: list[list[tuple[str, Point]]] = []
    kinds: set[str] = set()
    totals: dict[str, tuple[int, int]] = {}
    for phase in workshop.phases:
        _, every, masked = workshop.recording(phase)
        totals[phase] = (len(every), masked)
        turns.append([(phase, point) for point in chosen(every, wanted_points(), kinds)])
        kinds |= {point.kind for point in every}
    asked = [pair for pairs in zip_longest(*turns) for pair in pairs if pair]
    until = time.monotonic() + SECONDS if "GATEWAY_FAULT_POINTS" not in os.environ else math.inf
    tally = gang.play(workshop.folder, asked, enough=lambda so_far: len(so_far.played) >= LEAST and time.monotonic() > until)
    tell(tally, totals)
    assert not tally.lost, tally.told()
    assert not tally.doubled, tally.told()
    assert len(tally.played) >= LEAST
    missed = [f"{played.phase}: {played.point.kind} {played.point.nth}" for played in tally.played if not played.hit]
    assert len(missed) <= 0.1 * len(tally.played), f"processes that did not die at the call that was meant: {missed}"


def tell(tally: Tally, totals: dict[str, tuple[int, int]]) -> None:
    """The figures, phase by phase."""
    groups = (tally.played, [p for p in tally.played if p.hit], tally.lost, tally.doubled)
    played, hits, lost, doubled = (Counter(p.phase for p in group) for group in groups)
    print(f"\n{'phase':<24}{'calls':>7}{'masked':>8}{'killed':>8}{'aimed':>7}{'lost':>6}{'doubled':>9}")
    for phase, (calls, masked) in totals.items():
        print(f"{phase:<24}{calls:>7}{masked:>8}{played[phase]:>8}{hits[phase]:>7}{lost[phase]:>6}{doubled[phase]:>9}")
    everything = sum(calls for calls, _ in totals.values())
    print(f"{len(tally.played)} points of {everything}: {len(tally.lost)} lost, {len(tally.doubled)} doubled, {tally.seconds:.0f} s")
