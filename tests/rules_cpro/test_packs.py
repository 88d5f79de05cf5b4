"""Every rule of our own packs, in both syntaxes: the document that breaks it, and only it, is found; the nearest lawful one is not."""

from __future__ import annotations

import pytest

from gateway.model import Severity
from gateway.own_rules import PACKS, TWINS, rules, schematron
from gateway.schematron import document, evaluator
from gateway.schematron.pack import compile_pack
from tests.rules_cpro import cases_br_fr_cpro, cases_cpro
from tests.rules_cpro import places as at
from tests.rules_cpro.documents import CII, INVOICE, KINDS, TWIN, Case, Edit, accepted, add, changed, text
from tests.rules_cpro.evaluation import compiled, findings

CASES: dict[str, tuple[Case, ...]] = {"CPRO": cases_cpro.CASES, "BR-FR-CPRO": cases_br_fr_cpro.CASES}
TOLD = [(pack, case) for pack in PACKS for case in CASES[pack]]
IBANS = ("BE68539007547034", "NO9386011117947", "FR1420041010050500013M02606", "GB29NWBK60161331926819", "DE89370400440532013000")
"""Examples of national registries: all digits, letters in the account, the shortest."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pack", PACKS)
def test_nothing_is_found_in_an_accepted_invoice(pack: str, kind: str) -> None:
    assert findings(pack, TWIN[kind], accepted(kind)) == []


@pytest.mark.parametrize(
    ("pack", "case"), TOLD, ids=[f"{case.rule}, {case.what}, {'broken' if case.fires else 'kept'}" for _, case in TOLD]
)
def test_a_case_breaks_its_rule_alone(pack: str, case: Case) -> None:
    assert case.variants()
    for kind, data in case.variants():
        found = findings(pack, TWIN[kind], data)
        assert {(f.rule, f.unevaluable) for f in found} == ({(case.rule, False)} if case.fires else set()), kind


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_is_compiled_whole_and_has_a_version(pack: str, twin: str) -> None:
    made = compiled(pack, twin)
    assert made.assertions == sum(rule.is_asserted and twin in rule.twins for rule in rules(pack).values())
    assert made.version == "1.0"


def test_a_finding_says_the_sentence_the_place_and_how_hard() -> None:
    (found,) = findings("CPRO", "UBL", changed(INVOICE, (text(at.UBL_NUMBER, "9" * 21),)))
    assert (found.pack, found.severity, found.message) == ("CPRO", Severity.FATAL, rules("CPRO")["CPRO-NUM-02"].fr)
    assert found.location == "/Invoice/cbc:ID"
    (found,) = findings("CPRO", "CII", changed(CII, (text(at.CODE, "57"),)))
    assert (found.severity, found.message) == (Severity.WARNING, rules("CPRO")["CPRO-PAY-02"].fr)


def test_a_rule_that_fails_on_several_lines_is_found_on_each() -> None:
    long = add("//cac:Item", f"<cbc:Description>{'9' * 1025}</cbc:Description>")
    found = findings("BR-FR-CPRO", "UBL", changed(INVOICE, (long, long)))
    assert [f.rule for f in found] == ["BR-FR-CPRO-31"] * 2


@pytest.mark.parametrize("iban", IBANS)
def test_the_key_of_an_iban_is_that_of_iso_13616(iban: str) -> None:
    wrong = f"{iban[:2]}{97 - int(iban[2:4]):02d}{iban[4:]}"
    for account, expected in ((iban, []), (wrong, ["CPRO-PAY-06"])):
        assert [f.rule for f in findings("CPRO", "UBL", changed(INVOICE, (text(at.UBL_ACCOUNT, account),)))] == expected


_LINES: dict[str, Edit] = {
    INVOICE: add("/*", "<cac:InvoiceLine/>"),
    CII: add("//rsm:SupplyChainTradeTransaction", "<ram:IncludedSupplyChainTradeLineItem/>"),
}


@pytest.mark.parametrize("kind", [INVOICE, CII])
def test_lines_are_counted(kind: str) -> None:
    """A million lines take seconds and 600 MB: the rule is tried with the bound lowered to the two lines of the accepted invoice."""
    source = schematron("BR-FR-CPRO", TWIN[kind])
    assert source.count(b"999999") == 1
    lowered = compile_pack("BR-FR-CPRO", source.replace(b"999999", b"2"))
    for data, expected in ((accepted(kind), []), (changed(kind, (_LINES[kind],)), ["BR-FR-CPRO-19"])):
        assert [f.rule for f in evaluator.best().evaluate(lowered, document.read(data))] == expected
