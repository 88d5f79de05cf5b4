"""A share of `make verdicts` in every run of the tests: the official answers on our mutants, and on the corpora where they are."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.schematron import evaluator
from tests.corpora import corpora
from tests.verdicts import aimed, comparison, frozen

LINES = aimed.frozen()


@pytest.mark.parametrize("line", LINES, ids=[line["pack"] for line in LINES])
def test_directed_mutants_are_judged_as_the_official_processor_judges_them(line: dict[str, Any]) -> None:
    result = aimed.judge(line, every=11)
    assert result.mutants > 5
    assert result.different == []


def test_every_aimed_mutant_of_en16931_makes_its_rule_fail() -> None:
    (line,) = (line for line in LINES if line["pack"] == "EN16931-UBL")
    result = aimed.judge(line, every=5)
    assert result.aimed > 100
    assert result.missed == []


def test_a_frozen_answer_for_another_rule_file_is_told() -> None:
    assert "run python -m tests.verdicts.freeze" in aimed.judge({**LINES[0], "stamp": "another"}).different[0]


def test_official_verdicts_of_the_corpora_are_ours() -> None:
    corpora()
    documents = frozen.judged()[::60]
    tallies = comparison.compared(documents, evaluator.best())
    assert {name: tally.different for name, tally in tallies.items() if tally.different} == {}
    assert sum(tally.runs for tally in tallies.values()) > 80


def test_a_wrong_verdict_is_noticed() -> None:
    corpora()
    right = frozen.judged()[0]
    wrong = frozen.Judged(right.kind, right.id, tuple(frozen.Run(run.pack, {**(run.failed or {}), "NO-SUCH": 1}) for run in right.runs))
    tallies = comparison.compared([wrong], evaluator.best())
    assert all(tally.different == [f"{right.id}: NO-SUCH 0 instead of 1"] for tally in tallies.values())
