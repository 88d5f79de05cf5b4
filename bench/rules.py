"""Rule packs in plain Python beside the official processor: `python -m bench.rules` (saxonche as yardstick, compile time excluded).

saxonche is no dependency: it is used when this interpreter has it, or the one that SAXONCHE_PYTHON names has, for instance
`python3 -m venv /tmp/saxon && /tmp/saxon/bin/pip install saxonche`. Both run as processes of their own, in turns, and medians of their
CPU time are compared, so that other work on the machine counts for both alike. What is timed: bytes in, findings (or SVRL text) out.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import invoices
from gateway.schematron import document, pack, reference

PACKS = ("EN16931-UBL", "EXTENDED-CTC-FR-UBL", "BR-FR-UBL")
ROUNDS = 5
KEPT = Path(tempfile.gettempdir()) / f"gateway-packs-{os.getuid()}"

_SAXON = """
import json, sys, time
from saxonche import PySaxonProcessor
with PySaxonProcessor(license=False) as processor:
    sheets = {}
    for line in sys.stdin:
        sheet, name, times = json.loads(line)
        if sheet not in sheets:
            sheets[sheet] = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=sheet)
        text, spent = open(name, encoding="utf-8").read(), []
        for _ in range(times):
            begun = time.process_time()
            sheets[sheet].transform_to_string(xdm_node=processor.parse_xml(xml_text=text))
            spent.append(time.process_time() - begun)
        print(json.dumps(spent), flush=True)
"""


class Saxon:
    """The yardstick in a process of its own; None answers when there is none."""

    def __init__(self) -> None:
        python = os.environ.get("SAXONCHE_PYTHON") or (sys.executable if importlib.util.find_spec("saxonche") else "")
        self._process = (
            subprocess.Popen([python, "-c", _SAXON], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            if python
            else None
        )

    def spent(self, sheet: Path, file: Path, times: int) -> list[float]:
        """CPU seconds of each time."""
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            return []
        self._process.stdin.write(json.dumps([str(sheet), str(file), times]) + "\n")
        self._process.stdin.flush()
        answer: list[float] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()


def measure() -> dict[str, object]:
    """Ratios and absolute figures, by name."""
    gc.set_threshold(50_000, 20, 100)  # as in a validation child
    with tempfile.TemporaryDirectory() as folder:
        files = {lines: Path(folder) / f"{lines}.xml" for lines in (10, 500, 10_000)}
        for lines, file in files.items():
            file.write_bytes(invoices.invoice(7, lines=lines))
        figures: dict[str, object] = {}
        saxon = Saxon()
        for name in PACKS:
            figures |= _of_pack(name, files, saxon)
        saxon.close()
        figures |= _processes(files)
    return figures


def _of_pack(name: str, files: dict[int, Path], saxon: Saxon) -> dict[str, object]:
    judge, compiled, sheet = reference.Evaluator(), pack.official(name, KEPT), pack.others()[name].locate()
    figures: dict[str, object] = {}
    ours: dict[int, float] = {}
    for lines, times in ((10, 40), (500, 3)):
        mine: list[float] = []
        theirs: list[float] = []
        for _ in range(ROUNDS):
            mine += _spent(compiled, judge, files[lines].read_bytes(), times)
            theirs += saxon.spent(sheet, files[lines], times)
        ours[lines] = statistics.median(mine)
        beside = f", saxonche {statistics.median(theirs) * 1e3:.2f} ms, ratio {statistics.median(theirs) / ours[lines]:.2f}" if theirs else ""
        figures[f"{name}, {lines} lines"] = f"{ours[lines] * 1e3:.2f} ms{beside}"
    large = min(_spent(compiled, judge, files[10_000].read_bytes(), 2))
    figures[f"{name}, 10,000 lines"] = f"{large:.2f} s, {large / ours[500]:.1f} times 500 lines"
    return figures


def _spent(compiled: pack.Pack, judge: reference.Evaluator, data: bytes, times: int) -> list[float]:
    spent: list[float] = []
    for _ in range(times):
        begun = time.process_time()
        found = document.read(data)
        assert found is not None
        judge.evaluate(compiled, found)
        spent.append(time.process_time() - begun)
        del found
    return spent


# Memory and start of fresh processes.

def _processes(files: dict[int, Path]) -> dict[str, object]:
    everything = _child("all", files[500])
    capped = _child("capped", files[500])
    begun = time.perf_counter()
    cold = _child("cold", files[10])
    return {
        "RSS with all packs, 500 lines": f"{everything['rss']} MB", "under RLIMIT_AS 1 GB": f"{capped['findings']} findings, {capped['rss']} MB",
        "cold start, first findings": f"{time.perf_counter() - begun:.2f} s, of which imports {cold['imports']:.2f} s",
    }  # fmt: skip


def _child(what: str, file: Path) -> dict[str, Any]:
    started = subprocess.run([sys.executable, "-m", "bench.rules", what, str(file)], check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(started.stdout)
    return answer


def child(what: str, file: Path, imported: float) -> None:
    """One fresh process: packs from the cache, one document; prints what it took."""
    if what == "capped":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    judge, found = reference.Evaluator(), document.read(file.read_bytes())
    assert found is not None
    names = PACKS[:1] if what == "cold" else tuple(pack.others())
    findings = [finding for name in names for finding in judge.evaluate(pack.official(name, KEPT), found)]
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage's figure begins with the parent's
    rss = next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"findings": len(findings), "rss": rss, "imports": imported}))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        child(sys.argv[1], Path(sys.argv[2]), time.process_time())
    else:
        for figure, value in measure().items():
            print(f"{figure:<38}{value}")
