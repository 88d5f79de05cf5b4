"""The line is cut at hundreds of random bytes: never a flow that is short, never a yes without a flow (reliability.md 1.1, row 18)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from adapters.sftp_uploads import Stage
from gateway.model import Box
from tests.sftp_peers import CounterSite, CuttingLine, until

pytestmark = pytest.mark.faults

CUTS = int(os.environ.get("CUTS", "500"))
DATA = random.Random(7).randbytes(300_000)
WIRE = 308_000  # bytes that the client sends for DATA, handshake and CLOSE included: the last cuts fall into the answer


def stopped(site: CounterSite) -> bool:
    return all(u.stage in {Stage.PARTIAL, Stage.PARKED} for u in site.counter.uploads.of("acme", Box.REAL))


@pytest.mark.parametrize("temporary", [False, True])
def test_cut_anywhere_an_upload_is_whole_or_it_is_none(tmp_path: Path, temporary: bool) -> None:
    site = CounterSite(tmp_path, failures_before_ban=1_000_000)
    site.start()
    (tmp_path / "a.xml").write_bytes(DATA)
    dice, yes, taken = random.Random(2026), 0, 0
    try:
        for n in range(CUTS // 2):
            line = CuttingLine(site.port, dice.randrange(1, WIRE))
            batch = f"put a.xml in/{n}.part\nrename in/{n}.part in/{n}\n" if temporary else f"put a.xml in/{n}\n"
            done = site.openssh(batch, port=line.port)
            line.close()
            assert until(lambda: not site.counter._open()), f"cut {n}: a connection is left"
            assert until(lambda: stopped(site)), f"cut {n}: an upload is still open"
            names = [d.name for d, _ in site.ledger.taken]
            assert done.returncode != 0 or str(n) in names, f"cut {n}: a yes without a flow"
            yes, taken = yes + (done.returncode == 0), len(names)
    finally:
        site.counter.stop()
    assert all(data == DATA for _, data in site.ledger.taken)
    assert len({d.transport_id for d, _ in site.ledger.taken}) == taken
    print(f"\n{CUTS // 2} cuts, {taken} flows, {yes} heard yes, 0 short")
    assert taken < CUTS // 2, "no line was cut: the test proves nothing"
