"""A 1 GB tar.gz of invoices with attachments: memory of every process, seconds to receipt and to control report."""

from __future__ import annotations

import base64
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.invoices import archive, invoice
from bench.pipeline import drop, make_site, running

ATTACHMENT_BYTES = 146_000  # base64 makes 195 kB of it, which packs to 147 kB: 6,500 invoices are just under 1 GB, the partner's limit
COUNT = 6_500


def documents(count: int) -> Iterator[bytes]:
    """Two-line invoices, each with a PDF-like attachment that does not compress; the same random block, cut elsewhere each time."""
    noise = os.urandom(ATTACHMENT_BYTES * 3)
    for n in range(count):
        start = n * 41 % (ATTACHMENT_BYTES * 2)
        pdf = b"%PDF-1.7\n" + n.to_bytes(8, "big") + os.urandom(65_536) + noise[start : start + ATTACHMENT_BYTES - 65_553]
        yield invoice(n, lines=2, attachment=base64.b64encode(pdf).decode(), prefix="G")


def peak(pid: int) -> int:
    """High-water mark of a process's resident memory, MB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def share(pid: int) -> int:
    """A process's memory, MB: what it alone holds, and its part of what several map (PSS), so that shares may be added up."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("Pss:")), 0)


def family(pid: int) -> dict[int, str]:
    """A process and all its descendants, with what each is."""
    found = {pid: "supervisor"}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])
            words = (path / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent in found or parent == pid:
            found[int(path.name)] = "child" if b"adapters.validation_child" in words else words[-2].decode() or "?"
    return found


def measure(folder: Path, *, count: int = COUNT) -> dict[str, object]:
    """Peaks in MB and times in seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    flow = folder / "big.tar.gz"
    if not flow.exists():
        archive(flow, documents(count), level=1)
    site = make_site(folder / "site-big")
    peaks: dict[str, int] = {}
    together = 0
    with running(site) as process:
        started = drop(site, flow, "big.tar.gz")
        receipt = 0.0
        out = site / "var/boxes/bench/out"
        while not (done := [p for p in out.iterdir() if p.name.startswith("CONTROL")]):
            receipt = receipt or (time.perf_counter() - started if list(out.glob("RECEIPT*")) else 0.0)
            processes = family(process.pid)
            for pid, what in processes.items():
                peaks[what] = max(peaks.get(what, 0), peak(pid))
            together = max(together, sum(share(pid) for pid, what in processes.items() if what != "child"))
            time.sleep(0.1)
            if time.perf_counter() - started > 600:
                raise TimeoutError(str(site / "log"))
        took = time.perf_counter() - started
        accepted = done[0].read_bytes().count(b'verdict="accepted"')
    shutil.rmtree(site)
    return {"bytes": flow.stat().st_size, "invoices": accepted, "receipt s": round(receipt, 1), "control s": round(took, 1), "peak MB": peaks,
            "gateway in all MB": together}  # fmt: skip


if __name__ == "__main__":
    print(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/bench")))
