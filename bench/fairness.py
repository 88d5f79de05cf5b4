"""A small flow dropped while a 100,000-invoice flow of the same partner is under validation: seconds to its control report."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.invoices import archive, invoices
from bench.pipeline import drop, gateway, make_site, running


def measure(folder: Path, *, count: int = 100_000, every: float = 3.0, small: int = 10) -> dict[str, object]:
    """The delays of small flows dropped one after the other until the giant is through; same partner and another one."""
    folder.mkdir(parents=True, exist_ok=True)
    giant = folder / f"giant{count}.tar.gz"
    if not giant.exists():
        archive(giant, invoices(count, start=5_000_000), level=1)
    site = make_site(folder / "site-fair")
    out = site / "var/boxes/bench/out"
    delays: list[float] = []
    with running(site):
        drop(site, giant, "giant.tar.gz")
        time.sleep(1.0)
        for n in range(small):
            archive(folder / "small.tar.gz", invoices(3, start=n * 10, prefix="S"))
            reports = len(list(out.glob("CONTROL*")))
            started = drop(site, folder / "small.tar.gz", f"small{n}.tar.gz")
            (folder / "small.tar.gz").unlink()
            while len(list(out.glob("CONTROL*"))) == reports:
                time.sleep(0.01)
                if time.perf_counter() - started > 120:
                    raise TimeoutError(str(site / "log"))
            delays.append(time.perf_counter() - started)
            time.sleep(every)
        state = gateway(site, "inspect", "flows", "--json")
    under_way = '"state":"opened"' in state or '"state":"validated"' in state
    return {"small flows": len(delays), "slowest s": round(max(delays), 2), "median s": round(sorted(delays)[len(delays) // 2], 2),
            "giant still under way at the end": under_way}  # fmt: skip


if __name__ == "__main__":
    print(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/bench")))
