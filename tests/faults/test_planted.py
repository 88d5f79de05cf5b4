"""The harness is not blind: faults planted into the product turn it red.

Nothing of the product is switched: planted/sitecustomize.py replaces functions in the processes that the harness starts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import gang, order
from tests.faults.calls import Point, chosen
from tests.faults.conftest import Workshop
from tests.faults.gang import Tally
from tests.faults.phases import PHASES, record

pytestmark = pytest.mark.faults


NEVER = Point("fsync", 60_000, "no kill")


def hunt(workshop: Workshop, plant: str, phase: str, points: list[Point]) -> Tally:
    """Kills of the product with the fault, until the first loss or double; without a kill the fault does no harm."""
    asked = [(phase, point) for point in (NEVER, *points)]
    tally = gang.play(workshop.folder, asked, plant=plant, enough=lambda tally: bool(tally.lost or tally.doubled))
    assert [played.lost + played.doubled for played in tally.played if played.point == NEVER] == [[]], tally.told()
    print(f"\n{plant}: {len(tally.lost)} lost, {len(tally.doubled)} doubled after {len(tally.played)} points, {tally.seconds:.0f} s")
    return tally


def points_with(workshop: Workshop, plant: str, phase: str, monkeypatch: pytest.MonkeyPatch) -> list[Point]:
    """The points of the product with the fault: its calls are others."""
    monkeypatch.setenv("GATEWAY_PLANT", plant)
    monkeypatch.setenv("PYTHONPATH", str(gang.PLANTED))
    site = workshop.site(f"points {plant}")
    _, points, _ = record(PHASES[phase], workshop.folder, site)
    monkeypatch.undo()
    return points


def after(points: list[Point], kind: str) -> list[Point]:
    """What follows the first call of that kind."""
    place = next(n for n, point in enumerate(points) if kind in point.kind)
    return points[place + 1 :]


@pytest.mark.parametrize("plant", ["yes-before-commit", "early-unlink"])
def test_a_drop_released_too_early_is_seen_as_a_loss(workshop: Workshop, plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = after(points_with(workshop, plant, "receive", monkeypatch), "unlink var/boxes/demo/in/.claimed-")
    tally = hunt(workshop, plant, "receive", chosen(points[:40], 8, {p.kind for p in points}))
    assert tally.lost


def test_a_yes_on_the_wire_before_commit_is_seen_as_a_loss(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = "yes-on-the-wire-before-commit"
    points = after(points_with(workshop, plant, "counter", monkeypatch), "unlink var/spool/sftp")
    tally = hunt(workshop, plant, "counter", chosen(points, 8, {p.kind for p in points}))
    assert tally.lost


def test_a_delivery_sent_again_under_another_name_is_seen_as_doubled(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, phase = "resend-on-unknown", "deposit, taken at once"
    points = after(points_with(workshop, plant, phase, monkeypatch), "renameat2")
    tally = hunt(workshop, plant, phase, chosen(points, 8, {p.kind for p in points}))
    assert tally.doubled


@pytest.mark.parametrize(
    ("plant", "word"),
    [("no-blob-fsync", "is named before the fsync of its bytes"), ("no-folder-fsync", "before the fsync of /var/spool/blobs/")],
)
@pytest.mark.parametrize("phase", ["receive", "collect"])
def test_a_missing_fsync_is_seen_in_the_recorded_order(
    workshop: Workshop, plant: str, word: str, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_PLANT", plant)
    monkeypatch.setenv("PYTHONPATH", str(gang.PLANTED))
    site: Path = workshop.site(f"{plant} {phase}")
    calls, _, _ = record(PHASES[phase], workshop.folder, site)
    faults = order.check(calls, site).faults
    assert any(word in fault for fault in faults), faults
