"""The directed mutants judged by us, beside what the official processor said of them (`directed.jsonl`)."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gateway.schematron import document, evaluator, pack
from tests.both import Both, Disagreement
from tests.verdicts import directed
from tests.verdicts.comparison import official
from tests.verdicts.freeze import FROZEN, changes, stamp


@dataclass(slots=True)
class Aimed:
    """What came of one pack's mutants. `missed`: `not(path)` assertions that an inserted element did not make fail. `stopped`: the
    official processor evaluated beforehand what we did not need, and stopped; XPath 2.0 §2.3.4 leaves that to each: told, no fault."""

    name: str
    mutants: int = 0
    aimed: int = 0
    missed: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


def frozen() -> list[dict[str, Any]]:
    """One line a pack."""
    return [json.loads(line) for line in FROZEN.read_text(encoding="utf-8").splitlines()]


def judged() -> Iterator[Aimed]:
    """Every pack's mutants, packs side by side on every core."""
    with multiprocessing.get_context("fork").Pool(os.cpu_count() or 1) as pool:
        yield from pool.imap(judge, frozen())


def judge(line: dict[str, Any], every: int = 1) -> Aimed:
    """The mutants of one pack, or one in `every`, each compared with its frozen answer."""
    name, result = line["pack"], Aimed(line["pack"])
    if line["stamp"] != stamp(pack.others()[name]):
        result.different.append("frozen for another rule file or sample: run python -m tests.verdicts.freeze")
        return result
    evaluate = Both()
    for mutant in islice(directed.mutants(name), None, None, every):
        _judge(mutant, line, result, evaluate)
    return result


def _judge(mutant: directed.Mutant, line: dict[str, Any], result: Aimed, evaluate: evaluator.Evaluator) -> None:
    found = document.read(mutant.data)
    assert found is not None, mutant.key
    try:
        findings = evaluate.evaluate(official(line["pack"]), found)
    except Disagreement as wrong:
        result.different.append(f"{mutant.key}: {wrong}")
        return
    ours = dict(Counter(f.rule for f in findings))
    fired = {f.rule for f in findings if not f.unevaluable}
    expected = {mutant.rule: 1} if mutant.key in line["alone"] else line["changed"][mutant.key]
    result.mutants += 1
    result.aimed += mutant.aimed
    result.seen |= fired
    if expected is None:
        if not any(f.unevaluable for f in findings):
            result.stopped.append(f"{mutant.key} {mutant.rule}")
        return
    if (difference := changes(line["base"], ours)) != expected:
        result.different.append(f"{mutant.key} {mutant.rule}: {_short(difference)} instead of {_short(expected)}")
    if mutant.aimed and mutant.rule not in fired:
        result.missed.append(f"{mutant.key} {mutant.rule}")


def _short(difference: dict[str, int]) -> str:
    return ", ".join(f"{rule} {n:+}" for rule, n in list(difference.items())[:4]) or "nothing"
