"""More flows at once than the children have room for: each keeps every one of its invoices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import sites
from gateway.bootstrap import deposit_file, open_site
from gateway.lifecycle import State
from gateway.model import Box


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    sites.make(folder, demo=True)
    return folder


def test_a_flow_whose_only_answer_comes_before_its_end_was_read_keeps_its_invoices(site: Path) -> None:
    with open_site(site) as gw:
        for sample in sorted((site / "samples").glob("*.xml")):
            deposit_file(gw, "demo", sample, Box.REAL)
    command = [sys.executable, "-m", "gateway", "--site", str(site), "run", "work", "--until-idle"]
    subprocess.run(command, check=True, timeout=60, env={**os.environ}, capture_output=True)
    with open_site(site) as gw:
        flows = gw.store.flows()
        assert len(flows) > 20
        empty = [flow.name for flow in flows if not gw.store.counts(flow.number)["invoices"]]
        assert empty == []
        assert {flow.state for flow in flows} == {State.DELIVERED}
