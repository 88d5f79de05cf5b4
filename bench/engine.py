"""The native evaluator beside the official processor and the readable one: `python -m bench.engine` (yardstick: see `bench/rules.py`).

Bytes in, findings out (SVRL text for saxonche and the JVM), compile time excluded. Ratios of medians of CPU time, taken in turns in one
run, so that other work on the machine counts for all alike; on a machine that is not idle the ratio of the best times is the steadier
one. The JVM is measured where it is installed (`bench/jvm.py`). Packs of CII judge a sample whose first line is repeated. BR-FR-CDV has
no lines and is left out.
"""

from __future__ import annotations

import copy
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from lxml import etree

from bench import invoices
from bench.jvm import Jvm
from bench.rules import KEPT, Saxon
from gateway.schematron import document, evaluator, native, pack, reference

ROUNDS = 5
TIMES = {10: (200, 20, 20), 500: (20, 2, 2)}
"""Lines → how often a round asks the native evaluator, saxonche and the readable one."""
LARGE = 4_188
"""Lines of the invoice that is reported to take six minutes elsewhere."""
_CII = Path(__file__).resolve().parents[1] / "samples" / "accepted" / "cii-lingerie-hopital.xml"
_LINE = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}IncludedSupplyChainTradeLineItem"


def cii(lines: int) -> bytes:
    """The sample with so many lines like its first, adding up."""
    root = etree.fromstring(_CII.read_bytes())
    first = next(root.iter(_LINE))
    for line in list(root.iter(_LINE))[1:]:
        line.getparent().remove(line)  # type: ignore[union-attr]
    for number in range(lines, 1, -1):
        line = copy.deepcopy(first)
        next(line.iter("{*}LineID")).text = str(number)
        first.addnext(line)
    net = lines * Decimal(first.findtext(".//{*}LineTotalAmount", ""))
    vat = (net / 5).quantize(Decimal("0.01"))  # its only rate is 20 %
    totals = {"LineTotalAmount": net, "TaxBasisTotalAmount": net, "TaxTotalAmount": vat, "GrandTotalAmount": net + vat}
    totals |= {"DuePayableAmount": net + vat, "BasisAmount": net, "CalculatedAmount": vat}
    for name, amount in totals.items():
        for element in root.iterfind(f".//{{*}}ApplicableHeaderTradeSettlement//{{*}}{name}"):
            element.text = str(amount)
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def measure() -> dict[str, object]:
    """Figures by name; none where the library is not installed."""
    if native.version() is None:
        return {"native evaluator": "not installed"}
    saxon, jvm = Saxon(), Jvm()
    figures: dict[str, object] = {"native evaluator": evaluator.name_and_version()}
    with tempfile.TemporaryDirectory() as folder:
        for name, file in pack.others().items():
            if file.syntax != "cdar":
                figures |= dict(_of_pack(name, Path(folder), saxon, jvm))
        saxon.close()
        jvm.close()
        figures |= _large(Path(folder))
    return figures | _threads() | _processes()


def _invoice(name: str, lines: int) -> bytes:
    return invoices.invoice(7, lines=lines) if pack.others()[name].syntax == "ubl" else cii(lines)


def _of_pack(name: str, folder: Path, saxon: Saxon, jvm: Jvm) -> Iterator[tuple[str, object]]:
    judging, sheet = pack.official(name, KEPT), pack.others()[name].locate()
    fast, readable = native.Evaluator(), reference.Evaluator()
    for lines, (often, yardstick, seldom) in TIMES.items():
        data, file = _invoice(name, lines), folder / f"{lines}.xml"
        file.write_bytes(data)
        ours: list[float] = []
        theirs: list[float] = []
        plain: list[float] = []
        for _ in range(ROUNDS):
            ours += _spent(lambda: fast.evaluate(judging, document.Document(data)), often)  # noqa: B023
            theirs += saxon.spent(sheet, file, yardstick)
            plain += _spent(lambda: readable.evaluate(judging, document.Document(data)), seldom)  # noqa: B023
        assert not fast.troubles
        mine, python = statistics.median(ours), statistics.median(plain) / statistics.median(ours)
        beside = ""
        if theirs:
            ratio, best = statistics.median(theirs) / mine, min(theirs) / min(ours)
            beside = f"saxonche {statistics.median(theirs) * 1e3:.2f} ms, ratio {ratio:.1f} (of best times {best:.1f}), "
        if warm := jvm.median(sheet, file, lines):
            beside += f"JVM {warm * 1e3:.2f} ms, ratio {warm / mine:.1f}, "
        yield f"{name}, {lines} lines", f"{mine * 1e3:.3f} ms, {beside}python ratio {python:.1f}"


