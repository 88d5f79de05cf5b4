"""Other people's invoices under the pack CPRO: it and gateway/rules say the same of them, and French ones fall on known rules only.

The invoices of the corpora are no deposits to Chorus: most name a recipient without SIRET. What matters is that nothing fatal surprises.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache

import pytest

from gateway import formats
from gateway.config import Limits, Rules
from gateway.model import Finding, Severity
from gateway.own_rules import rules
from gateway.rules import check_invoice
from tests.corpora import corpora, manifest
from tests.rules_cpro.evaluation import findings
from tests.rules_cpro.test_samples import TWIN

FILES = [row["file"] for row in manifest() if row["kind"] in ("ubl-invoice", "ubl-creditnote", "cii", "pdf")]
FRENCH = ("france/", "facturx/fnfe-2017-correct/", "facturx/library-fixtures/")
TODAY = date(2026, 11, 1)

SAID = {rule.id: set(rule.codes) for rule in rules("CPRO").values() if rule.is_asserted}
CODES = set().union(*SAID.values()) - {"BUS-007"}
"""Codes that the pack says too. BUS-007 also says which days exist and are near enough: that is no matter of the document alone."""

EXCUSED = {
    "ATT-003": ".pdf",  # files attached to the PDF, not to the invoice in it
}
"""Codes of gateway/rules that the pack does not repeat, by a part of the file's name."""

FATAL_ON_FRENCH = {
    "CPRO-ID-10": 19,  # B2B: the recipient is known by its SIREN, or is foreign
    "CPRO-DOC-01": 3,  # corrective invoices, type 384
}


@cache
def judged(file: str) -> tuple[set[str], list[Finding]] | None:
    """(codes of gateway/rules, findings of the pack) on one file; None where it holds no invoice that can be read."""
    opened = formats.open_document((corpora() / file).read_bytes())
    if opened.root is None or opened.syntax not in TWIN:
        return None
    told = {f.rule for invoice in opened.invoices() for f in check_invoice(invoice, Rules(), today=TODAY, limits=Limits())}
    return told, findings("CPRO", TWIN[opened.syntax], opened.xml)


def every() -> Iterator[tuple[str, set[str], list[Finding]]]:
    """Every file that is judged."""
    corpora()
    for file in FILES:
        answer = judged(file)
        if answer is not None:
            yield file, *answer


def test_most_of_the_corpora_is_judged_and_nothing_is_unevaluable() -> None:
    answers = list(every())
    assert len(answers) >= 260
    assert [(file, f.rule) for file, _, found in answers for f in found if f.unevaluable] == []


def test_what_our_rules_find_the_pack_finds_too() -> None:
    for file, told, found in every():
        said = set().union(*(SAID[f.rule] for f in found))
        assert {code for code in told & CODES - said if EXCUSED.get(code, "?") not in file} == set(), file


def test_what_the_pack_finds_our_rules_find_too() -> None:
    for file, told, found in every():
        assert [f.rule for f in found if SAID[f.rule] and not SAID[f.rule] & told] == [], file


def test_french_invoices_fall_on_known_rules_only() -> None:
    fatal = [f.rule for file, _, found in every() if file.startswith(FRENCH) for f in found if f.severity is Severity.FATAL]
    assert {rule: fatal.count(rule) for rule in fatal} == FATAL_ON_FRENCH


@pytest.mark.parametrize("rule", ["CPRO-RT-01", "CPRO-RT-02", "CPRO-RT-03", "CPRO-RT-04", "CPRO-NUM-02", "CPRO-DOC-03", "CPRO-DOC-04"])
def test_a_rule_on_lengths_and_forms_turns_no_invoice_of_others_away(rule: str) -> None:
    assert [file for file, _, found in every() if any(f.rule == rule for f in found)] == []
