"""The real product's calls in their order: no yes, no removal before fsync of blob, fsync of folder, COMMIT; and the checker checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.calls import Call
from tests.faults.conftest import Workshop
from tests.faults.order import check

LEAST = {
    "receive": {"drop removed": 2, "name": 2, "commit": 3},
    "counter": {"answer on the wire": 2, "name": 8, "commit": 2},
    "work": {"segment": 2, "name": 2, "commit": 6},
    "send": {"name": 4, "commit": 1},
    "deposit": {"intent": 2, "name": 2, "commit": 4},
    "collect": {"State's file removed": 8, "name": 8, "commit": 8},
    "close": {"commit": 2},
}
"""What each recording must hold to prove anything."""


@pytest.mark.faults
@pytest.mark.parametrize("phase", LEAST)
def test_every_yes_comes_after_blob_folder_and_commit(workshop: Workshop, phase: str) -> None:
    calls, _, _ = workshop.recording(phase)
    order = check(calls, workshop.site(f"recorded {phase}"))
    assert order.faults == []
    assert {step: order.seen[step] for step, least in LEAST[phase].items() if order.seen[step] < least} == {}


# --- the checker itself, on recordings written by hand

SITE = Path("/s")
STAGED, BLOB, FOLDER, LOG = "/s/var/spool/staging/u", "/s/var/spool/blobs/ab/abc", "/s/var/spool/blobs/ab", "/s/var/gateway.db-wal"
CLAIMED = "/s/var/boxes/demo/in/.claimed-u-f.xml"
RIGHT = [
    ("write", STAGED), ("fsync", STAGED), ("link", STAGED, BLOB), ("fsync", FOLDER),
    ("pwrite64", LOG), ("fdatasync", LOG), ("unlink", CLAIMED),
]  # fmt: skip


def calls(*steps: tuple[str, ...]) -> list[Call]:
    return [Call(1, name, 1, n, n, "TCP" if name == "sendto" else "", tuple(paths), "0") for n, (name, *paths) in enumerate(steps)]


def test_the_right_order_has_no_fault() -> None:
    assert check(calls(*RIGHT), SITE).faults == []


@pytest.mark.parametrize(
    ("missing", "fault"),
    [
        (1, "is named before the fsync of its bytes"),
        (2, "drop removed without a blob of its own"),
        (3, "a transaction is written before the fsync of /var/spool/blobs/ab"),
        (5, "drop removed before COMMIT"),
    ],
)
def test_each_missing_step_is_told(missing: int, fault: str) -> None:
    steps = [step for n, step in enumerate(RIGHT) if n != missing]
    assert any(fault in told for told in check(calls(*steps), SITE).faults)


def test_a_yes_on_the_wire_before_commit_is_told() -> None:
    steps = [*RIGHT[:4], ("sendto",), *RIGHT[4:6]]
    assert [fault.partition(": ")[2] for fault in check(calls(*steps), SITE).faults] == ["answer on the wire before COMMIT"]


def test_a_final_name_asked_for_before_its_intent_is_committed_is_told() -> None:
    part, final = "/s/var/chorus/in/FSO.part", "/s/var/chorus/in/FSO"
    early = [("write", part), ("pwrite64", LOG), ("fdatasync", LOG), ("fsync", part), ("renameat2", part, final)]
    assert any("is asked for before a COMMIT says so" in fault for fault in check(calls(*early), SITE).faults)
    right = [("write", part), ("fsync", part), ("pwrite64", LOG), ("fdatasync", LOG), ("renameat2", part, final)]
    assert check(calls(*right), SITE).faults == []


def test_a_segment_without_fsync_at_commit_is_told() -> None:
    segment = "/s/var/spool/segments/F1.1"
    assert any("segments/F1.1" in fault for fault in check(calls(("write", segment), ("pwrite64", LOG)), SITE).faults)
    assert check(calls(("write", segment), ("fsync", segment), ("pwrite64", LOG)), SITE).faults == []
