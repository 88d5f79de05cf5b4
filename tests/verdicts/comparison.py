"""Our verdicts beside the official ones: every comparable run must have the same rules failing the same number of times.

Where the official processor stopped, we must say which rule cannot be evaluated. Both evaluators judge, where both are installed, and must
give the same findings: rule, severity, location, line, column, message, reason. Runs go to every core, a share of documents each.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from gateway.schematron import document, evaluator, pack, reference
from gateway.schematron.pack import Pack
from tests.both import Both, Disagreement
from tests.verdicts.frozen import Judged, Run

CACHE = Path(tempfile.gettempdir()) / f"gateway-packs-{os.getuid()}"


@dataclass(slots=True)
class Tally:
    """What came of the runs of one pack. `failures`: instances in comparable runs; `seen`: rules that failed somewhere."""

    runs: int = 0
    failures: int = 0
    aborts: int = 0
    different: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def add(self, other: Tally) -> None:
        self.runs += other.runs
        self.failures += other.failures
        self.aborts += other.aborts
        self.different += other.different
        self.seen |= other.seen


Tallies = dict[str, Tally]


@cache
def official(name: str) -> Pack:
    return pack.official(name, CACHE)


def compared(documents: Iterable[Judged], evaluate: evaluator.Evaluator, *, until_different: bool = False) -> Tallies:
    """The tallies of these documents, by pack."""
    tallies: Tallies = {}
    for judged in documents:
        found = document.read(judged.data())
        assert found is not None, f"{judged.id}: the parser refuses what the official processor read"
        for run in judged.runs:
            tally = tallies.setdefault(run.pack, Tally())
            tally.runs += 1
            if difference := _compare(run, tally, evaluate, found):
                tally.different.append(f"{judged.id}: {difference}")
                if until_different:
                    return tallies
    return tallies


def _compare(run: Run, tally: Tally, evaluate: evaluator.Evaluator, found: document.Document) -> str:
    """What differs, "" when nothing does."""
    try:
        findings = evaluate.evaluate(official(run.pack), found)
    except Disagreement as wrong:
        return str(wrong)
    if run.failed is None:
        tally.aborts += 1
        return "" if any(f.unevaluable for f in findings) else "the official processor stopped; we have nothing unevaluable"
    ours = Counter(f.rule for f in findings)
    tally.failures += ours.total()
    tally.seen |= ours.keys()
    if ours == run.failed:
        return ""
    rules = sorted(rule for rule in ours.keys() | run.failed.keys() if ours[rule] != run.failed.get(rule, 0))
    return ", ".join(f"{rule} {ours[rule]} instead of {run.failed.get(rule, 0)}" for rule in rules[:5])


def on_every_core(documents: list[Judged], plant: Callable[[], None] | None = None, *, until_different: bool = False) -> Tallies:
    """`compared` by as many processes as there are cores; `plant` is called in each before it begins."""
    cores = os.cpu_count() or 1
    size = 25
    chunks = [documents[at : at + size] for at in range(0, len(documents), size)]
    with multiprocessing.get_context("fork").Pool(cores, _begin, (plant,)) as pool:
        total: Tallies = {}
        for tallies in pool.imap(_Work(until_different), chunks):
            for name, tally in tallies.items():
                total.setdefault(name, Tally()).add(tally)
            if until_different and any(tally.different for tally in tallies.values()):
                break
    return total


_evaluator: evaluator.Evaluator | None = None


def _begin(plant: Callable[[], None] | None) -> None:
    global _evaluator  # noqa: PLW0603  one a process: it holds the packs ready
    if plant:
        plant()
    _evaluator = reference.Evaluator() if plant else Both()  # faults are planted in the readable one


@dataclass(frozen=True, slots=True)
class _Work:
    until_different: bool

    def __call__(self, documents: list[Judged]) -> Tallies:
        assert _evaluator is not None
        return compared(documents, _evaluator, until_different=self.until_different)
