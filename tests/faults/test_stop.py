"""`gateway run` stopped in the middle of a big flow, by SIGTERM and by `kill -9` of its supervisor: no orphans, nothing lost or doubled."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

import pytest

from gateway import bootstrap, sites
from gateway.lifecycle import State
from tests.ubl_invoices import invoice

pytestmark = pytest.mark.faults

INVOICES = 1_200


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The demo's site with one archive in its box."""
    folder = tmp_path / "site"
    sites.make(folder, demo=True)
    part = folder / "var/boxes/demo/in/.big.tar.gz.part"
    with tarfile.open(part, "w:gz", compresslevel=1) as archive:
        for n in range(1, INVOICES + 1):
            data = invoice(n, lines=1)
            entry = tarfile.TarInfo(f"{n:05d}.xml")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    part.rename(part.with_name("big.tar.gz"))
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "kill -9"])
def test_a_stop_in_the_middle_of_a_big_flow_is_quick_and_harmless(site: Path, number: signal.Signals) -> None:
    running = start(site)
    try:
        wait_until_half_judged(site, running)
        family = descendants(running.pid)
        assert len(family) >= 6, "the loops and the validation children"
        asked = time.monotonic()
        running.send_signal(number)
        code = running.wait(10)
        assert time.monotonic() - asked <= 5.0
        assert code == (0 if number is signal.SIGTERM else -signal.SIGKILL)
        assert left_after(family, asked + 5.0) == []
    finally:
        running.kill()
        running.wait()
    again = start(site, "--until-idle")
    assert again.wait(120) == 0
    assert_all_there(site)


def start(site: Path, *options: str) -> subprocess.Popen[bytes]:
    """`gateway run`, its log thrown away."""
    command = [sys.executable, "-m", "gateway", "--site", str(site), "run", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until_half_judged(site: Path, running: subprocess.Popen[bytes]) -> None:
    """Some verdicts are committed and the flow is not through."""
    deadline = time.monotonic() + 60
    with bootstrap.open_site(site) as gw:
        while time.monotonic() < deadline and running.poll() is None:
            flows = gw.store.flows()
            if flows and 0 < gw.store.counts(flows[0].number)["invoices"] < INVOICES:
                assert flows[0].state is State.OPENED
                return
            time.sleep(0.01)
    pytest.fail("the flow was never seen half judged")


def descendants(pid: int) -> list[int]:
    """Every process below `pid`."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def left_after(family: list[int], until: float) -> list[int]:
    """Who still runs; waits until then at most."""
    while (left := [pid for pid in family if alive(pid)]) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def alive(pid: int) -> bool:
    """False for a zombie that nobody has fetched yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_all_there(site: Path) -> None:
    """One flow, closed, and each of its invoices once at the State."""
    with bootstrap.open_site(site) as gw:
        (flow,) = gw.store.flows()
        assert flow.state is State.CLOSED
        assert gw.store.counts(flow.number) == {"invoices": INVOICES, "accepted": INVOICES, "rejected": 0, "held": 0}
    seen: Counter[str] = Counter()
    for line in (site / "var/chorus/.double/ledger.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if "taken" in event:
            assert event["kind"] == "accepted"
            seen.update(entry["number"] for entry in event["numbers"])
    assert len(seen) == INVOICES
    assert set(seen.values()) == {1}
    assert not list((site / "var/boxes/demo/in").iterdir())
    assert (site / f"var/boxes/demo/out/RECEIPT_{flow.number}.xml").is_file()
