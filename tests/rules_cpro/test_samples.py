"""The samples under the pack CPRO: what is accepted breaks nothing that is fatal, anything else is found as its manifest says."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import samples
from gateway import formats
from gateway.model import Finding, Syntax, is_fatal
from gateway.own_rules import rules
from tests.rules_cpro.evaluation import findings
from tests.ubl_invoices import invoice

HOME = Path(samples.__file__).parent
TWIN = {Syntax.UBL_INVOICE: "UBL", Syntax.UBL_CREDIT_NOTE: "UBL", Syntax.CII: "CII", Syntax.FACTUR_X: "CII"}
MANIFEST: list[dict[str, Any]] = tomllib.loads((HOME / "manifest.toml").read_text(encoding="utf-8"))["invoice"]
CODES = {code: {rule.id for rule in rules("CPRO").values() if code in rule.codes and rule.is_asserted} for rule in rules("CPRO").values()
         for code in rule.codes}  # fmt: skip
"""Rules of the pack by the code of the catalogue that says the same."""

CALENDAR = {"mistakes/date-impossible.xml", "mistakes/date-impossible-cii.xml", "mistakes/date-too-old.xml"}
"""Well written dates: whether the day exists and is near enough is judged by gateway/rules/dates.py alone."""


@cache
def judged(path: str) -> list[Finding] | None:
    """What the pack finds in a sample; None for what it does not judge (unreadable, CPPFactureMixte)."""
    opened = formats.open_document((HOME / path).read_bytes())
    twin = TWIN.get(opened.syntax)
    return None if opened.root is None or twin is None else findings("CPRO", twin, opened.xml)


READ = [line for line in MANIFEST if judged(line["path"]) is not None]
ACCEPTED = [line for line in READ if line["path"].startswith("accepted/")]
OTHERS = [line for line in READ if not line["path"].startswith("accepted/")]


def test_samples_of_every_syntax_are_judged() -> None:
    assert {line["syntax"] for line in ACCEPTED} == {str(syntax) for syntax in TWIN}
    assert len(OTHERS) >= 30


@pytest.mark.parametrize("line", ACCEPTED, ids=lambda line: line["path"])
def test_an_accepted_sample_breaks_no_rule(line: dict[str, Any]) -> None:
    assert judged(line["path"]) == []


@pytest.mark.parametrize("line", OTHERS, ids=lambda line: line["path"])
def test_a_mistake_or_an_invoice_of_the_reform_is_found_as_its_manifest_says(line: dict[str, Any]) -> None:
    found = judged(line["path"])
    assert found is not None
    told = {f.rule for f in found}
    expected = [CODES.get(code, set()) for code in line["findings"] if not (code == "BUS-007" and line["path"] in CALENDAR)]
    assert all(told & ids for ids in expected if ids), "not found by the pack"
    assert told <= set().union(*expected), "found by the pack alone"
    assert line["accepted"] is False or not is_fatal(found)


def test_the_invoices_made_for_tests_break_no_rule() -> None:
    assert findings("CPRO", "UBL", invoice()) == []
