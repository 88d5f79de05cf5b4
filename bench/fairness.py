"""A small flow dropped while a 100,000-invoice flow of the same partner is under validation: seconds to its control report."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from bench.invoices import archive, invoices
from bench.pipeline import drop, gateway, make_site, running

FLOWS = 40
"""As many small flows tell enough: with rule packs the giant would keep us for minutes."""


def measure(folder: Path, *, count: int = 100_000, every: float = 1.0) -> dict[str, object]:
    """The delays of small flows dropped one after the other, each while the giant of the same partner was being checked."""
    folder.mkdir(parents=True, exist_ok=True)
    giant = folder / f"giant{count}.tar.gz"
    if not giant.exists():
        archive(giant, invoices(count, start=5_000_000), level=1)
    site = make_site(folder / "site-fair")
    delays: list[float] = []
    with running(site):
        drop(site, giant, "giant.tar.gz")
        while state_of(site, "giant.tar.gz") != "opened":
            time.sleep(0.1)
        while len(delays) < FLOWS:
            delay = small_flow(folder, site, len(delays))
            if state_of(site, "giant.tar.gz") != "opened":
                break
            delays.append(delay)
            time.sleep(every)
    return {"small flows": len(delays), "slowest s": round(max(delays), 2), "median s": round(statistics.median(delays), 2)}


def small_flow(folder: Path, site: Path, n: int) -> float:
    """Seconds from the drop of a flow of three invoices to its control report."""
    out = site / "var/boxes/bench/out"
    reports = len(list(out.glob("CONTROL*")))
    started = drop(site, archive(folder / f"small{n}.tar.gz", invoices(3, start=n * 10, prefix="S")), f"small{n}.tar.gz")
    while len(list(out.glob("CONTROL*"))) == reports:
        time.sleep(0.01)
        if time.perf_counter() - started > 120:
            raise TimeoutError(str(site / "log"))
    return time.perf_counter() - started


def state_of(site: Path, file: str) -> str:
    """The state of the flow of that file, "" while there is none."""
    flows = map(json.loads, gateway(site, "inspect", "flows", "--json").splitlines())
    return next((flow["state"] for flow in flows if flow["file"] == file), "")


if __name__ == "__main__":
    print(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/bench")))