def _spent(work: Callable[[], object], times: int) -> list[float]:
    """CPU seconds of each time."""
    spent: list[float] = []
    for _ in range(times):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return spent


def _large(folder: Path) -> dict[str, object]:
    """The large invoice by two packs, and how time grows with lines."""
    fast = native.Evaluator()
    packs = [pack.official(name, KEPT) for name in ("EXTENDED-CTC-FR-UBL", "BR-FR-UBL")]
    data = _padded(invoices.invoice(7, lines=LARGE), 6_900_000)
    both = min(_spent(lambda: _judged(fast, packs, data), 5))
    half, ten_thousand = invoices.invoice(7, lines=500), invoices.invoice(7, lines=10_000)
    short = min(_spent(lambda: _judged(fast, packs[:1], half), 20))
    long = min(_spent(lambda: _judged(fast, packs[:1], ten_thousand), 3))
    return {
        f"{LARGE:,} lines, {len(data) / 1e6:.1f} MB, EXTENDED-CTC-FR-UBL and BR-FR-UBL": f"{both:.3f} s",
        "10,000 lines / 500 lines, EXTENDED-CTC-FR-UBL": f"{long / short:.1f}",
    }


def _padded(data: bytes, size: int) -> bytes:
    """The same with longer notes on its lines, so that it has the size reported."""
    lines = data.count(b"<cac:InvoiceLine>")
    more = b" x" * ((size - len(data)) // lines // 2)
    return data.replace(b"</cbc:Note><cbc:InvoicedQuantity", more + b"</cbc:Note><cbc:InvoicedQuantity")


def _judged(fast: native.Evaluator, packs: list[pack.Pack], data: bytes) -> None:
    found = document.Document(data)
    for judging in packs:
        fast.evaluate(judging, found)


def _threads() -> dict[str, object]:
    """Documents a second of two threads over those of one, in turns."""
    fast, judging, data = native.Evaluator(), [pack.official("EN16931-UBL", KEPT)], invoices.invoice(7, lines=500)
    ratios = [_rate(fast, judging, data, 2) / _rate(fast, judging, data, 1) for _ in range(ROUNDS)]
    return {"two threads / one, 500 lines": f"{statistics.median(ratios):.2f}"}


def _rate(fast: native.Evaluator, judging: list[pack.Pack], data: bytes, threads: int) -> float:
    def work() -> None:
        for _ in range(60):
            _judged(fast, judging, data)

    started = [threading.Thread(target=work) for _ in range(threads)]
    begun = time.perf_counter()
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return threads * 60 / (time.perf_counter() - begun)


def _processes() -> dict[str, object]:
    """Memory of fresh processes."""
    whole, capped = _child("whole"), _child("capped")
    return {
        "RSS with all packs, 500 lines": f"{whole['rss']} MB, of which {whole['before']} MB before the first pack",
        "under RLIMIT_AS 400 MB, all packs, 100 times 500 lines": f"{capped['documents']} judged, {capped['rss']} MB",
    }  # fmt: skip


def _child(what: str) -> dict[str, int]:
    started = subprocess.run([sys.executable, "-m", "bench.engine", what], check=True, capture_output=True, text=True)
    answer: dict[str, int] = json.loads(started.stdout)
    return answer


def child(what: str) -> None:
    """One fresh process with all packs."""
    if what == "capped":
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
    before = _peak()
    fast, data = native.Evaluator(), invoices.invoice(7, lines=500)
    documents = 100 if what == "capped" else 1
    for name in pack.others():
        judging = pack.official(name, KEPT)
        for _ in range(documents if name == "EN16931-UBL" else 1):
            fast.evaluate(judging, document.Document(data))
    assert not fast.troubles
    print(json.dumps({"documents": documents, "before": before, "rss": _peak()}))


def _peak() -> int:
    """Most memory this process had, in MB; getrusage would count what its parent had when it forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1])
    else:
        for figure, value in measure().items():
            print(f"{figure:<80}{value}")
